"""What a condition of a built-in filter is answered.

    fcrdns            yes, no, or unavailable if the DNS gave no answer
    rdns <table>      no for a client without a name, which `!` makes a yes: unlike in a rule
    mail-from <table> the null reverse-path is the empty text: unlike in a rule

How two texts are compared is said by `ir.matching`; the indexes here are those of
`ir.class_index`, so that a long table costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from smtpdsl.ir.answers import Lookup, Site
from smtpdsl.ir.class_index import Index, index_for
from smtpdsl.ir.resolved import (
    ConfirmedReverseName,
    HasReverseName,
    InTable,
    IsAuthenticated,
    Question,
    Subject,
    Table,
)
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.filters.hooks import Facts
from smtpdsl.runtime.inquiry import Elsewhere

# What a table that lives elsewhere has to be asked for; nothing is, before this is called.
Later: TypeAlias = Callable[[], Awaitable[Answer]]
Answering: TypeAlias = Callable[[Facts], Answer | Later]


class Tables:
    """The tables that filters ask, each with one index for each way of asking."""

    def __init__(self, site: Site, lookup: Lookup, elsewhere: Elsewhere | None = None) -> None:
        """Ask *elsewhere* for what is not part of the program, or *lookup* where nobody waits for that."""
        self._site = site
        self._lookup = lookup
        self._elsewhere = elsewhere
        # By identity, and with the table, so that no other one can get its place.
        self._indexes: dict[tuple[int, Service], tuple[Table, Index]] = {}

    def containing(self, table: Table, service: Service) -> Callable[[str], Answer]:
        """Return what says whether a key is in *table*, asked as *service*."""
        if not table.is_known:
            return lambda key: self._lookup.contains(table, service, key)
        find = self._index(table, service).find
        return lambda key: Answer.YES if find(key) else Answer.NO

    def asking(self, table: Table, service: Service) -> Callable[[str], Answer | Later]:
        """Return what says whether a key is in *table*, or how to find that out."""
        elsewhere = self._elsewhere
        if elsewhere is None or not elsewhere.has(table):
            return self.containing(table, service)
        return lambda key: partial(elsewhere.contains, table, service, key)

    def _index(self, table: Table, service: Service) -> Index:
        known = self._indexes.get((id(table), service))
        if known is None:
            known = table, index_for(service, self._site.delimiter)
            for entry in table.entries:
                known[1].add(entry.key, 0)
            self._indexes[id(table), service] = known
        return known[1]


def answering(question: Question, tables: Tables) -> Answering:
    """Return what answers *question*, one of those that filters can ask."""
    match question:
        case ConfirmedReverseName():
            return _is_confirmed
        case HasReverseName():
            return _has_name
        case IsAuthenticated():
            return lambda facts: _plain(holds=facts.client.is_authenticated)
        case InTable(subject=Subject.RDNS, table=Table() as table):
            return _asking_for_name(tables.asking(table, question.service))
        case InTable(table=Table() as table):
            return _asking_for_key(question.subject, tables.asking(table, question.service))
    # A table that nobody declares is an error, and what has one is not served.
    message = f"no filter asks {question}"
    raise ValueError(message)


def _plain(*, holds: bool) -> Answer:
    return Answer.YES if holds else Answer.NO


def _is_confirmed(facts: Facts) -> Answer:
    return Answer.UNAVAILABLE if facts.fcrdns is None else _plain(holds=facts.fcrdns)


def _has_name(facts: Facts) -> Answer:
    if facts.client.rdns is None and facts.fcrdns is None:
        return Answer.UNAVAILABLE
    return _plain(holds=facts.client.rdns is not None)


# ---------------------------------------------------------------- tables


def _asking_for_key(subject: Subject, is_in_table: Callable[[str], Answer | Later]) -> Answering:
    read = _KEYS[subject]

    def answer(facts: Facts) -> Answer | Later:
        key = read(facts)
        return Answer.NO if key is None else is_in_table(key)

    return answer


def _asking_for_name(is_in_table: Callable[[str], Answer | Later]) -> Answering:
    def answer(facts: Facts) -> Answer | Later:
        name = facts.client.rdns
        return _has_name(facts) if name is None else is_in_table(name)

    return answer


def _sender(facts: Facts) -> str | None:
    path = facts.reverse_path
    return None if path is None else str(path.mailbox or "")


def _login(facts: Facts) -> str | None:
    client = facts.client
    return "" if client.login is None and client.is_socket else client.login


# What is looked for; None where there is nothing yet, and then it is in no table.
_KEYS: dict[Subject, Callable[[Facts], str | None]] = {
    Subject.SOURCE: lambda facts: facts.client.source,
    Subject.HELO: lambda facts: facts.client.helo,
    Subject.LOGIN: _login,
    Subject.REVERSE_PATH: _sender,
    Subject.FORWARD_PATH: lambda facts: None if facts.recipient is None else str(facts.recipient),
}
