"""The embedded store: messages and envelopes in an SQLite database, written by one thread.

    everything that waits ──▶ BEGIN  add, record, load …  COMMIT ──▶ futures
                                                            └─ one sync of the log, shared by the whole batch

A batch is committed as a whole.  If it cannot be because of one request, each is tried alone; if
the disk is at fault, all of them fail, nothing of them is kept, and the next batch is tried again.
Only if the process dies right after such a failure may a refused message be found in the log of the
database: its client sends it again, and it is delivered twice rather than lost.
"""

from __future__ import annotations

import secrets
from asyncio import Future
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from smtpdsl.runtime.interfaces import InlineContent, StorageError, StorageFullError, Submission
from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.batching import AnyRequest, Batcher, Request
from smtpdsl.runtime.queue.facts import encode_envelope, encode_message
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.ids import FIRST_NUMBER_LIMIT, Block, envelope_number, message_of
from smtpdsl.runtime.queue.loading import load
from smtpdsl.runtime.queue.sqlite import Row, UnfitError, open_database
from smtpdsl.runtime.queue.store import Changes, DueBatch, DueQuery, State, Summary, Update, lane_of

_T = TypeVar("_T")

FILE_NAME = "queue.db"
# Numbers for messages that are reserved with one write; as many are lost when the server ends.
BLOCK_SIZE = 4096


class _Rows(NamedTuple):
    """A message, as rows."""

    number: int
    message: Row
    envelopes: Sequence[Row]
    octets: int


class _Add(Request[None]):
    def __init__(self, rows: _Rows) -> None:
        super().__init__()
        self.rows = rows
        self.octets = rows.octets


class _Record(Request[Sequence[int]]):
    def __init__(self, changes: Changes, reports: Sequence[_Rows]) -> None:
        super().__init__()
        self.changes = changes
        self.reports = reports
        self.octets = sum(rows.octets for rows in reports)


class _Reserve(Request[Block]):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


class _Load(Request[DueBatch]):
    def __init__(self, query: DueQuery) -> None:
        super().__init__()
        self.query = query


class _Count(Request[Summary]):
    pass


class SqliteStore:
    """A `Store` in a folder of its own."""

    def __init__(self, folder: Path, *, vfs: str | None = None) -> None:
        """Open the database in *folder*, which the caller has locked.

        Raises:
            SpoolError: It cannot be used.
        """
        self._database = open_database(folder / FILE_NAME, secrets.randbelow(FIRST_NUMBER_LIMIT - 1) + 1, vfs)
        self._batcher: Batcher | None = None
        self.run = 0
        self.first_block = Block(0, 0)
        try:
            self._database.transaction(self._begin_run)
        except StorageError as error:
            self._database.close()
            message = f"the spool {folder} cannot be used: {error}"
            raise SpoolError(message) from error

    def _begin_run(self) -> None:
        self.run = self._database.number(schema.NEXT_RUN)
        self.first_block = self._reserve(BLOCK_SIZE)

    @property
    def transactions(self) -> int:
        """How many transactions were committed since the store was opened."""
        return self._database.transactions

    def has_file(self, message_id: int) -> bool:
        """Whether there is such a message, with its octets in a file; only to be asked before `start`."""
        return self._database.number(schema.HAS_FILE, (message_id,)) > 0

    def abort(self) -> None:
        """Close a store that was never started."""
        self._database.close()

    # ------------------------------------------------------------ on the event loop

    def start(self) -> None:
        """Take requests, on the running event loop."""
        self._batcher = Batcher(self._carry_out, self._database.checkpoint, self._database.close)

    def reserve(self, count: int) -> Future[Block]:
        """Reserve *count* numbers for messages."""
        return self._submit(_Reserve(count))

    def add(self, submission: Submission, octets: bytes | None, size: int) -> Future[None]:
        """Keep a message with its envelopes, all due at once."""
        return self._submit(_Add(self._rows(submission, octets, size)))

    def record(self, changes: Changes) -> Future[Sequence[int]]:
        """Remember what became of envelopes, and keep the reports on them."""
        return self._submit(_Record(changes, [self._report_rows(each) for each in changes.reports]))

    def _report_rows(self, report: Submission) -> _Rows:
        assert isinstance(report.content, InlineContent), "reports are short"
        return self._rows(report, report.content.octets, report.content.size)

    def _rows(self, submission: Submission, octets: bytes | None, size: int) -> _Rows:
        number, created = submission.message_id, submission.created
        facts = encode_message(submission.reverse_path, submission.client, submission.options)
        envelopes = [
            (envelope_number(number, position), each.route.value, lane_of(each), created, encode_envelope(each))
            for position, each in enumerate(submission.envelopes, 1)
        ]
        return _Rows(number, (number, self.run, created, facts, size, octets), envelopes, len(octets or b""))

    def load(self, query: DueQuery) -> Future[DueBatch]:
        """Return what is due."""
        return self._submit(_Load(query))

    def summary(self) -> Future[Summary]:
        """Count."""
        return self._submit(_Count())

    async def close(self) -> None:
        """Do what was asked, and end."""
        assert self._batcher is not None, "start comes first"
        await self._batcher.close()

    def _submit(self, request: Request[_T]) -> Future[_T]:
        assert self._batcher is not None, "start comes first"
        return self._batcher.submit(request)

    # ------------------------------------------------------------ in the thread

    def _carry_out(self, batch: Sequence[AnyRequest]) -> None:
        """Give each request of *batch* its result, or an error."""
        try:
            self._database.transaction(lambda: self._run(batch))
        except (UnfitError, StorageFullError) as error:
            if len(batch) == 1:
                batch[0].fail(error)
                return
            # There may be room for some of them, and only one of them may be unfit.
            for request in batch:
                self._carry_out([request])
        except StorageError as error:
            for request in batch:
                request.fail(StorageError(str(error)))

    def _run(self, batch: Sequence[AnyRequest]) -> None:
        added = [request for request in batch if isinstance(request, _Add)]
        self._add([request.rows for request in added])
        for each in added:
            each.succeed(None)
        for request in batch:
            match request:
                case _Record():
                    self._add(request.reports)
                    request.succeed(self._remember(request.changes))
                case _Reserve():
                    request.succeed(self._reserve(request.count))
                case _Load():
                    request.succeed(load(self._database, request.query))
                case _Count():
                    request.succeed(self._count())

    def _add(self, added: Sequence[_Rows]) -> None:
        if not added:
            return
        self._database.run_for_each(schema.ADD_MESSAGE, [rows.message for rows in added])
        self._database.run_for_each(schema.ADD_ENVELOPE, [row for rows in added for row in rows.envelopes])
        list(self._database.rows(schema.RESERVE_BEYOND, (max(rows.number for rows in added),)))

    def _remember(self, changes: Changes) -> Sequence[int]:
        database = self._database
        database.run_for_each(schema.REMOVE_ENVELOPE, [(number,) for number in changes.done])
        database.run_for_each(schema.UPDATE_ENVELOPE, [_update_row(update) for update in changes.updates])
        messages = dict.fromkeys(map(message_of, changes.done))
        gone = database.run_for_each(schema.REMOVE_MESSAGE, [(message,) for message in messages])
        return [number for number, has_file in gone if isinstance(number, int) and has_file]

    def _reserve(self, count: int) -> Block:
        end = self._database.number(schema.RESERVE, (count,))
        return Block(end - count, end)

    def _count(self) -> Summary:
        database = self._database
        counts = [database.number(schema.COUNT_STATE, (state.value,)) for state in State]
        return Summary(database.number(schema.COUNT_MESSAGES), *counts)


def _update_row(update: Update) -> Row:
    """Put an update into the order of its statement."""
    number, state, due, tries, last_try, last_error, last_status = update
    return (state.value, due, tries, last_try, last_error, last_status, number)
