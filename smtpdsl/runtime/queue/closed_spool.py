"""A spool that no server has: read page by page without its lock, changed with it.

    listing    database opened ▶ a page ▶ closed      a server that starts meanwhile waits for a page at most
    change     lock, database as a server opens it ▶ transactions ▶ closed

Both give the face that a running queue has (`administration`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.administration import Administration
from smtpdsl.runtime.queue.changing import Change, Changed
from smtpdsl.runtime.queue.facts import FactsError
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.listing import ListPage, ListQuery, list_page
from smtpdsl.runtime.queue.loading import read_message, unreadable
from smtpdsl.runtime.queue.opening import open_spool
from smtpdsl.runtime.queue.spool import ContentFolder
from smtpdsl.runtime.queue.sqlite import Database, UnreadableMessageError, look_into_database
from smtpdsl.runtime.queue.sqlite_store import FILE_NAME
from smtpdsl.runtime.queue.store import StoredMessage
from smtpdsl.runtime.sealing.seals import Seals

_T = TypeVar("_T")


def is_spool(path: Path) -> bool:
    """Whether there is a queue in the folder *path*.

    Raises:
        SpoolError: Nobody may look.
    """
    try:
        return (path / FILE_NAME).stat().st_size >= 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise SpoolError.of(path, error) from error


@asynccontextmanager
async def reading(path: Path, seals: Seals, log: Log, clock: Callable[[], float]) -> AsyncIterator[Administration]:
    """Look into the spool in the folder *path* as long as the context lasts; nothing can be changed.

    Raises:
        SpoolError: It cannot be read.
    """
    content = ContentFolder(path, seals=seals)
    try:
        yield Administration(_Reader(path, seals), content, log, clock)
    finally:
        await content.close()


@asynccontextmanager
async def changing(path: Path, seals: Seals, log: Log, clock: Callable[[], float]) -> AsyncIterator[Administration]:
    """Have the spool in the folder *path* for this process, as long as the context lasts.

    Raises:
        SpoolError: It cannot be had.
    """
    store, content, lock, _ = open_spool(path, seals=seals)
    store.start()
    administration = Administration(store, content, log, clock)
    try:
        yield administration
    finally:
        # Who was interrupted has left a page behind, which is completed with its files.
        await administration.finish()
        await content.close()
        await store.close()
        lock.release()


class _Reader:
    """What administration asks of a store, as far as it changes nothing."""

    def __init__(self, path: Path, seals: Seals) -> None:
        self._path = path
        self._seals = seals
        # Messages in damaged pages, which are not read again.
        self._unreadable: set[int] = set()

    def listing(self, query: ListQuery) -> asyncio.Future[ListPage]:
        """Return a page of envelopes."""
        return self._read(lambda database: list_page(database, query, self._unreadable))

    def message(self, message_id: int) -> asyncio.Future[StoredMessage]:
        """Return a message."""

        def read(database: Database) -> StoredMessage:
            try:
                return read_message(database, message_id)
            except FactsError as error:
                raise unreadable(error) from None

        return self._read(read)

    def change(self, numbers: Sequence[int], change: Change, now: float) -> asyncio.Future[Changed]:
        """Refuse: whoever changes a spool has its lock."""
        del numbers, change, now
        message = "nothing is changed without the lock of the spool"
        raise StorageError(message)

    def _read(self, work: Callable[[Database], _T]) -> asyncio.Future[_T]:
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(self._look(work))
        except StorageError as error:
            future.set_exception(error)
        except SpoolError as error:
            future.set_exception(StorageError(str(error)))
        return future

    def _look(self, work: Callable[[Database], _T]) -> _T:
        found: list[_T] = []
        database = self._open()
        try:
            self._work(database, lambda: found.append(work(database)))
        finally:
            database.close()
        return found[0]

    def _work(self, database: Database, work: Callable[[], None]) -> None:
        """Begin again as long as that finds damaged messages which were not known before."""
        while True:
            try:
                return database.transaction(work)
            except UnreadableMessageError as error:
                if error.message_id in self._unreadable:
                    raise
                self._unreadable.add(error.message_id)

    def _open(self) -> Database:
        path = self._path / FILE_NAME
        database = look_into_database(path, self._seals)
        if database is None:
            # It gets the columns of today, as when a server starts.
            spool = open_spool(self._path, seals=self._seals)
            spool.store.abort()
            spool.lock.release()
            database = look_into_database(path, self._seals)
        assert database is not None, "it has the columns of today"
        return database
