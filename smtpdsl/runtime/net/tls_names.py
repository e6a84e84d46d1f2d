"""Which certificate a client gets that asks for a name.

    certificates for mx.example.org, *.example.org, mail.example.net

    mx.example.org      the first: a name itself goes before a star
    imap.example.org    the second
    a.b.example.org     none: a star stands for one label

Where no certificate is for it, a `pki` of that name is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from smtpdsl.mail.idn import folded_name

T = TypeVar("T")


class Names(Generic[T]):
    """What is found by host names; for a name that several have, the first."""

    def __init__(self, entries: Iterable[tuple[T, tuple[str, ...], str]]) -> None:
        """Hold *entries*: what is found, the names inside of its certificate, and the name of its `pki`."""
        self._exact: dict[str, T] = {}
        self._below: dict[str, T] = {}
        self._by_pki: dict[str, T] = {}
        for found, names, pki in entries:
            self._by_pki.setdefault(pki, found)
            for name in map(folded_name, names):
                # RFC 6125 §6.4.3: a star is the whole first label.
                if name.startswith("*."):
                    self._below.setdefault(name[2:], found)
                else:
                    self._exact.setdefault(name, found)

    def find(self, name: str) -> T | None:
        """Return what is for *name*, or None."""
        name = folded_name(name)
        first, _, rest = name.partition(".")
        for names, key in ((self._exact, name), (self._below, rest if first else ""), (self._by_pki, name)):
            if key in names:
                return names[key]
        return None
