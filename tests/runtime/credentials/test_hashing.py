"""What is stored of a new password."""

from __future__ import annotations

import pytest

from smtpdsl.runtime.credentials import crypt_library, hashing
from smtpdsl.runtime.credentials.hashing import SCRAM_ITERATIONS, hash_entry, scram_entry
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError, Locked, matches, read_stored

PASSWORD = Secret("s3cret p\u00e4ss".encode())


def opens(entry: str, password: Secret) -> bool:
    """Whether *entry* lets *password* in."""
    stored = read_stored(entry)
    assert stored is not None
    assert not isinstance(stored, Locked)
    return matches(stored, password)


def test_what_is_stored_knows_the_password() -> None:
    """And nothing else; twice the same password is stored in two ways."""
    for entries in ({hash_entry(PASSWORD), hash_entry(PASSWORD)}, {scram_entry(PASSWORD), scram_entry(PASSWORD)}):
        assert len(entries) == 2
        assert all(opens(entry, PASSWORD) and not opens(entry, Secret(b"s3cret pass")) for entry in entries)


def test_keys_cost_more_than_they_have_to() -> None:
    """RFC 7677 §4 has the least."""
    assert scram_entry(PASSWORD).startswith(f"{{SCRAM-SHA-256}}{SCRAM_ITERATIONS},")


def test_a_system_may_prefer_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the hash is one that every crypt(3) of today knows."""
    monkeypatch.setattr(hashing, "new_setting", lambda: None)

    entry = hash_entry(PASSWORD)
    assert entry.startswith("$6$rounds=100000$")
    assert opens(entry, PASSWORD)
    assert hash_entry(PASSWORD) != entry


@pytest.fixture
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take crypt(3) away."""
    monkeypatch.setattr(crypt_library, "_find", lambda _name: None)
    monkeypatch.setattr(crypt_library, "_function", lambda: None)


@pytest.mark.usefixtures("_no_library")
def test_a_system_may_have_no_crypt() -> None:
    """It says so, and checks keys all the same."""
    assert not crypt_library.has_crypt()
    assert crypt_library.new_setting() is None
    with pytest.raises(CheckError, match="made no hash"):
        hash_entry(PASSWORD)
    assert opens(scram_entry(PASSWORD), PASSWORD)
