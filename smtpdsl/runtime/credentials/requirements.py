"""Hashes that this machine cannot check, found when it starts and not when somebody logs in.

ann  $argon2id$…     pip install 'smtpdsl[argon2]'
ben  $y$j9T$…        a system whose crypt(3) knows no yescrypt
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from smtpdsl.ir.table_file import TableEntry
from smtpdsl.runtime.credentials import argon2_library, crypt_library
from smtpdsl.runtime.credentials.stored import PasswordHash, read_stored

_OTHER_KIND = "hash the password again with `smtpdsl encrypt`, which uses what this system knows"

# One setting of each kind, with the least costs.
_PROBES = {
    "$y$": "$y$j75$saltsalt",
    "$gy$": "$gy$j75$saltsalt",
    "$7$": "$7$46..../....saltsalt",
    "$2": "$2b$04$abcdefghijklmnopqrstuu",
    "$6$": "$6$rounds=1000$saltsalt",
    "$5$": "$5$rounds=1000$saltsalt",
    "$1$": "$1$saltsalt",
    "$sha1$": "$sha1$4$saltsalt",
    "$md5": "$md5,rounds=1$saltsalt",
    "_": "_/...salt",
    "": "sa",
}


class Missing(NamedTuple):
    """An entry that cannot be checked here: what it is, and what to do about it."""

    entry: TableEntry
    what: str
    help: str


def missing_libraries(entries: Iterable[TableEntry]) -> Iterator[Missing]:
    """Yield the first of the *entries* of credentials for each thing that this machine lacks."""
    told: set[str] = set()
    for entry in entries:
        stored = read_stored(entry.value or "")
        lack = _lack(stored) if isinstance(stored, PasswordHash) else None
        if lack is not None and lack[0] not in told:
            told.add(lack[0])
            yield Missing(entry, *lack)


def _lack(stored: PasswordHash) -> tuple[str, str] | None:
    if stored.is_argon2:
        return None if argon2_library.has_argon2() else ("a hash of argon2", argon2_library.INSTALL)
    if not crypt_library.has_crypt():
        return "a hash of crypt(3)", crypt_library.INSTALL
    kind = next(kind for kind in _PROBES if stored.text.startswith(kind))
    return None if _is_known(kind) else (f'a hash of the kind "{kind}"', _OTHER_KIND)


@cache
def _is_known(kind: str) -> bool:
    """Whether crypt(3) of this system makes hashes of *kind*; it takes milliseconds."""
    return crypt_library.crypt_hash(b"", _PROBES[kind]) is not None
