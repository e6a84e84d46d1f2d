"""What is made of files, and made anew when they change.

    certificate, key ──load──▶ context ──▶ handshakes
         ▲ renamed over: loaded anew at the next look, once a second at most
         ▲ half of it renamed: the old context stays, one warning, and another try later

Time passes only when somebody asks, so a server without clients looks at nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Generic, TypeVar

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.tls_files import Files
from smtpdsl.runtime.net.tls_settings import TlsSetupError

# How often files are looked at; and when what could not be loaded is tried again though none has changed.
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 60.0

T = TypeVar("T")
_Look = Callable[[str], object]


class Renewed(Generic[T]):
    """A value, the files that it is made of, and what they were then."""

    def __init__(self, name: str, paths: Sequence[str], make: Callable[[], T], files: Files) -> None:
        """Make the value; *name* is how the log calls it, *paths* are where *files* has them.

        Raises:
            TlsSetupError: It cannot be made.
        """
        self.name = name
        self._paths = paths
        self._make = make
        self._retry_at = math.inf
        # Looked at before they are read: who changes them in between is noticed at the next look.
        self._states = self._now(files.state)
        self.value = make()

    def _now(self, look: _Look) -> tuple[object, ...]:
        return tuple(map(look, self._paths))

    @property
    def is_failing(self) -> bool:
        """Whether the files, as they are now, cannot be used."""
        return self._retry_at < math.inf

    def is_due(self, now: float, look: _Look) -> bool:
        """Tell whether the files have changed, or are to be tried again."""
        return now >= self._retry_at or self._now(look) != self._states

    def renew(self, now: float, look: _Look) -> None:
        """Make the value anew.

        Raises:
            TlsSetupError: It cannot be made; the old one stays.
        """
        self._states = self._now(look)
        self._retry_at = now + _RETRY_SECONDS
        self.value = self._make()
        self._retry_at = math.inf


class Renewals(Generic[T]):
    """Several such values, looked at together."""

    def __init__(self, parts: Sequence[Renewed[T]], files: Files, log: Log, now: Callable[[], float]) -> None:
        """Watch over *parts*, which are made of *files*; *now* is a clock that never goes back, in seconds."""
        self.parts = parts
        self._files = files
        self._log = log
        self._now = now
        self._next_look = now() + _LOOK_SECONDS

    def look(self) -> bool:
        """Renew what has changed, if it is time to look; tell whether something may be another now."""
        now = self._now()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK_SECONDS
        # Several may share a file.
        look = cache(self._files.state)
        due = [part for part in self.parts if part.is_due(now, look)]
        for part in due:
            self._renew(part, now, look)
        return bool(due)

    def _renew(self, part: Renewed[T], now: float, look: _Look) -> None:
        was_failing = part.is_failing
        try:
            part.renew(now, look)
        except TlsSetupError as error:
            # Files are renamed one after the other, and each step of it is tried.
            if not was_failing:
                self._log.warn(f"{error}; {part.name} stays as it was loaded before")
        else:
            self._log.info(f"{part.name} is loaded anew")
