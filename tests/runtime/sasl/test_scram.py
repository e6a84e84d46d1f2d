"""SCRAM-SHA-256, against the example of RFC 7677 and the client of another library."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.credentials.scram_secret import scram_keys
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sasl.moves import Challenge, Failed, FindKeys, Malformed, Move, Proven
from smtpdsl.runtime.sasl.scram import Scram, server_nonce
from tests.runtime.sasl.channels import BINDINGS

END_POINT = "tls-server-end-point"
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
KEYS = scram_keys(Secret(b"pencil"), SALT, 4096)

# RFC 7677 §3
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def example(bindings: Mapping[str, bytes] | None = None, *, is_plus: bool = False) -> Scram:
    """Return a server that has the nonce of the example."""
    return Scram(bindings or {}, is_plus=is_plus, nonce=lambda: SERVER_NONCE)


def waiting() -> Scram:
    """Return a server of the example that waits for the client's proof."""
    server = example()
    assert server.step(CLIENT_FIRST) == FindKeys("user")
    server.keys_found(KEYS)
    return server


def converse(server: Scram, client: ScramClient, keys: ScramKeys) -> Move:
    """Let *client* log in, and return where it has come to."""
    found = server.step(client.get_client_first().encode())
    if not isinstance(found, FindKeys):
        return found
    client.set_server_first(server.keys_found(keys).octets.decode())
    final = server.step(client.get_client_final().encode())
    if not isinstance(final, Challenge):
        return final
    # It checks that we know its keys.
    client.set_server_final(final.octets.decode())
    return server.step(b"")


def test_the_example_of_the_rfc() -> None:
    """Octet by octet; the last message of the server is a challenge, whose answer is empty."""
    server = example()

    assert server.step(None) == Challenge(b"")
    assert server.step(CLIENT_FIRST) == FindKeys("user")
    assert server.keys_found(KEYS) == Challenge(SERVER_FIRST)
    assert server.step(CLIENT_FINAL) == Challenge(SERVER_FINAL)
    assert server.step(b"") == Proven("user")


def test_nothing_follows_the_end() -> None:
    """The answer to the last challenge has to be empty."""
    server = waiting()
    server.step(CLIENT_FINAL)

    assert isinstance(server.step(b"more"), Malformed)


def test_a_proof_is_needed() -> None:
    """An empty message before it does not end the exchange."""
    assert isinstance(waiting().step(b""), Malformed)


def test_other_keys_are_not_proved() -> None:
    """Those of another password."""
    server = example()
    server.step(CLIENT_FIRST)
    server.keys_found(scram_keys(Secret(b"pen"), SALT, 4096))

    assert server.step(CLIENT_FINAL) == Failed("user", "wrong login or password")


@pytest.mark.parametrize(
    "final",
    [
        CLIENT_FINAL.replace(b"p=dHzb", b"p=dHzc"),
        CLIENT_FINAL.replace(b"biws", b64encode(b"y,,")),
        CLIENT_FINAL.replace(b"biws", b64encode(b"n,,x")),
        CLIENT_FINAL.replace(b"k0,", b"k1,"),
        CLIENT_FINAL.replace(b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", b""),
        CLIENT_FINAL.replace(b",p=", b",x=1,p="),
        re.sub(b"p=.*", b"p=AAAA", CLIENT_FINAL),
    ],
)
def test_what_was_changed_on_the_way_is_no_proof(final: bytes) -> None:
    """Proof, channel, nonce and extensions are all part of what is proved."""
    assert isinstance(waiting().step(final), Failed)


@pytest.mark.parametrize(
    "nonce", [b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k1", b"rOprNGfwEbeRWgbNEkqO", b"another"]
)
def test_even_who_knows_the_password_has_to_answer_this_challenge(nonce: bytes) -> None:
    """The proof would fit; the nonce is not the one of this exchange."""
    unproved = b"c=biws,r=" + nonce
    message = b",".join((CLIENT_FIRST[3:], SERVER_FIRST, unproved))
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))

    assert waiting().step(unproved + b",p=" + b64encode(proof)) == Failed("user", "it answers another challenge")


@pytest.mark.parametrize(
    "final",
    [
        b"",
        b"\xff",
        b"c=biws,r=x",
        CLIENT_FINAL + b",x=1",
        CLIENT_FINAL + b"!",
        CLIENT_FINAL.replace(b"biws", b"biw"),
        CLIENT_FINAL.replace(b",p=", b",m=1,p="),
        CLIENT_FINAL + b"A" * 5000,
    ],
)
def test_what_is_no_last_message_is_told(final: bytes) -> None:
    """It is not guessed what it means."""
    assert isinstance(waiting().step(final), Malformed)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n,,",
        b"n,n=user,r=abc",
        b"x,,n=user,r=abc",
        b"n,,n=,r=abc",
        b"n,,n=user,r=",
        b"n,,n=user,r=a b",
        b"n,,n=us=er,r=abc",
        b"n,,n=us=2cer,r=abc",
        b"n,,n=us\0er,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,n=us\r\ner,r=abc",
        b"n,,m=x,n=user,r=abc",
        b"n,,n=user,r=abc,m=x",
        b"n,a=,n=user,r=abc",
        b"p=,,n=user,r=abc",
        b"p=tls_unique,,n=user,r=abc",
        b"n,,n=user,r=" + b"a" * 5000,
    ],
)
def test_what_is_no_first_message_is_told(first: bytes) -> None:
    """A mandatory extension among it, since we know none."""
    assert isinstance(example().step(first), Malformed)


@pytest.mark.parametrize(
    ("first", "login"),
    [
        (b"n,,n=user,r=abc", "user"),
        (b"y,,n=user,r=abc", "user"),
        (b"n,a=user,n=user,r=abc", "user"),
        (b"n,,n=a=2Cb=3Dc,r=abc", "a,b=c"),
        (b"n,,n=ann@example.org,r=abc,x=any,y=", "ann@example.org"),
        ("n,,n=I\u00adX,r=abc".encode(), "IX"),
    ],
)
def test_a_first_message_names_a_login(first: bytes, login: str) -> None:
    """With its escapes undone, and prepared."""
    assert example().step(first) == FindKeys(login)


def test_nobody_acts_for_somebody_else() -> None:
    """As in PLAIN."""
    assert isinstance(example().step(b"n,a=root,n=user,r=abc"), Failed)


@pytest.mark.parametrize(
    ("first", "is_plus", "is_right"),
    [
        # -PLUS was offered: who could use it and was not told has been lied to (RFC 5802 §6).
        (b"y,,n=user,r=abc", False, False),
        (b"n,,n=user,r=abc", False, True),
        (b"p=tls-server-end-point,,n=user,r=abc", False, False),
        (b"p=tls-server-end-point,,n=user,r=abc", True, True),
        (b"p=tls-exporter,,n=user,r=abc", True, True),
        (b"p=tls-unique,,n=user,r=abc", True, False),
        (b"n,,n=user,r=abc", True, False),
        (b"y,,n=user,r=abc", True, False),
    ],
)
def test_plus_is_used_if_it_is_chosen(first: bytes, is_plus: bool, is_right: bool) -> None:  # noqa: FBT001 - columns
    """And nobody can take it out of what is offered without being noticed."""
    move = example(BINDINGS, is_plus=is_plus).step(first)

    assert (move == FindKeys("user")) == is_right


@settings(max_examples=25, deadline=None)
@given(
    password=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\x7f"), min_size=1),
    guess=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1),
)
def test_another_client_can_log_in(password: str, guess: str) -> None:
    """With the password, and with no other."""
    if any("\x7f" <= character <= "\x9f" for character in password):
        password = "control characters are refused"  # noqa: S105 - of nobody
    keys = scram_keys(Secret(password.encode()), SALT, 4096)

    right = ScramClient(["SCRAM-SHA-256"], "user,=", password)
    assert converse(Scram({}), right, keys) == Proven("user,=")
    if guess != password:
        wrong = ScramClient(["SCRAM-SHA-256"], "user", guess)
        assert converse(Scram({}), wrong, keys) == Failed("user", "wrong login or password")


def test_another_client_can_bind_to_the_channel() -> None:
    """To the same one; in the middle somebody else has another certificate."""
    mechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
    bound = ScramClient(mechanisms, "user", "pencil", channel_binding=(END_POINT, BINDINGS[END_POINT]))
    fooled = ScramClient(mechanisms, "user", "pencil", channel_binding=(END_POINT, b"of another certificate"))

    assert converse(Scram(BINDINGS, is_plus=True), bound, KEYS) == Proven("user")
    assert converse(Scram(BINDINGS, is_plus=True), fooled, KEYS) == Failed("user", "it is bound to another channel")


def test_no_two_exchanges_have_the_same_nonce() -> None:
    """Nobody can answer with what was heard before."""
    nonces = {server_nonce() for _ in range(100)}

    assert len(nonces) == 100
    assert all(re.fullmatch(rb"[\x21-\x2b\x2d-\x7e]{20,}", nonce) for nonce in nonces)


@given(octets=st.lists(st.binary(max_size=80) | st.sampled_from([CLIENT_FIRST, CLIENT_FINAL, b""]), max_size=4))
def test_any_octets_lead_somewhere(octets: list[bytes]) -> None:
    """Nobody is let in who has not sent the proof."""
    server = example()
    for message in octets:
        move = server.step(message)
        if isinstance(move, FindKeys):
            server.keys_found(KEYS)
        elif not isinstance(move, Challenge):
            assert not isinstance(move, Proven) or octets[:3] == [CLIENT_FIRST, CLIENT_FINAL, b""]
            return
