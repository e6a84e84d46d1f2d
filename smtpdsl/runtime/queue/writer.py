"""A large message on its way into the spool, as its session sees it.

    write ──▶ │ waits │ ──job──▶ thread: incoming/N          one job at a time, so the order is kept
                  └─ more than 1 MiB: the client waits, too

Small writes are gathered, so that a job has something to do.  Everything here happens on the
event loop; the jobs get octets that nobody else touches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.queue.files import SpoolFile, storage_error
from smtpdsl.runtime.sealing.seal import Seal

# So many octets are worth a job.
JOB_OCTETS = 256 * 1024
# A client waits while so many octets of its message, or of all messages together, are not written yet.
MAX_WAITING_OCTETS = 1024 * 1024
MAX_WAITING_OCTETS_IN_ALL = 16 * 1024 * 1024

# Lets a job be done by a thread.
Run: TypeAlias = Callable[[Callable[[], None]], "asyncio.Future[None]"]


class Backlog:
    """What all messages together have not written yet."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.octets = 0


class SpoolWriter:
    """Implements `ContentWriter`."""

    def __init__(self, message_id: int, file: SpoolFile, run: Run, backlog: Backlog) -> None:
        """Write to *file* with jobs that *run* starts."""
        self.message_id = message_id
        self.size = 0
        self._file = file
        self._run = run
        self._backlog = backlog
        self._gathered: list[bytes] = []
        self._gathered_octets = 0
        self._running_octets = 0
        self._is_running = False
        self._failure: StorageError | None = None
        # Nothing more is taken: the message is whole, or forgotten.
        self._is_closed = False
        self._room: asyncio.Future[None] | None = None
        self._sealed: asyncio.Future[None] | None = None

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Append *octets*; an awaitable means that the client has to wait for it."""
        if self._is_closed or self._failure is not None:
            return None
        self.size += len(octets)
        self._gathered.append(octets)
        self._gathered_octets += len(octets)
        self._backlog.octets += len(octets)
        must_wait = self._must_wait()
        if not self._is_running and (must_wait or self._gathered_octets >= JOB_OCTETS):
            self._write_gathered()
        if not must_wait:
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    def seal(self) -> asyncio.Future[None]:
        """Make what was written durable; from now on the message is the queue's, and `discard` does nothing.

        The future fails with `StorageError` if anything has failed since the beginning.
        """
        assert self._sealed is None, "a message is handed over once"
        self._sealed = asyncio.get_running_loop().create_future()
        self._is_closed = True
        if self._failure is not None:
            self._end(self._failure)
        elif not self._is_running:
            self._go_on()
        return self._sealed

    @property
    def how_sealed(self) -> Seal:
        """The form and the checksum of the file, once it is durable."""
        return self._file.how_sealed

    def discard(self) -> None:
        """Forget everything."""
        if self._is_closed:
            return
        self._is_closed = True
        self._take_gathered()
        if not self._is_running:
            self._go_on()

    # ------------------------------------------------------------ jobs

    def _write_gathered(self) -> None:
        octets = self._take_gathered()
        self._start(lambda: self._file.write(octets), len(octets))

    def _take_gathered(self) -> bytes:
        octets = b"".join(self._gathered)
        self._gathered.clear()
        self._gathered_octets = 0
        self._backlog.octets -= len(octets)
        return octets

    def _start(self, job: Callable[[], None], octets: int) -> None:
        self._is_running = True
        self._running_octets = octets
        self._backlog.octets += octets
        self._run(job).add_done_callback(self._on_written)

    def _on_written(self, job: asyncio.Future[None]) -> None:
        self._is_running = False
        self._backlog.octets -= self._running_octets
        self._running_octets = 0
        error = job.exception()
        if error is not None:
            self._failure = storage_error(error)
            self._take_gathered()
        self._go_on()

    def _go_on(self) -> None:
        """Do what comes next, now that no job runs."""
        if self._sealed is not None and self._failure is None:
            self._seal()
        elif self._is_closed or self._failure is not None:
            self._clean_up()
        elif self._gathered_octets >= JOB_OCTETS or (self._room is not None and self._gathered):
            self._write_gathered()
        # Whoever has nothing of its own that waits goes on, even if others have: so they cannot wait for each other.
        if not self._must_wait() or not self._is_running:
            self._let_client_go_on()

    def _seal(self) -> None:
        octets = self._take_gathered()
        self._is_running = True
        self._run(lambda: self._file.seal(octets)).add_done_callback(self._on_sealed)

    def _on_sealed(self, job: asyncio.Future[None]) -> None:
        error = job.exception()
        self._end(None if error is None else storage_error(error))

    def _clean_up(self) -> None:
        self._is_closed = True
        self._is_running = True
        self._let_client_go_on()
        self._run(self._file.remove).add_done_callback(self._on_removed)

    def _on_removed(self, job: asyncio.Future[None]) -> None:
        # What is not removed now goes at the next start.
        job.exception()
        self._end(self._failure)

    def _end(self, failure: StorageError | None) -> None:
        if self._sealed is None or self._sealed.done():
            return
        if failure is None:
            self._sealed.set_result(None)
        else:
            self._sealed.set_exception(failure)

    # ------------------------------------------------------------ waiting

    def _must_wait(self) -> bool:
        waiting = self._gathered_octets + self._running_octets
        return waiting > MAX_WAITING_OCTETS or self._backlog.octets > MAX_WAITING_OCTETS_IN_ALL

    def _let_client_go_on(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None
