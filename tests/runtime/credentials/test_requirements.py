"""Hashes that this machine cannot check."""

from __future__ import annotations

import pytest

from smtpdsl.runtime.credentials import argon2_library, crypt_library, requirements
from smtpdsl.runtime.credentials.requirements import missing_libraries
from tests.runtime.credentials.samples import HASHES, scram, table_of


def lacking(*values: str) -> list[tuple[str, str]]:
    """Return login and remedy of what is missing for a table of *values*."""
    table = table_of({f"user{number}": value for number, value in enumerate(values)})
    return [(each.entry.key, each.help) for each in missing_libraries(table.entries)]


def test_this_machine_checks_all_of_them() -> None:
    """Every kind of hash, keys, locked accounts; what cannot be read has been reported by `check`."""
    assert lacking(*HASHES.values(), "*", "!", "no hash", "") == []


def test_argon2_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, at the first entry that needs it, with what installs it."""
    monkeypatch.setattr(argon2_library, "has_argon2", lambda: False)

    assert lacking(HASHES["DES"], HASHES["argon2id"], HASHES["argon2i"]) == [("user1", argon2_library.INSTALL)]


def test_a_system_may_have_no_crypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of SCRAM and hashes of argon2 do without."""
    monkeypatch.setattr(crypt_library, "has_crypt", lambda: False)

    assert lacking(scram("a"), HASHES["argon2id"], HASHES["yescrypt"]) == [("user2", crypt_library.INSTALL)]


def test_a_crypt_may_not_know_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of musl knows no yescrypt."""
    probes = {**requirements._PROBES, "$y$": "$unknown$"}  # noqa: SLF001 - what this system lacks cannot be had otherwise
    monkeypatch.setattr(requirements, "_PROBES", probes)
    requirements._is_known.cache_clear()  # noqa: SLF001 - as above

    found = [(each.entry.key, each.what) for each in missing_libraries(table_of({"ann": HASHES["yescrypt"]}).entries)]

    requirements._is_known.cache_clear()  # noqa: SLF001 - as above
    assert found == [("ann", 'a hash of the kind "$y$"')]
