"""OAUTHBEARER: a token of an issuer that the configuration names says who the client is."""

from __future__ import annotations

import json
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.resolved import OAuthIssuer
from smtpdsl.ir.syntax import Word
from smtpdsl.runtime.credentials.tokens import Tokens
from smtpdsl.runtime.relay.session_log import NoLog
from smtpdsl.runtime.sasl.bearer import Bearer
from smtpdsl.runtime.sasl.moves import Asserted, Challenge, Failed, Malformed, Move
from tests.tls_peers import Journal
from tests.tokens import ISSUER, Issuer, response

SPAN = Source(name="smtpd.conf", text="oauth-issuer").whole()
INVALID = Challenge(b'{"status":"invalid_token"}')
OURS = Issuer()


def trusted(path: Path, name: str = ISSUER) -> OAuthIssuer:
    """Return the statement for an issuer whose key set is at *path*."""
    return OAuthIssuer(span=SPAN, issuer=name, key=Word(span=SPAN, text=str(path)), audience="mail")


@pytest.fixture
def key_set(tmp_path: Path) -> Path:
    """The keys of `OURS`."""
    path = tmp_path / "id.jwks"
    path.write_text(OURS.key_set)
    return path


def outcome(key_set: Path, octets: bytes) -> Move:
    """Return what a client that says *octets* comes to, once it has taken notice of a failure."""
    bearer = Bearer(Tokens([trusted(key_set)], str, NoLog()))
    move = bearer.step(octets)
    return bearer.step(b"\x01") if move == INVALID else move


@pytest.mark.parametrize("named", ["", "ann@example.org", "ANN@example.org"])
def test_a_token_is_a_login(key_set: Path, named: str) -> None:
    """Of whom it names, whether the client repeats that or not."""
    assert outcome(key_set, response(OURS.token("ann@example.org"), named)) == Asserted("ann@example.org")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (OURS.token("ann", seconds=-120), "the token is too old"),
        (OURS.token("ann", nbf=4e9), "the token is not valid yet"),
        (OURS.token("ann", aud="calendar"), "the token is for somebody else"),
        (OURS.token("ann", aud=None), "the token does not say who made it, for whom, or until when"),
        (OURS.token("ann", iss="https://evil.example"), "the token is of somebody else"),
        (OURS.token("ann", exp=None), "the token does not say who made it, for whom, or until when"),
        (OURS.token(None), "the token has no login in its claim email"),
        (OURS.token("ann\r\n"), "the token has no login in its claim email"),
        (OURS.token("ann", email_verified=False), "its issuer has not verified the address in the token"),
        (OURS.token("ann", email_verified="false"), "its issuer has not verified the address in the token"),
        (Issuer().token("ann"), "no key of the issuer has signed the token"),
        (Issuer(key_name="k2").token("ann"), "no key of the issuer has signed the token"),
        (jwt.encode({"iss": ISSUER}, "", algorithm="none"), "the token is signed in a way that is not taken"),
        ("e30.e30.", "the token is signed in a way that is not taken"),
        ("rubbish", "it is no token"),
    ],
)
def test_a_token_that_is_not_believed(key_set: Path, token: str, why: str) -> None:
    """The client hears that it is not; the log hears why, and neither repeats it."""
    assert outcome(key_set, response(token)) == Failed("", why)


def test_a_token_signed_with_the_public_key_as_a_secret(key_set: Path) -> None:
    """An issuer has no secrets in common with anybody, so such a signature is none (RFC 8725 §2.1)."""
    secret = json.loads(OURS.key_set)["keys"][0]["x"] * 2
    token = jwt.encode({"iss": ISSUER, "aud": "mail", "exp": 4e9, "email": "ann"}, secret, headers={"kid": "k1"})

    assert outcome(key_set, response(token)) == Failed("", "the token is signed in a way that is not taken")


def test_nobody_acts_for_somebody_else(key_set: Path) -> None:
    """The name that the client gives is the one that the token has."""
    found = outcome(key_set, response(OURS.token("ann@example.org"), "ben@example.org"))

    assert found == Failed("ben@example.org", "the token is somebody else's")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x01",
        b"n,,\x01\x01",
        b"n,,\x01auth=Basic YQ==\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer token\x01",
        b"p=tls-exporter,,\x01auth=Bearer token\x01\x01",
        b"n,a=\xff,\x01auth=Bearer token\x01\x01",
    ],
)
def test_what_is_not_the_mechanism(key_set: Path, octets: bytes) -> None:
    """Is malformed, and not a wrong token."""
    assert isinstance(outcome(key_set, octets), Malformed)


@given(octets=st.binary())
def test_no_octets_are_a_login(octets: bytes) -> None:
    """And none makes anything else happen than a refusal."""
    assert isinstance(Bearer(Tokens([], str, NoLog())).step(octets), Malformed | Challenge)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"keys": [5]}', '{"keys": []}', "[" * 100_000, OURS.key_set.replace('"sig"', '["sig"]')],
)
def test_a_key_set_that_is_none(key_set: Path, text: str) -> None:
    """Is told at the start, and nobody logs in."""
    key_set.write_text(text)
    log = Journal()
    tokens = Tokens([trusted(key_set)], str, log)

    assert len(log.warnings) == 2
    assert Bearer(tokens).step(response(OURS.token("ann"))) == INVALID


def test_a_new_key_set_takes_effect(key_set: Path) -> None:
    """A bad one does not: the keys before it are still good."""
    log = Journal()
    tokens = Tokens([trusted(key_set)], str, log)
    follower = Issuer(key_name="k2")

    assert Bearer(tokens).step(response(OURS.token("ann"))) == Asserted("ann")
    key_set.write_text("{}")
    assert Bearer(tokens).step(response(OURS.token("ann"))) == Asserted("ann")
    key_set.write_text(follower.key_set)
    assert Bearer(tokens).step(response(OURS.token("ann"))) == INVALID
    assert Bearer(tokens).step(response(follower.token("ann"))) == Asserted("ann")
    assert [line for line in log.warnings if "cannot be used" in line] != []


@pytest.mark.parametrize("is_verified", [True, "true"])
def test_an_address_that_its_issuer_has_verified(key_set: Path, is_verified: object) -> None:
    """Is as good as one of which it says nothing."""
    token = OURS.token("ann@example.org", email_verified=is_verified)

    assert outcome(key_set, response(token)) == Asserted("ann@example.org")


def test_a_key_set_that_is_not_there(tmp_path: Path) -> None:
    """Is told at the start, and not when somebody cannot log in."""
    log = Journal()
    Tokens([trusted(tmp_path / "missing")], str, log)

    assert log.warnings == [f"nobody can log in with a token of {ISSUER} until {tmp_path}/missing has its keys"]


def test_one_of_several_issuers_is_enough(key_set: Path, tmp_path: Path) -> None:
    """Also if the key set of another one is not there."""
    issuers = [trusted(tmp_path / "missing", "https://other.example"), trusted(key_set)]

    assert Bearer(Tokens(issuers, str, NoLog())).step(response(OURS.token("ann"))) == Asserted("ann")
