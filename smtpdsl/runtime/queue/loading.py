"""Rows of the embedded store, as envelopes and messages; what cannot be read is set aside.

index `due`, the highest priority first ──▶ envelopes, the earliest first ──▶ their messages, each once
                                                └─ damaged: another state, and never met again

A priority gets half of the room that those above it have left, the lowest one all of it: what is urgent is
found first, and nothing waits for as long as something urgent comes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from typing import NoReturn

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.facts import FactsError
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.sealed_facts import content_entry, open_envelope, open_message
from smtpdsl.runtime.queue.sqlite import DamagedPageError, Database, Row, UnreadableMessageError, Value
from smtpdsl.runtime.queue.store import Damage, DueBatch, DueQuery, StoredEnvelope, StoredMessage
from smtpdsl.runtime.sealing.seal import PLAIN, Seal, SealError
from smtpdsl.runtime.sealing.seals import SealedOctets, Seals

# Above every priority that there is.
_TOP = 2**62


def load(database: Database, query: DueQuery, unreadable: Collection[int] = ()) -> DueBatch:
    """Return what *query* asks for; to be called in a transaction, which has to begin again if it fails.

    Args:
        database: Where it is.
        query: What is wanted.
        unreadable: Messages that lie in damaged pages: their envelopes are set aside.

    Raises:
        UnreadableMessageError: A message lies in a damaged page.
    """
    return _Loading(database, query, unreadable).load()


def read_message(database: Database, message_id: int) -> StoredMessage:
    """Return a message; to be called in a transaction.

    Raises:
        FactsError: It is damaged, or not there.
        UnreadableMessageError: It lies in a damaged page.
    """
    match _message_rows(database, message_id):
        case []:
            message = "its message is not there"
            raise FactsError(message)
        case [
            (
                int(run),
                float(created),
                facts,
                int(size),
                (bytes() | None) as digest,
                int(form),
                (bytes() | None) as stored,
            )
        ]:
            path, client, options = open_message(database.seals, message_id, created, size, facts)
            octets, seal = _content(database.seals, message_id, stored, Seal(form, digest or b""))
            if octets is not None and len(octets) != size:
                message = f"its message has {len(octets)} of {size} octets"
                raise FactsError(message)
            return StoredMessage(message_id, run, created, path, client, size, octets, options, seal)
    return _unknown_columns()


def unreadable(error: FactsError) -> StorageError:
    """Say of a message what is wrong with a part of it."""
    reason = str(error).rpartition(" cannot be read: ")[2]
    return StorageError(f"the message cannot be read: {reason}")


def _message_rows(database: Database, message_id: int) -> list[tuple[Value, ...]]:
    try:
        return list(database.rows(schema.MESSAGE, (message_id,)))
    except DamagedPageError as error:
        raise UnreadableMessageError(message_id, str(error)) from error


def _content(seals: Seals, message_id: int, stored: bytes | None, seal: Seal) -> tuple[bytes | None, Seal]:
    """Return the octets of a message, or how its file is sealed."""
    entry = content_entry(message_id)
    try:
        if stored is None:
            return None, seals.with_key(entry, seal)
        return seals.open_octets(entry, SealedOctets(stored, seal.form, seal.digest)), PLAIN
    except SealError as error:
        message = f"its message cannot be read: {error}"
        raise FactsError(message) from None


class _Loading:
    """One query."""

    def __init__(self, database: Database, query: DueQuery, unreadable: Collection[int]) -> None:
        self._database = database
        self._query = query
        self._unreadable = unreadable
        self._envelopes: list[StoredEnvelope] = []
        self._messages: dict[int, StoredMessage] = {}
        self._damaged: list[Damage] = []
        self._octets = 0

    def load(self) -> DueBatch:
        query = self._query
        next_due = math.inf
        priorities = list(self._priorities())
        for priority in priorities:
            parts = 1 if priority == priorities[-1] else 2
            envelopes = -((len(self._envelopes) - query.limit) // parts)
            octets = (query.max_octets - self._octets) // parts
            left = self._load(priority, len(self._envelopes) + envelopes, self._octets + octets)
            next_due = min(next_due, self._later(priority) if left is None else left)
        self._set_aside()
        return DueBatch(self._envelopes, self._messages, next_due, self._damaged)

    def _priorities(self) -> Iterator[int]:
        """Yield the priorities that there are, the highest first."""
        priority = _TOP
        while True:
            for (found,) in self._database.rows(schema.NEXT_PRIORITY, (self._query.route.value, priority)):
                if not isinstance(found, int):
                    return
                yield found
                priority = found

    def _load(self, priority: int, limit: int, max_octets: int) -> float | None:
        """Take envelopes of *priority* until so many are there in all; return when the first is due that is left."""
        query = self._query
        values = (query.route.value, priority, query.since, query.until, json.dumps(list(query.full)))
        for row in self._database.rows(schema.DUE, values):
            number, _, due, *_ = row
            assert isinstance(number, int), "the table is strict"
            assert isinstance(due, float), "the table is strict"
            if number in query.has:
                continue
            is_too_much = self._octets >= max_octets and message_of(number) not in self._messages
            if len(self._envelopes) >= limit or is_too_much:
                return due
            self._take(number, row)
        return None

    def _take(self, number: int, row: Row) -> None:
        try:
            envelope = self._envelope(row)
            self._take_message(message_of(number))
            self._envelopes.append(envelope)
        except FactsError as error:
            self._damaged.append(Damage(number, str(error)))

    def _take_message(self, message_id: int) -> None:
        if message_id in self._unreadable:
            problem = "its message lies in a damaged part of the database"
            raise FactsError(problem)
        if message_id not in self._messages:
            message = self._messages[message_id] = read_message(self._database, message_id)
            self._octets += len(message.octets or b"")

    def _envelope(self, row: Row) -> StoredEnvelope:
        match row:
            case [
                int(number),
                str(lane),
                float(due),
                int(tries),
                float(last_try),
                str(error),
                str(status),
                facts,
                float(freed),
                int(priority),
            ]:
                envelope = open_envelope(self._database.seals, number, self._query.route, facts)
                return StoredEnvelope(number, envelope, lane, due, tries, last_try, error, status, freed, priority)
        return _unknown_columns()

    def _set_aside(self) -> None:
        self._database.run_for_each(schema.SET_ASIDE, [(damage.problem, damage.number) for damage in self._damaged])

    def _later(self, priority: int) -> float:
        """Return when the first envelope after those that were asked for is due, of *priority*."""
        query = self._query
        for (due,) in self._database.rows(schema.NEXT_DUE, (query.route.value, priority, query.until)):
            if isinstance(due, float):
                return due
        return math.inf


def _unknown_columns() -> NoReturn:
    message = "its columns are of unknown types"
    raise FactsError(message)
