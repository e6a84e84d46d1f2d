"""What the embedded store does with a batch of requests, in one transaction.

    prepare     event loop    BEGIN, and the rows of what has arrived
    carry_out   thread        everything else, COMMIT

Rows that are new go to the end of their tables, which are in memory: writing them takes less time than handing them
over to a thread.  Whatever may read from the disk, or syncs it, is left to the thread; so are large batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from smtpdsl.runtime.interfaces import Route, StorageError, StorageFullError
from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.batching import AnyRequest
from smtpdsl.runtime.queue.changing import change_envelopes
from smtpdsl.runtime.queue.facts import FactsError
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.queue.listing import list_page
from smtpdsl.runtime.queue.loading import load, read_message, unreadable
from smtpdsl.runtime.queue.remembering import Told, remember
from smtpdsl.runtime.queue.rows import Arrival
from smtpdsl.runtime.queue.sqlite import Database, UnfitError
from smtpdsl.runtime.queue.store import State, Summary
from smtpdsl.runtime.queue.store_requests import (
    AddRequest,
    ChangeRequest,
    CountRequest,
    FetchRequest,
    HurryRequest,
    ListRequest,
    LoadRequest,
    RecordRequest,
    ReserveRequest,
    is_avoidable,
)

# What the event loop writes at most at a time: two milliseconds of work.
_MAX_PREPARED_ROWS = 128
_MAX_PREPARED_OCTETS = 512 * 1024


def reserve(database: Database, count: int) -> Block:
    """Reserve *count* numbers for messages."""
    end = database.number(schema.RESERVE, (count,))
    return Block(end - count, end)


class StoreWork:
    """Implements `Work`."""

    def __init__(self, database: Database) -> None:
        """Work with *database*."""
        self._database = database
        # The transaction has begun, and has the rows of what has arrived.
        self._is_prepared = False

    def prepare(self, batch: Sequence[AnyRequest]) -> None:
        """Write the rows of what has arrived, if they are few and kept as they are."""
        arrivals = _arrivals(batch)
        are_few = 0 < sum(each.row_count for each in arrivals) <= _MAX_PREPARED_ROWS
        are_short = sum(each.octets for each in arrivals) <= _MAX_PREPARED_OCTETS
        if not (are_few and are_short and self._database.seals.are_plain):
            return
        # If it cannot be, the thread tries again, and finds out which of them is at fault.
        with suppress(StorageError):
            self._database.begin(lambda: self._add(arrivals))
            self._is_prepared = True

    def carry_out(self, batch: Sequence[AnyRequest]) -> None:
        """Give each request of *batch* its result, or an error."""
        is_prepared, self._is_prepared = self._is_prepared, False
        try:
            if not is_prepared:
                self._database.begin(lambda: self._add(_arrivals(batch)))
            self._database.end(lambda: self._run(batch))
        except (UnfitError, StorageFullError) as error:
            if len(batch) == 1:
                if is_avoidable(error, batch[0]):
                    self.carry_out(batch)
                else:
                    batch[0].fail(error)
                return
            # There may be room for some of them, and only one of them may be unfit.
            for request in batch:
                self.carry_out([request])
        except StorageError as error:
            for request in batch:
                request.fail(StorageError(str(error)))

    def needs_cleaning(self) -> bool:
        """Whether the log has become long."""
        return self._database.has_long_log

    def clean_up(self) -> None:
        """Copy the log into the database."""
        self._database.checkpoint()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # ------------------------------------------------------------ in a transaction

    def _add(self, arrivals: Sequence[Arrival]) -> None:
        if not arrivals:
            return
        rows = [each.rows(self._database.seals) for each in arrivals]
        self._database.insert(schema.ADD_MESSAGE, [each.message for each in rows])
        self._database.insert(schema.ADD_ENVELOPE, [row for each in rows for row in each.envelopes])
        list(self._database.rows(schema.RESERVE_BEYOND, (max(each.number for each in arrivals),)))

    def _run(self, batch: Sequence[AnyRequest]) -> None:
        """Do everything but what has arrived."""
        recorded = [request for request in batch if isinstance(request, RecordRequest)]
        self._add([report for request in recorded for report in request.reports])
        told = [Told(request.changes, request.leaves_messages) for request in recorded]
        for record, files in zip(recorded, remember(self._database, told), strict=True):
            record.succeed(files)
        for request in batch:
            match request:
                case AddRequest():
                    request.succeed(None)
                case ReserveRequest():
                    request.succeed(reserve(self._database, request.count))
                case LoadRequest():
                    request.succeed(load(self._database, request.query, request.unreadable))
                case HurryRequest():
                    values = (request.now, request.lane, Route.RELAY.value, request.limit)
                    request.succeed(len(list(self._database.rows(schema.HURRY, values))))
                case CountRequest():
                    request.succeed(self._count())
                case ListRequest():
                    request.succeed(list_page(self._database, request.query, request.unreadable))
                case ChangeRequest():
                    numbers, change, now = request.numbers, request.change, request.now
                    leaves_messages = request.leaves_messages
                    changed = change_envelopes(self._database, numbers, change, now, leaves_messages=leaves_messages)
                    request.succeed(changed)
                case FetchRequest():
                    self._fetch(request)

    def _fetch(self, request: FetchRequest) -> None:
        try:
            request.succeed(read_message(self._database, request.message_id))
        except FactsError as error:
            request.fail(unreadable(error))

    def _count(self) -> Summary:
        database = self._database
        counts = [database.number(schema.COUNT_STATE, (state.value,)) for state in State]
        return Summary(database.number(schema.COUNT_MESSAGES), *counts)


def _arrivals(batch: Sequence[AnyRequest]) -> list[Arrival]:
    return [request.arrival for request in batch if isinstance(request, AddRequest)]
