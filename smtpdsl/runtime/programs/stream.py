"""The standard input and output of a program: one socket, lines both ways.

send ──▶ what is said in one turn of the event loop, written at once ──▶ has_room
heard ◀── LineReader ◀── unless it is held, because nobody has room for what it says
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from smtpdsl.runtime.programs.command import ProgramError
from smtpdsl.runtime.programs.limits import ProgramLimits
from smtpdsl.runtime.programs.lines import LineReader


class ProgramStream(asyncio.Protocol):
    """The connection to a program, for one of its lives.

    Attributes:
        ended: Done when there is nothing more to read.
        has_room: Set while it reads what it is told.
    """

    def __init__(self, limits: ProgramLimits, heard: Callable[[bytes], None], fail: Callable[[str], None]) -> None:
        """Give each line to *heard*, which may raise ProgramError; *fail* is told what it does that it must not."""
        self._limits = limits
        self._lines = LineReader(limits.line_octets)
        self._heard = heard
        self._fail = fail
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._outgoing: list[bytes] = []
        self._outgoing_octets = 0
        self._holds: set[asyncio.Future[object]] = set()
        self._patience: asyncio.TimerHandle | None = None
        self._is_deaf = False
        self._is_finished = False
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.has_room = asyncio.Event()
        self.has_room.set()

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # A stream's; that of uvloop is no subclass.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._limits.full_octets)

    def data_received(self, data: bytes) -> None:
        """Take what it says."""
        if self._is_deaf:
            return
        try:
            for line in self._lines.feed(data):
                self._heard(line)
                if self._is_deaf:
                    return
        except ProgramError as error:
            self._fail(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take notice that it has ended."""
        del exc
        self._transport = None
        self._go_on_writing()
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        """Let whoever can wait do so, but not for ever."""
        self.has_room.clear()
        seconds = self._limits.unread_seconds
        text = f"it did not read what it was told for {seconds:g} seconds"
        self._patience = self._loop.call_later(seconds, self._fail, text)

    def resume_writing(self) -> None:
        """Go on: it has read."""
        self._go_on_writing()

    def _go_on_writing(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self.has_room.set()

    # ------------------------------------------------------------ for its run

    def send(self, octets: bytes) -> None:
        """Tell it whole lines."""
        if self._is_deaf or self._is_finished:
            return
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing.append(octets)
        self._outgoing_octets += len(octets)

    def _write(self) -> None:
        octets = b"".join(self._outgoing)
        self._outgoing.clear()
        self._outgoing_octets = 0
        if not octets or self._transport is None or self._is_deaf or self._transport.is_closing():
            return
        self._transport.write(octets)
        if self._transport.get_write_buffer_size() > self._limits.most_octets:
            self._fail("it does not read what it is told")

    @property
    def is_full(self) -> bool:
        """Whether there is enough for it to read; many sessions may tell it something in one turn of the event loop."""
        return not self.has_room.is_set() or self._outgoing_octets > self._limits.full_octets

    @property
    def is_held(self) -> bool:
        """Whether nothing is read for the moment."""
        return bool(self._holds)

    def hold_until(self, done: Awaitable[object]) -> None:
        """Read nothing until *done* is, and whatever else it is held for."""
        future = asyncio.ensure_future(done)
        self._holds.add(future)
        if self._transport is not None:
            self._transport.pause_reading()
        future.add_done_callback(self._release)

    def _release(self, future: asyncio.Future[object]) -> None:
        self._holds.discard(future)
        if not future.cancelled():
            # Whoever waits for it looks at what it came to.
            future.exception()
        if not self._holds and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def finish(self) -> None:
        """Let it read the end of its input."""
        self._write()
        self._is_finished = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def ignore(self) -> None:
        """Listen to nothing more of it."""
        self._is_deaf = True

    def close(self) -> None:
        """End the connection."""
        self.ignore()
        if self._transport is not None:
            self._transport.abort()
