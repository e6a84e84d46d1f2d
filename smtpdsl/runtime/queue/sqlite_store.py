"""The embedded store: messages and envelopes in an SQLite database, with one thread that commits.

    everything that waits ──▶ BEGIN  add ──▶ record, load …  COMMIT ──▶ futures
                              event loop     thread            └─ one sync of the log, shared by the whole batch

A batch is committed as a whole.  If it cannot be because of one request, each is tried alone; if
the disk is at fault, all of them fail, nothing of them is kept, and the next batch is tried again.
Only if the process dies right after such a failure may a refused message be found in the log of the
database: its client sends it again, and it is delivered twice rather than lost.
"""

from __future__ import annotations

import secrets
from asyncio import Future
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from smtpdsl.runtime.interfaces import InlineContent, StorageError, Submission
from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.batching import Batcher, Request
from smtpdsl.runtime.queue.changing import Change, Changed
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.ids import FIRST_NUMBER_LIMIT, Block
from smtpdsl.runtime.queue.listing import ListPage, ListQuery
from smtpdsl.runtime.queue.missing_keys import missing_keys
from smtpdsl.runtime.queue.rows import Arrival
from smtpdsl.runtime.queue.sqlite import DamagedPageError, UnfitError, open_database
from smtpdsl.runtime.queue.store import Changes, DueBatch, DueQuery, StoredMessage, Summary, Then, nothing_then
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
)
from smtpdsl.runtime.queue.store_work import StoreWork, reserve
from smtpdsl.runtime.sealing.seal import PLAIN, Seal
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals

_T = TypeVar("_T")

FILE_NAME = "queue.db"
# Numbers for messages that are reserved with one write; as many are lost when the server ends.
BLOCK_SIZE = 4096


class SqliteStore:
    """A `Store` in a folder of its own."""

    def __init__(self, folder: Path, *, vfs: str | None = None, seals: Seals = PLAIN_SEALS) -> None:
        """Open the database in *folder*, which the caller has locked; *seals* are those of its rows.

        Raises:
            SpoolError: It cannot be used, or needs a key that *seals* have not.
        """
        first_number = secrets.randbelow(FIRST_NUMBER_LIMIT - 1) + 1
        self._database = open_database(folder / FILE_NAME, first_number, vfs, seals)
        self._batcher: Batcher | None = None
        self.run = 0
        self.first_block = Block(0, 0)
        try:
            # What a damaged page hides needs no key any more.
            with suppress(DamagedPageError):
                self._database.transaction(self._look_for_keys)
            self._database.transaction(self._begin_run)
        except StorageError as error:
            self._database.leave()
            message = f"the spool {folder} cannot be used: {error}"
            raise SpoolError(message) from error

    def _look_for_keys(self) -> None:
        if lack := missing_keys(self._database):
            raise UnfitError(lack)

    def _begin_run(self) -> None:
        self.run = self._database.number(schema.NEXT_RUN)
        self.first_block = reserve(self._database, BLOCK_SIZE)

    @property
    def transactions(self) -> int:
        """How many transactions were committed since the store was opened."""
        return self._database.transactions

    def has_file(self, message_id: int) -> bool:
        """Whether there is such a message, with its octets in a file; only to be asked before `start`."""
        try:
            ((count,),) = self._database.rows(schema.HAS_FILE, (message_id,))
        except DamagedPageError:
            # Nobody knows, so the file is kept.
            return True
        return count != 0

    def abort(self) -> None:
        """Close a store that was never started."""
        self._database.close()

    # ------------------------------------------------------------ on the event loop

    def start(self) -> None:
        """Take requests, on the running event loop."""
        self._batcher = Batcher(StoreWork(self._database))

    def reserve(self, count: int) -> Future[Block]:
        """Reserve *count* numbers for messages."""
        return self._submit(ReserveRequest(count))

    def add(
        self, submission: Submission, octets: bytes | None, size: int, seal: Seal = PLAIN, *, then: Then = nothing_then
    ) -> Future[None]:
        """Keep a message with its envelopes, all due at once."""
        return self._submit(AddRequest(Arrival(submission, octets, size, seal, self.run), then))

    def record(self, changes: Changes) -> Future[Sequence[int]]:
        """Remember what became of envelopes, and keep the reports on them."""
        return self._submit(RecordRequest(changes, [self._report(each) for each in changes.reports]))

    def _report(self, report: Submission) -> Arrival:
        assert isinstance(report.content, InlineContent), "reports are short"
        return Arrival(report, report.content.octets, report.content.size, PLAIN, self.run)

    def load(self, query: DueQuery) -> Future[DueBatch]:
        """Return what is due."""
        return self._submit(LoadRequest(query))

    def hurry(self, lane: str, now: float, limit: int) -> Future[int]:
        """Let envelopes of a lane be due *now* whose host could not be reached."""
        return self._submit(HurryRequest(lane, now, limit))

    def summary(self) -> Future[Summary]:
        """Count."""
        return self._submit(CountRequest())

    def listing(self, query: ListQuery) -> Future[ListPage]:
        """Return a page of envelopes."""
        return self._submit(ListRequest(query))

    def change(self, numbers: Sequence[int], change: Change, now: float) -> Future[Changed]:
        """Do what an administrator wants with the envelopes *numbers*."""
        return self._submit(ChangeRequest(numbers, change, now))

    def message(self, message_id: int) -> Future[StoredMessage]:
        """Return a message."""
        return self._submit(FetchRequest(message_id))

    async def close(self) -> None:
        """Do what was asked, and end."""
        assert self._batcher is not None, "start comes first"
        await self._batcher.close()

    def _submit(self, request: Request[_T]) -> Future[_T]:
        assert self._batcher is not None, "start comes first"
        return self._batcher.submit(request)
