"""Inverted indexes: from a key to the set of questions that have it in their tables.

    question 0  { example.org, *.example.org }        mx.example.org -> {0, 1}
    question 1  { mx.example.org }                    example.org    -> {0}

One index for each way of comparing.  A key that only equality finds is hashed; networks
are merged to ranges that do not overlap and bisected; patterns with a star wait under
what they end with; a regular expression is tried.  Whether a pattern matches is asked of
`ir.matching`, and where an index finds a key without asking, that is equality as
`ir.matching` defines it.  `tests/ir/test_class_index.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from smtpdsl.ir.matching import fold, service_matches, split_mailaddr
from smtpdsl.ir.network_index import NetworkIndex
from smtpdsl.ir.number_sets import NONE, Numbers, Sets
from smtpdsl.ir.table_file import Service

# What a star stands for in an example; no configuration has a domain of this name by itself.
_STAR = "any-name"


class Index(Protocol):
    """The entries of all tables that are asked in one way."""

    def add(self, entry: str, number: int) -> None:
        """Let the question *number* have *entry* in its table."""

    def find(self, key: str) -> Numbers:
        """Return the questions that have *key* in their tables."""

    def keys(self) -> Iterator[str]:
        """Yield a key for each entry, or for each place where entries begin to matter."""

    @property
    def is_complete(self) -> bool:
        """Whether no key leads to a set of questions to which no key of `keys` does."""


def index_for(service: Service, delimiter: str) -> Index:
    """Return an empty index for tables that are asked as *service*."""
    match service:
        case Service.DOMAIN:
            return DomainIndex()
        case Service.MAILADDR:
            return AddressIndex(delimiter)
        case Service.NETADDR:
            return NetworkIndex()
        case Service.REGEX | Service.AUTH:
            return PatternIndex(service, delimiter)
        case _:
            return NameIndex()


def examples(index: Index) -> list[str]:
    """Return a key of each set of questions that a key of *index* leads to."""
    found = {index.find(key): key for key in index.keys()}  # noqa: SIM118 - an index is no mapping
    return list(found.values())


class NameIndex:
    """Names that are compared whole."""

    is_complete = True

    def __init__(self) -> None:
        """Know no name."""
        self._sets = Sets()

    def add(self, entry: str, number: int) -> None:
        """Let the question *number* have *entry*."""
        self._sets.add(fold(entry), number)

    def find(self, key: str) -> Numbers:
        """Return the questions that have *key*."""
        return self._sets.by_text.get(fold(key), NONE)

    def keys(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._sets.by_text)


class PatternIndex:
    """Entries that have to be tried one by one: regular expressions."""

    is_complete = False

    def __init__(self, service: Service, delimiter: str) -> None:
        """Compare as *service* does."""
        self._service = service
        self._delimiter = delimiter
        self._entries: dict[int, list[str]] = {}

    def add(self, entry: str, number: int) -> None:
        """Let the question *number* have *entry*."""
        self._entries.setdefault(number, []).append(entry)

    def find(self, key: str) -> Numbers:
        """Return the questions with an entry that matches *key*."""
        return frozenset(number for number, entries in self._entries.items() if self._any(entries, key))

    def _any(self, entries: list[str], key: str) -> bool:
        return any(service_matches(self._service, entry, key, self._delimiter) for entry in entries)

    def keys(self) -> Iterator[str]:
        """Yield nothing: what a regular expression matches is not worked out."""
        return iter(())


class _Starred:
    """Domain patterns with stars, under the text behind their last star: a domain that matches ends with it."""

    def __init__(self, service: Service, delimiter: str) -> None:
        self._service = service
        self._delimiter = delimiter
        self._by_end: dict[str, dict[str, Numbers]] = {}
        self._lengths: list[int] = []

    def add(self, entry: str, end: str, number: int) -> None:
        patterns = self._by_end.setdefault(end, {})
        patterns[entry] = patterns.get(entry, NONE) | {number}
        if len(end) not in self._lengths:
            self._lengths.append(len(end))

    def find(self, key: str, domain: str) -> Numbers:
        """Return the questions with a pattern that matches *key*, whose folded domain is *domain*."""
        found, length = NONE, len(domain)
        for ending in self._lengths:
            if ending <= length and (patterns := self._by_end.get(domain[length - ending :])) is not None:
                for entry, numbers in patterns.items():
                    if not numbers <= found and service_matches(self._service, entry, key, self._delimiter):
                        found |= numbers
        return found

    def keys(self) -> Iterator[str]:
        for patterns in self._by_end.values():
            yield from (entry.replace("*", _STAR) for entry in patterns)


class DomainIndex:
    """Domains, some with stars."""

    def __init__(self) -> None:
        """Know no domain."""
        self._sets = Sets()
        self._starred: _Starred | None = None

    def add(self, entry: str, number: int) -> None:
        """Let the question *number* have *entry*."""
        entry = fold(entry)
        if "*" in entry:
            # A delimiter is not asked for where domains are compared.
            self._starred = self._starred or _Starred(Service.DOMAIN, "")
            self._starred.add(entry, entry.rpartition("*")[2], number)
        else:
            self._sets.add(entry, number)

    def find(self, key: str) -> Numbers:
        """Return the questions that have *key*."""
        key = fold(key)
        found = self._sets.by_text.get(key, NONE)
        return found | self._starred.find(key, key) if self._starred else found

    @property
    def is_complete(self) -> bool:
        """Whether there is no star: where two of them meet no example may be."""
        return self._starred is None

    def keys(self) -> Iterator[str]:
        """Yield the domains, and one that each pattern may match."""
        yield from self._sets.by_text
        if self._starred:
            yield from self._starred.keys()


class AddressIndex:
    """Addresses as ``mail-from`` and ``rcpt-to`` write them: ``user``, ``@domain``, ``user@domain``."""

    # A user of one entry in the domain of another one.
    is_complete = False

    def __init__(self, delimiter: str) -> None:
        """Cut users at *delimiter*."""
        self._delimiter = delimiter
        self._sets = Sets()
        self._starred: _Starred | None = None

    def add(self, entry: str, number: int) -> None:
        """Let the question *number* have *entry*."""
        user, domain = split_mailaddr(fold(entry))
        if "*" in domain:
            self._starred = self._starred or _Starred(Service.MAILADDR, self._delimiter)
            self._starred.add(f"{user}@{domain}", domain.rpartition("*")[2], number)
        else:
            self._sets.add(f"{user}@{domain}", number)

    def find(self, key: str) -> Numbers:
        """Return the questions that have *key*."""
        folded = fold(key)
        user, domain = split_mailaddr(folded)
        find = self._sets.by_text.get
        found = find(f"@{domain}", NONE) | find(f"{user}@{domain}", NONE)
        if domain:
            found |= find("@", NONE) | find(f"{user}@", NONE)
        if self._delimiter in user:
            # An entry without a sub-address is for every one; the whole user is what one with it equals.
            user = user.partition(self._delimiter)[0]
            found |= find(f"{user}@{domain}", NONE) | find(f"{user}@", NONE)
        return found | self._starred.find(folded, domain) if self._starred else found

    def keys(self) -> Iterator[str]:
        """Yield an address for each entry; it lacks the user or the domain that the entry lacks."""
        yield from self._sets.by_text
        if self._starred:
            yield from self._starred.keys()
