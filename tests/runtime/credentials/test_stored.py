"""What is stored of a password, and whether a password is the one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.credentials.crypt_library import crypt_hash, has_crypt
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import (
    NOBODY,
    CheckError,
    Locked,
    PasswordHash,
    matches,
    read_stored,
    shape,
    typical,
)
from tests.runtime.credentials.samples import HASHES, OCTETS, scram, sha512

# What a client may send as a password.
PASSWORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1)


def checked(value: str) -> PasswordHash | ScramKeys:
    """Read a value that a password can open."""
    stored = read_stored(value)
    assert stored is not None
    assert not isinstance(stored, Locked)
    return stored


def test_this_system_has_crypt() -> None:
    """Otherwise most of what follows means nothing."""
    assert has_crypt()


@pytest.mark.parametrize("kind", HASHES)
def test_each_kind_knows_its_password(kind: str) -> None:
    """It is right octet by octet, and nothing else is."""
    stored = checked(HASHES[kind])

    assert matches(stored, Secret(OCTETS))
    assert not matches(stored, Secret(OCTETS.swapcase()))
    assert not matches(stored, Secret(b"\xff"))


@pytest.mark.parametrize("value", [HASHES["bcrypt 2b"], scram("x")])
def test_a_login_may_stand_before_it(value: str) -> None:
    """As the original has it."""
    assert read_stored(f"ann:{value}") == read_stored(value)


@pytest.mark.parametrize(
    ("value", "is_shut"), [("*LOCKED*", False), ("***", False), ("!" + HASHES["DES"], True), ("ann:!!", True)]
)
def test_a_locked_account_says_how(value: str, is_shut: bool) -> None:  # noqa: FBT001 - a column
    """Without a password, or without any way in."""
    assert read_stored(value) == Locked(is_shut=is_shut)


@pytest.mark.parametrize("value", ["", "x", "secret word", "{SSHA}xyz", "{SCRAM-SHA-256}1,2,3,4", "$9$a$b", "ann:"])
def test_what_nobody_can_log_in_with_is_not_believed(value: str) -> None:
    """A password in the clear least of all."""
    assert read_stored(value) is None


@settings(max_examples=60)
@given(password=PASSWORDS, guess=PASSWORDS)
def test_a_password_is_right_if_it_is_the_same(password: str, guess: str) -> None:
    """For what crypt(3) hashes, octets decide; characters that look alike are not alike."""
    stored = checked(sha512(password))

    assert matches(stored, Secret(password.encode()))
    assert matches(stored, Secret(guess.encode())) == (guess == password)


def test_scram_takes_what_looks_alike() -> None:
    """Its clients prepare passwords, so a hash of the prepared one is what is stored (RFC 5802 §2.2)."""
    stored = checked(scram("I\u00adX"))

    assert matches(stored, Secret("\u2168".encode()))
    assert not matches(stored, Secret(b"ix"))


@pytest.mark.parametrize(
    "text", ["$2b$99$Jxq7Zb3fVw0a1Ld9Jxq7Ze8ROA0Q3tCz2m9v3Qq0Y1mJ0m5nS0iAe", "$argon2id$v=19$m=9,t=0,p=0$c2FsdA$aGFzaA"]
)
def test_a_check_that_cannot_be_made_is_no_answer(text: str) -> None:
    """Its owner must not be told that the password is wrong."""
    with pytest.raises(CheckError) as raised:
        matches(PasswordHash(text=text), Secret(b"secret"))

    assert "secret" not in str(raised.value)
    assert text not in str(raised.value)


def test_crypt_takes_no_nul() -> None:
    """It would end the password there, and what follows would not matter."""
    assert crypt_hash(b"secret\0more", HASHES["sha512-crypt"]) is None


def test_equal_costs_have_equal_shapes() -> None:
    """Salt and hash are no part of it, rounds are."""
    shapes = {kind: shape(checked(value)) for kind, value in HASHES.items()}

    assert shapes["bcrypt 2b"] == "$2b$04"
    assert shapes["yescrypt"] == "$y$j75"
    assert shapes["scrypt"] == "$7$46..../...."
    assert shapes["argon2id"] == "$argon2id$v=19$m=64,t=1,p=1"
    assert shapes["sha512-crypt with rounds"] == "$6$rounds=1000"
    assert shapes["SCRAM-SHA-256"] == "{SCRAM-SHA-256}4096"
    assert shape(checked(sha512("a"))) == shape(checked(sha512("b")))
    assert len(set(shapes.values())) == len(shapes)


def test_the_typical_one_is_of_the_most_common_shape() -> None:
    """So that it takes as long as most."""
    one, two, other = (checked(value) for value in (sha512("a"), sha512("b"), HASHES["bcrypt 2b"]))

    assert typical([other, one, two]) == one
    assert typical([]) == NOBODY


@pytest.mark.parametrize("kind", HASHES)
def test_no_hash_is_shown(kind: str) -> None:
    """It is what guessing is tried on."""
    assert HASHES[kind][-10:] not in repr(checked(HASHES[kind]))
