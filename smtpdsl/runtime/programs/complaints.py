"""What a program writes to its standard error: lines of our log, behind its name.

    warn: rspamd: cannot connect to 127.0.0.1:11333

A program that writes without end has to wait: a log of nothing else helps nobody.
"""

from __future__ import annotations

import asyncio
from typing import cast

from smtpdsl.runtime.log import Log

# A longer line goes on in the next one.
_LINE_OCTETS = 2048
# So many in a second; then it waits for the next one.
_LINES_PER_SECOND = 200
_SECOND = 1.0


class Complaints(asyncio.Protocol):
    """The standard error of a program.

    Attributes:
        ended: Done when nobody can write to it any more.
    """

    def __init__(self, name: str, log: Log) -> None:
        """Tell *log* what the program *name* says."""
        self._name = name
        self._log = log
        self._rest = b""
        self._lines = 0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.ReadTransport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Tell each line that is whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) >= _LINE_OCTETS:
            lines.append(self._rest[:_LINE_OCTETS])
            self._rest = self._rest[_LINE_OCTETS:]
        for line in lines:
            self._tell(line)
        self._lines += len(lines)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECOND, self._go_on)
        if self._lines >= _LINES_PER_SECOND and self._transport is not None:
            self._transport.pause_reading()

    def _go_on(self) -> None:
        self._lines, self._timer = 0, None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the last line, although it has no end."""
        del exc
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._tell(self._rest)
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()

    def _tell(self, line: bytes) -> None:
        text = line.strip().decode("utf-8", "backslashreplace")
        if text:
            self._log.warn(f"{self._name}: {text}")
