"""Lines of the log that strangers cause: the first at once, then one a second for all that came.

    refused a connection from 192.0.2.1: 421 4.7.0 …
    refused 812 connections, the last from 192.0.2.1: 421 4.7.0 …

A flood of connections is one line a second, and not the end of the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_SECOND = 1.0


class Timer(Protocol):
    """What can be called off."""

    def cancel(self) -> None:
        """Call it off."""


class Seldom:
    """Something that may happen too often to be told each time."""

    def __init__(
        self, tell: Callable[[int, str], None], call_later: Callable[[float, Callable[[], None]], Timer]
    ) -> None:
        """Call *tell* with how often it has happened since the last time, and with the last note.

        *call_later* is that of the event loop.
        """
        self._tell = tell
        self._call_later = call_later
        self._count = 0
        self._last = ""
        self._timer: Timer | None = None

    def note(self, text: str) -> None:
        """Take notice that it happened; *text* says more."""
        self._count += 1
        self._last = text
        if self._timer is None:
            self._say()

    def close(self) -> None:
        """Tell what is not told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._count:
            self._tell(self._count, self._last)
            self._count = 0

    def _say(self) -> None:
        if self._count:
            self._tell(self._count, self._last)
            self._count = 0
            self._timer = self._call_later(_SECOND, self._say)
        else:
            self._timer = None
