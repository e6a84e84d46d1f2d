"""Rows of the embedded store, as envelopes and messages; what cannot be read is set aside.

index `due` ──▶ envelopes, the earliest first ──▶ their messages, each once
                    └─ damaged: another state, and never met again
"""

from __future__ import annotations

import json
import math
from typing import NoReturn

from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.facts import FactsError, decode_envelope, decode_message
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.sqlite import Database, Row
from smtpdsl.runtime.queue.store import Damage, DueBatch, DueQuery, StoredEnvelope, StoredMessage


def load(database: Database, query: DueQuery) -> DueBatch:
    """Return what *query* asks for; to be called in a transaction."""
    return _Loading(database, query).load()


class _Loading:
    """One query."""

    def __init__(self, database: Database, query: DueQuery) -> None:
        self._database = database
        self._query = query
        self._envelopes: list[StoredEnvelope] = []
        self._messages: dict[int, StoredMessage] = {}
        self._damaged: list[Damage] = []
        self._room = query.max_octets

    def load(self) -> DueBatch:
        query = self._query
        values = (query.route.value, query.since, query.until, json.dumps(list(query.full)))
        next_due = None
        for row in self._database.rows(schema.DUE, values):
            number, _, due, *_ = row
            assert isinstance(number, int), "the table is strict"
            assert isinstance(due, float), "the table is strict"
            if number in query.has:
                continue
            if len(self._envelopes) >= query.limit or (self._room <= 0 and message_of(number) not in self._messages):
                next_due = due
                break
            self._take(number, row)
        self._set_aside()
        later = self._later() if next_due is None else next_due
        return DueBatch(self._envelopes, self._messages, later, self._damaged)

    def _take(self, number: int, row: Row) -> None:
        try:
            envelope = self._envelope(row)
            message_id = message_of(number)
            if message_id not in self._messages:
                message = self._messages[message_id] = self._message(message_id)
                self._room -= len(message.octets or b"")
            self._envelopes.append(envelope)
        except FactsError as error:
            self._damaged.append(Damage(number, str(error)))

    def _envelope(self, row: Row) -> StoredEnvelope:
        match row:
            case [int(number), str(lane), float(due), int(tries), float(last_try), str(error), str(status), facts]:
                envelope = decode_envelope(self._query.route, facts)
                return StoredEnvelope(number, envelope, lane, due, tries, last_try, error, status)
        return _unknown_columns()

    def _message(self, message_id: int) -> StoredMessage:
        match list(self._database.rows(schema.MESSAGE, (message_id,))):
            case []:
                message = "its message is not there"
                raise FactsError(message)
            case [(int(run), float(created), facts, int(size), (bytes() | None) as octets)]:
                known = decode_message(facts)
                path, client, options = known.reverse_path, known.client, known.options
                return StoredMessage(message_id, run, created, path, client, size, octets, options)
        return _unknown_columns()

    def _set_aside(self) -> None:
        self._database.run_for_each(schema.SET_ASIDE, [(damage.problem, damage.number) for damage in self._damaged])

    def _later(self) -> float:
        """Return when the first envelope after those that were asked for is due."""
        query = self._query
        for (due,) in self._database.rows(schema.NEXT_DUE, (query.route.value, query.until)):
            if isinstance(due, float):
                return due
        return math.inf


def _unknown_columns() -> NoReturn:
    message = "its columns are of unknown types"
    raise FactsError(message)
