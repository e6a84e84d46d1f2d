"""A program that is always there: started, listened to, and started again when it has ended.

    start ─▶ began ─▶ heard(line) … ─▶ ready() ─▶ heard(line) … ─▶ ended(why) ─▶ a pause ─▶ start …
               the talker: it knows what is said, and says when the program is ready

Whatever a program does costs only those who need it: it ends, hangs at its beginning, talks
nonsense, writes without a newline, or does not read what it is told.  Its standard error is
in the log, line by line.  The pauses grow while it keeps ending, and not without bounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Protocol

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.programs.command import ProgramCommand, ProgramError
from smtpdsl.runtime.programs.complaints import Complaints
from smtpdsl.runtime.programs.limits import USUAL_LIMITS, ProgramLimits
from smtpdsl.runtime.programs.starting import Started, Starter
from smtpdsl.runtime.programs.stream import ProgramStream

__all__ = ["USUAL_LIMITS", "ProgramLimits", "SupervisedProgram", "Talker"]


class Talker(Protocol):
    """Who talks with a program; nothing of this may wait."""

    def began(self) -> None:
        """It runs, and has heard nothing yet."""

    def heard(self, line: bytes) -> None:
        """It has written *line*.

        Raises:
            ProgramError: That is nonsense; it is ended.
        """

    def ended(self, why: str) -> None:
        """It has ended, which is in the log; what it was asked is not answered any more."""


class SupervisedProgram:
    """A program; made by whoever needs it, and closed by the same."""

    def __init__(
        self,
        command: ProgramCommand,
        starter: Starter,
        talker: Talker,
        log: Log,
        limits: ProgramLimits = USUAL_LIMITS,
    ) -> None:
        """Prepare to start *command*; `start` does it."""
        self.name = command.name
        self._command = command
        self._starter = starter
        self._talker = talker
        self._log = log
        self._limits = limits
        self._run: _Run | None = None
        self._pause = limits.first_pause
        self._is_ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it, and keep it running, on the running event loop."""
        self._task = asyncio.ensure_future(self._keep_running())

    # ------------------------------------------------------------ for whoever talks with it

    @property
    def is_ready(self) -> bool:
        """Whether it runs and has been said to be ready."""
        return self._is_ready.is_set()

    @property
    def is_full(self) -> bool:
        """Whether it has to read first, before it is told more than has to be."""
        return self._run is not None and self._run.is_full

    def ready(self) -> None:
        """Take note that its first words were what they should be."""
        if self._run is not None:
            self._run.ready()
            self._is_ready.set()

    async def wait_until_ready(self) -> None:
        """Wait until it is ready, however long that takes."""
        await self._is_ready.wait()

    def send(self, octets: bytes) -> None:
        """Tell it whole lines; if it does not run, nobody is told."""
        if self._run is not None:
            self._run.send(octets)

    async def wait_for_room(self) -> None:
        """Wait until it has read, or has ended."""
        if self._run is not None:
            await self._run.wait_for_room()

    @property
    def is_held(self) -> bool:
        """Whether nothing that it says is listened to for the moment."""
        return self._run is not None and self._run.is_held

    def hold_until(self, done: Awaitable[object]) -> None:
        """Listen to nothing that it says until *done* is: nobody has room for it."""
        if self._run is not None:
            self._run.hold_until(done)

    def fail(self, why: str) -> None:
        """End it, because it does not do what it should: *why* is a clause for the log."""
        if self._run is not None:
            self._run.fail(why)

    async def close(self) -> None:
        """Let it read the end of its input, wait for a moment, and end it."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._run is not None:
            await self._run.leave()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    # ------------------------------------------------------------ its lives

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_at = loop.time()
            why = await self._live()
            if loop.time() - began_at >= self._limits.good_seconds:
                self._pause = self._limits.first_pause
            self._log.warn(f'the program "{self.name}" {why}; it is started again in {self._pause:g} seconds')
            self._talker.ended(why)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, self._limits.longest_pause)

    async def _live(self) -> str:
        """Start it, and return how it ended."""
        try:
            started = await self._starter.start(self._command)
        except (ProgramError, OSError) as error:
            # OSError: clients have all descriptors that this process may have.
            return f"cannot be started: {error}"
        self._run = run = _Run(self._command.name, started, self._talker, self._log, self._limits)
        try:
            await run.begin()
            why = await run.wait()
        finally:
            self._run = None
            self._is_ready.clear()
            await run.close()
        return why


class _Run:
    """One life of a program."""

    def __init__(self, name: str, started: Started, talker: Talker, log: Log, limits: ProgramLimits) -> None:
        self._started = started
        self._talker = talker
        self._limits = limits
        loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[str] = loop.create_future()
        self._stream = ProgramStream(limits, talker.heard, self.fail)
        self._complaints = Complaints(name, log)
        self._patience: asyncio.TimerHandle | None = None

    async def begin(self) -> None:
        """Connect to it, and let it be spoken to."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._complaints, sock=self._started.errors)
        await loop.create_unix_connection(lambda: self._stream, sock=self._started.stream)
        seconds = self._limits.ready_seconds
        self._patience = loop.call_later(seconds, self.fail, f"was not ready within {seconds:g} seconds")
        self._talker.began()

    def ready(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def fail(self, why: str) -> None:
        self._stream.ignore()
        if not self._failure.done():
            self._failure.set_result(f"is ended: {why}")

    @property
    def is_full(self) -> bool:
        return self._stream.is_full

    def send(self, octets: bytes) -> None:
        self._stream.send(octets)

    async def wait_for_room(self) -> None:
        await self._stream.has_room.wait()

    @property
    def is_held(self) -> bool:
        return self._stream.is_held

    def hold_until(self, done: Awaitable[object]) -> None:
        self._stream.hold_until(done)

    async def wait(self) -> str:
        """Wait for its end, and say what that was."""
        ended, last_words = self._started.life.ended, self._stream.ended
        await self._first_of(ended, last_words)
        if not self._failure.done():
            # What has been written is read, and who has closed its output has a moment to end by itself.
            both = asyncio.gather(asyncio.shield(ended), asyncio.shield(last_words))
            await self._first_of(both, within=self._limits.last_words_seconds)
            both.cancel()
        if self._failure.done():
            return self._failure.result()
        return ended.result() if ended.done() else "has closed its output"

    async def _first_of(self, *events: asyncio.Future[Any], within: float | None = None) -> None:
        """Wait for one of *events*, or for a reason to end it."""
        await asyncio.wait({*events, self._failure}, timeout=within, return_when=asyncio.FIRST_COMPLETED)

    async def leave(self) -> None:
        """Let it read the end of its input, and end by itself, if it does so soon."""
        self._stream.finish()
        await asyncio.wait({self._started.life.ended}, timeout=self._limits.last_words_seconds)

    async def close(self) -> None:
        """End it, and what belongs to it."""
        if self._patience is not None:
            self._patience.cancel()
        self._stream.close()
        self._started.life.kill()
        try:
            await asyncio.wait({self._started.life.ended})
            await asyncio.wait({self._complaints.ended}, timeout=self._limits.last_words_seconds)
        finally:
            # Even if nobody has the patience to wait for its last words.
            self._complaints.close()
