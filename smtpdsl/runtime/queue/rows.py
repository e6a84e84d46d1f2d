"""A message as rows of the embedded store.

    Submission ──▶ facts as text, lane, priority ──▶ sealed ──▶ rows

On the event loop; what is encrypted or compressed is sealed in the thread (`store_work`).  Rows are made when they are
first asked for, and kept: a batch may be tried twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Submission
from smtpdsl.runtime.queue.facts import write_facts
from smtpdsl.runtime.queue.ids import envelope_number
from smtpdsl.runtime.queue.priority import priority_of
from smtpdsl.runtime.queue.sealed_facts import content_entry, envelope_entry, message_entry
from smtpdsl.runtime.queue.sqlite import Row
from smtpdsl.runtime.queue.store import lane_of
from smtpdsl.runtime.sealing.seal import Entry, Seal
from smtpdsl.runtime.sealing.seals import SealedOctets, Seals


class Rows(NamedTuple):
    """Rows in the order of their statements."""

    message: Row
    envelopes: Sequence[Row]


class _Envelope(NamedTuple):
    entry: Entry
    lane: str
    facts: str


class Arrival:
    """A message on its way into the tables."""

    def __init__(self, submission: Submission, octets: bytes | None, size: int, seal: Seal, run: int) -> None:
        """Take *submission*; *octets* is None if a file has them, which has the *seal*."""
        self.number = submission.message_id
        # Of the content, as far as it is in the row.
        self.octets = len(octets or b"")
        self._content = octets
        self._seal = seal
        self._run = run
        self._created = submission.created
        self._size = size
        self._priority = priority_of(submission, size)
        self._facts, envelopes = submission.written or write_facts(submission)
        self._envelopes = [
            _Envelope(envelope_entry(envelope_number(self.number, position), each.route), lane_of(each), facts)
            for position, (each, facts) in enumerate(zip(submission.envelopes, envelopes, strict=True), 1)
        ]
        self._rows: Rows | None = None

    @property
    def row_count(self) -> int:
        """How many rows it needs."""
        return 1 + len(self._envelopes)

    def rows(self, seals: Seals) -> Rows:
        """Return the rows, sealed by *seals*.

        Raises:
            OverflowError: No integer of the tables holds its number.
        """
        if self._rows is None:
            self._rows = Rows(self._message_row(seals), [self._envelope_row(seals, each) for each in self._envelopes])
        return self._rows

    def _message_row(self, seals: Seals) -> Row:
        facts = seals.seal_text(message_entry(self.number, self._created, self._size), self._facts)
        if self._content is None:
            stored = SealedOctets(b"", self._seal.form, self._seal.digest)
        else:
            stored = seals.seal_octets(content_entry(self.number), self._content)
        octets = None if self._content is None else stored.octets
        return (self.number, self._run, self._created, facts, self._size, stored.digest, stored.form, octets)

    def _envelope_row(self, seals: Seals, envelope: _Envelope) -> Row:
        entry, lane, facts = envelope
        route = entry.beside.decode()
        return (entry.number, route, lane, self._created, seals.seal_text(entry, facts), self._priority)
