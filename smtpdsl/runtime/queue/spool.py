"""Large messages: files of the spool, written by a few threads.

    write     incoming/N    created by the first write, in the order of the calls
    seal      incoming/N    the rest is written, and the file synced
              content/N     renamed, and this folder synced
              row of N      only now; when its transaction is committed, the client is told 250
    check     content/N     before each attempt, against the checksum in the row
    remove    content/N     after the commit of the transaction that removed the row

So a row always has its file.  A file without a row was left by a server that died between two of
these steps: its message was never acknowledged, or is delivered, and it goes at the next start.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Content, InlineContent, SpooledContent
from smtpdsl.runtime.queue.checking import FileCheck
from smtpdsl.runtime.queue.files import Files, SpoolFile
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.sealed_facts import content_entry
from smtpdsl.runtime.queue.writer import Backlog, SpoolWriter
from smtpdsl.runtime.sealing.seal import PLAIN, Seal
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals

INCOMING, CONTENT = "incoming", "content"
# Syncing a file is mostly waiting, and several may wait at once.
_THREADS = 4
_NAME_DIGITS = 16


class Cleaning(NamedTuple):
    """How many files a start has removed: of messages that never were whole, and of messages that have no row."""

    unfinished: int
    orphans: int


def has_content(spool: Path) -> bool:
    """Whether there are files of messages in *spool*."""
    return any((spool / CONTENT).glob("*"))


class ContentFolder:
    """The files, by the numbers of their messages."""

    def __init__(self, spool: Path, files: Files | None = None, seals: Seals = PLAIN_SEALS) -> None:
        """Keep them in the folder *spool*, sealed by *seals*.

        Raises:
            SpoolError: It cannot be written.
        """
        self._spool = spool
        self._incoming = spool / INCOMING
        self._content = spool / CONTENT
        self._files = files or Files()
        self._seals = seals
        self.keys = seals.keys
        self._check = FileCheck(self._files)
        self._backlog = Backlog()
        self._running: set[asyncio.Future[None]] = set()
        self._is_closed = False
        try:
            for folder in (self._incoming, self._content):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._files.sync_folder(spool)
        except OSError as error:
            raise SpoolError.of(spool, error) from error
        # Threads are started when there is something to do.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="spool")

    def clean(self, has_row: Callable[[int], bool]) -> Cleaning:
        """Remove what an earlier server has left; *has_row* knows the messages that are in files.

        Raises:
            SpoolError: A file cannot be removed.
        """
        try:
            unfinished = list(self._incoming.iterdir())
            orphans = [path for path in self._content.iterdir() if _is_name(path.name) and not has_row(_number(path))]
            for path in (*unfinished, *orphans):
                self._files.remove(path)
        except OSError as error:
            raise SpoolError.of(self._spool, error) from error
        return Cleaning(len(unfinished), len(orphans))

    def open(self, message_id: int) -> SpoolWriter:
        """Begin to store a message."""
        content = self._path(message_id)
        file = SpoolFile(
            self._incoming / content.name,
            content,
            self._files,
            self._seals.file_sealer(content_entry(message_id)),
        )
        return SpoolWriter(message_id, file, self._run, self._backlog)

    def trust(self, message_id: int) -> None:
        """Know that the file of a message is what was just written: it is not read back for its first attempt."""
        self._check.trust(message_id, self._path(message_id))

    def content(self, message_id: int, octets: bytes | None, size: int, seal: Seal = PLAIN) -> Content:
        """Say where the mail data of a message is: in memory, or else in its file, which has the *seal*."""
        if octets is not None:
            return InlineContent(octets)
        with_key = self._seals.with_key(content_entry(message_id), seal)
        return SpooledContent(str(self._path(message_id)), size, with_key)

    async def check(self, message_id: int, content: Content) -> None:
        """Make sure that the file of a message, if it has one, is what was written.

        Raises:
            SpoolDamageError: It is something else.
            OSError: It cannot be read now.
        """
        if not isinstance(content, SpooledContent):
            return
        path = self._path(message_id)
        if not self._check.is_known(message_id, path):
            await self._run(lambda: self._check.check(message_id, path, content))

    def remove(self, message_id: int) -> None:
        """Remove a message that has no row any more; what cannot be removed now goes at the next start."""
        path = self._path(message_id)
        self._check.forget(message_id)
        self._run(lambda: self._files.remove(path)).add_done_callback(asyncio.Future.exception)

    async def settle(self) -> None:
        """Wait for everything that has begun."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Wait for everything that has begun, and begin nothing more."""
        await self.settle()
        self._is_closed = True
        self._threads.shutdown()

    def _path(self, message_id: int) -> Path:
        return self._content / f"{message_id:0{_NAME_DIGITS}x}"

    def _run(self, job: Callable[[], None]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        if self._is_closed:
            future: asyncio.Future[None] = loop.create_future()
            future.set_exception(OSError(errno.ESHUTDOWN, "the queue is closed"))
            return future
        future = loop.run_in_executor(self._threads, job)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future


def _is_name(name: str) -> bool:
    return len(name) == _NAME_DIGITS and not name.strip("0123456789abcdef")


def _number(path: Path) -> int:
    return int(path.name, 16)
