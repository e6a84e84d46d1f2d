"""PLAIN and LOGIN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sasl.moves import Challenge, CheckPassword, Failed, Malformed, Move
from smtpdsl.runtime.sasl.plain import Login, Plain


def login(*messages: bytes | None) -> Move:
    """Return where the last of *messages* leads."""
    mechanism = Login()
    return [mechanism.step(octets) for octets in messages][-1]


@pytest.mark.parametrize(
    ("octets", "name", "password"),
    [
        (b"\0tim\0tanstaaftanstaaf", "tim", b"tanstaaftanstaaf"),  # RFC 4616 §4
        (b"tim\0tim\0pw", "tim", b"pw"),
        (b"\0a\0b", "a", b"b"),
        (b"\0Ann@Example.ORG\0s3cret pass", "Ann@Example.ORG", b"s3cret pass"),
        ("\0ann\u00adi\0p\u00e4ss".encode(), "anni", "p\u00e4ss".encode()),
        (b"\0ann\0\xff\xff\xff", "ann", b"\xff\xff\xff"),
        (b"\0*)(uid=*\0x", "*)(uid=*", b"x"),
        (b"\0alice|ok\0x", "alice|ok", b"x"),
        (b"\0" + b"a" * 255 + b"\0" + b"b" * 511, "a" * 255, b"b" * 511),
    ],
)
def test_plain_says_it_all(octets: bytes, name: str, password: bytes) -> None:
    """Names are prepared; passwords are octets, and nothing is judged here."""
    assert Plain().step(octets) == CheckPassword(name, Secret(password))


def test_plain_may_be_asked() -> None:
    """RFC 4954 §4: without an initial response the server's challenge is empty."""
    mechanism = Plain()

    assert mechanism.step(None) == Challenge(b"")
    assert mechanism.step(b"\0ann\0secret") == CheckPassword("ann", Secret(b"secret"))


@pytest.mark.parametrize("octets", [b"bob\0alice\0s3cret pass", b"\xc2\xaalice2\0alice\0pw", b"ALICE\0alice\0pw"])
def test_nobody_acts_for_somebody_else(octets: bytes) -> None:
    """The authorization identity is left out, or it is the login itself."""
    move = Plain().step(octets)

    assert isinstance(move, Failed)
    assert move.login == "alice"


BAD_LOGINS = [b"", b"a" * 256, b"\xff", b"ann\r\nauth", b"ann\x1b[2J", b"ann\x7f", "\u00ad".encode(), "\ue000".encode()]
BAD_PASSWORDS = [b"", b"b" * 512, b"x\ny", b"x\ry", b"x\ty", b"x\x7f"]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"ann",
        b"ann\0secret",
        b"\0\0",
        b"\0ann\0secret\0more",
        *(b"\0" + name + b"\0secret" for name in BAD_LOGINS),
        *(b"\0ann\0" + password for password in BAD_PASSWORDS),
        b"\xff\0ann\0secret",
    ],
)
def test_what_is_not_plain_is_told(octets: bytes) -> None:
    """Without repeating any of it."""
    move = Plain().step(octets)

    assert isinstance(move, Malformed)
    assert "secret" not in move.why
    assert move.why.isprintable()


def test_login_asks_twice() -> None:
    """The prompts are those that clients look for."""
    assert login(None) == Challenge(b"Username:")
    assert login(None, b"ann") == Challenge(b"Password:")
    assert login(None, b"ann", b"secret") == CheckPassword("ann", Secret(b"secret"))


def test_login_may_begin_with_the_name() -> None:
    """As an initial response."""
    assert login(b"ann") == Challenge(b"Password:")
    assert login(b"ann", b"secret") == CheckPassword("ann", Secret(b"secret"))


@pytest.mark.parametrize("name", [*BAD_LOGINS, b"a\0b"])
def test_login_takes_no_name_that_is_none(name: bytes) -> None:
    """Before it asks for the password."""
    assert isinstance(login(name), Malformed)


@pytest.mark.parametrize("password", [*BAD_PASSWORDS, b"a\0b"])
def test_login_takes_no_password_that_is_none(password: bytes) -> None:
    """It is not looked at any further."""
    assert isinstance(login(b"ann", password), Malformed)


@given(octets=st.binary(max_size=60) | st.lists(st.binary(max_size=20), min_size=3, max_size=3).map(b"\0".join))
def test_any_octets_lead_somewhere(octets: bytes) -> None:
    """To a question, or to a refusal; a login is always printable text."""
    for move in (Plain().step(octets), login(octets, octets)):
        if isinstance(move, CheckPassword):
            assert move.login
            assert not {*map(chr, range(32)), "\x7f"} & set(move.login)
        else:
            assert isinstance(move, Failed | Malformed)
