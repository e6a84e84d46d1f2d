"""Logging in elsewhere: our client against our own server's side, and against servers that cheat."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.protocol.client_login import Exchange, LoginError
from smtpdsl.runtime.sasl.client import Account
from smtpdsl.runtime.sasl.moves import Challenge, Failed, FindKeys, Proven
from smtpdsl.runtime.sasl.scram import Scram

PASSWORD = "s3cret, pass=word"  # noqa: S105 - of nobody
ANN = Account("a=n,n", Secret(PASSWORD.encode()))
NOTHING: frozenset[str] = frozenset()


def begin(*offered: str, refused: frozenset[str] = NOTHING, end_point: bytes | None = None) -> Exchange | None:
    """Choose among *offered*."""
    return ANN.begin(frozenset(offered), refused, lambda: end_point)


def keys_of(password: str, iterations: int = 4096) -> ScramKeys:
    """Return what a server keeps of *password*."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b"saltsalt", iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return ScramKeys(iterations=iterations, salt=b"saltsalt", stored_key=stored, server_key=server)


# ---------------------------------------------------------------- the choice


@pytest.mark.parametrize(
    ("offered", "refused", "chosen"),
    [
        (("PLAIN", "LOGIN", "SCRAM-SHA-256"), (), "SCRAM-SHA-256"),
        (("PLAIN", "LOGIN", "SCRAM-SHA-256"), ("SCRAM-SHA-256",), "PLAIN"),
        (("PLAIN", "LOGIN", "SCRAM-SHA-256"), ("SCRAM-SHA-256", "PLAIN"), None),
        (("LOGIN", "CRAM-MD5"), (), "LOGIN"),
        (("LOGIN", "PLAIN"), ("PLAIN",), None),
        (("CRAM-MD5", "XOAUTH2"), (), None),
        ((), (), None),
    ],
)
def test_the_best_mechanism_goes_first(offered: tuple[str, ...], refused: tuple[str, ...], chosen: str | None) -> None:
    """One that refuses the password is not told it again."""
    exchange = begin(*offered, refused=frozenset(refused))

    assert (exchange.mechanism if exchange else None) == chosen


def test_plain_tells_everything_at_once() -> None:
    """RFC 4616; and nothing to whoever asks again."""
    exchange = begin("PLAIN")
    assert exchange is not None
    assert not exchange.is_complete
    assert exchange.respond(None) == b"\0a=n,n\0s3cret, pass=word"
    assert exchange.is_complete
    with pytest.raises(LoginError):
        exchange.respond(b"")


def test_login_waits_for_two_questions() -> None:
    """Whatever they are."""
    exchange = begin("LOGIN")
    assert exchange is not None
    assert exchange.respond(None) is None
    assert exchange.respond(b"Username:") == b"a=n,n"
    assert not exchange.is_complete
    assert exchange.respond(b"anything") == PASSWORD.encode()
    assert exchange.is_complete
    with pytest.raises(LoginError):
        exchange.respond(b"")


# ---------------------------------------------------------------- SCRAM


def answer(server: Scram, response: bytes | None, keys: ScramKeys) -> bytes:
    """Let *server*, which has *keys*, answer with a challenge."""
    move = server.step(response)
    if isinstance(move, FindKeys):
        assert move.login == "a=n,n"
        move = server.keys_found(keys)
    assert isinstance(move, Challenge)
    return move.octets


def test_scram_proves_both_sides() -> None:
    """Our server's side believes our client, and our client it."""
    for _ in range(2):
        server, client = Scram({}), begin("SCRAM-SHA-256")
        assert client is not None
        first = answer(server, client.respond(None), keys_of(PASSWORD))
        final = answer(server, client.respond(first), keys_of(PASSWORD))
        assert not client.is_complete
        assert server.step(client.respond(final)) == Proven("a=n,n")
        assert client.is_complete


SCRAM, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
CHANNEL = b"what the certificate hashes to"


@pytest.mark.parametrize(
    ("offered", "refused", "end_point", "chosen", "header"),
    [
        ((SCRAM, PLUS), (), CHANNEL, PLUS, b"p=tls-server-end-point,,"),
        ((SCRAM, PLUS), (), None, SCRAM, b"n,,"),
        ((SCRAM, PLUS), (PLUS,), CHANNEL, SCRAM, b"n,,"),
        ((SCRAM,), (), CHANNEL, SCRAM, b"y,,"),
        ((PLUS,), (), CHANNEL, PLUS, b"p=tls-server-end-point,,"),
    ],
)
def test_a_login_is_bound_to_the_channel_if_it_can_be(
    offered: tuple[str, ...], refused: tuple[str, ...], end_point: bytes | None, chosen: str, header: bytes
) -> None:
    """And if it could have been, the server is told that nobody offered it (RFC 5802 §6)."""
    client = begin(*offered, refused=frozenset(refused), end_point=end_point)
    assert client is not None

    assert client.mechanism == chosen
    assert (client.respond(None) or b"").startswith(header + b"n=")


@pytest.mark.parametrize(("theirs", "is_believed"), [(CHANNEL, True), (b"that of somebody between us", False)])
def test_nobody_is_between_the_two_ends_of_a_bound_channel(theirs: bytes, *, is_believed: bool) -> None:
    """Our server's side has its own certificate, and looks whether the client has seen that one."""
    server = Scram({"tls-server-end-point": theirs}, is_plus=True)
    client = begin(SCRAM, PLUS, end_point=CHANNEL)
    assert client is not None
    final = server.step(client.respond(answer(server, client.respond(None), keys_of(PASSWORD))))

    assert isinstance(final, Challenge) is is_believed


def test_who_offers_no_binding_that_the_server_has_is_found_out() -> None:
    """Somebody has cut it out of what the server said."""
    server = Scram({"tls-server-end-point": CHANNEL})
    client = begin(SCRAM, end_point=CHANNEL)
    assert client is not None

    assert isinstance(server.step(client.respond(None)), Failed)


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        (b"Password:", "it speaks no SCRAM-SHA-256"),
        (b"r=%b,s=c2FsdA==,i=4096", "it answers another exchange"),
        (b"r=otherMORE,s=c2FsdA==,i=4096", "it answers another exchange"),
        (b"r=%bMORE,s=c2FsdA==,i=1", "it wants 1 iterations, and not 4096 to 200000"),
        (b"r=%bMORE,s=c2FsdA==,i=999999999", "it wants 999999999 iterations, and not 4096 to 200000"),
        (b"r=%bMORE,s=c,i=4096", "it speaks no SCRAM-SHA-256"),
    ],
)
def test_a_server_that_cheats_is_not_answered(challenge: bytes, reason: str) -> None:
    """With too little work the password could be guessed, with too much everybody would wait."""
    client = begin("SCRAM-SHA-256")
    assert client is not None
    first = client.respond(None)
    assert first is not None
    nonce = first.rpartition(b"r=")[2]
    with pytest.raises(LoginError, match=reason):
        client.respond(challenge.replace(b"%b", nonce))


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    """It could say 235 to anybody."""
    server, client = Scram({}), begin("SCRAM-SHA-256")
    assert client is not None
    client.respond(answer(server, client.respond(None), keys_of(PASSWORD)))
    with pytest.raises(LoginError, match="it does not know the password"):
        client.respond(b"v=" + b64encode(b"x" * 32))
    assert not client.is_complete


CHALLENGES = st.binary(max_size=30) | st.sampled_from(
    [b"", b"r=", b"r=x,s=YQ==,i=4096", b"r=\xff,s=YQ==,i=4096", b"v=", b"v=YQ==", b"e=other-error", b"r=x,s==,i=4096"]
)


@given(
    mechanism=st.sampled_from([SCRAM, PLUS, "PLAIN", "LOGIN"]),
    challenges=st.lists(CHALLENGES, max_size=4),
    echoes_nonce=st.booleans(),
)
def test_nothing_that_a_server_asks_breaks_an_exchange(
    mechanism: str, challenges: list[bytes], *, echoes_nonce: bool
) -> None:
    """It is answered, or it is said why not; and no server of these is believed by SCRAM."""
    client = begin(mechanism, end_point=CHANNEL)
    assert client is not None
    nonce = (client.respond(None) or b"").rpartition(b"r=")[2]
    for challenge in challenges:
        with suppress(LoginError):
            client.respond(challenge.replace(b"r=", b"r=" + nonce) if echoes_nonce else challenge)

    assert not (client.is_complete and mechanism in {SCRAM, PLUS})


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "text",
    [
        f"535 wrong: {PASSWORD}",
        "535 bad: " + b64encode(PASSWORD.encode()).decode(),
        "535 bad: AUTH PLAIN " + b64encode(f"\0a=n,n\0{PASSWORD}".encode()).decode(),
    ],
)
def test_a_text_that_repeats_the_password_is_found(text: str) -> None:
    """As it is written, and as it is sent."""
    assert ANN.is_told_by(text)
    assert not ANN.is_told_by("535 5.7.8 authentication failed")


def test_nobody_prints_an_account_with_its_password() -> None:
    """Not by mistake."""
    assert PASSWORD not in repr(ANN)
