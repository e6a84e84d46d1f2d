"""Servers that had no welcome lately, and are left alone for a while.

    1st failure   15 seconds        as OpenSMTPD does it: 15 p² seconds, at most an hour;
    2nd           60 seconds        the same time once more without a failure takes one back
    3rd          135 seconds

Those who were under way already when it failed change nothing.  So a server that is down
costs one attempt its patience, and the other messages for it none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

_SECONDS = 15.0
_MAX_SECONDS = 3600.0
_MAX_KNOWN = 1000


class Penalty(NamedTuple):
    """So many failures that still count, until when the server is left alone, and why."""

    failures: int
    until: float
    problem: str


class Penalties:
    """By server."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know of no failure; *clock* gives seconds."""
        self._clock = clock
        self._known: dict[Hashable, Penalty] = {}

    def failed(self, server: Hashable, problem: str) -> None:
        """Leave *server* alone, and remember why; if it is left alone already, nobody new has failed."""
        now = self._clock()
        if self.problem(server):
            return
        failures = self._failures(server, now) + 1
        self._known.pop(server, None)
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[server] = Penalty(failures, now + _seconds(failures), problem)

    def succeeded(self, server: Hashable) -> None:
        """Forget what was."""
        self._known.pop(server, None)

    def pardon(self, server: Hashable) -> bool:
        """Let *server* be tried again now; what it did still counts.  Say whether it was left alone."""
        if not self.problem(server):
            return False
        self._known[server] = self._known[server]._replace(until=self._clock())
        return True

    def problem(self, server: Hashable) -> str:
        """Return why *server* is left alone; empty if it is not."""
        if not self._known:
            return ""
        known = self._known.get(server)
        return known.problem if known is not None and known.until > self._clock() else ""

    def known(self) -> Mapping[Hashable, Penalty]:
        """Return who has failed lately, and is left alone or not."""
        return dict(self._known)

    def _failures(self, server: Hashable, now: float) -> int:
        """Return the failures that still count."""
        known = self._known.get(server)
        failures, until = (known.failures, known.until) if known is not None else (0, now)
        while failures and (until := until + _seconds(failures)) <= now:
            failures -= 1
        return failures


def _seconds(failures: int) -> float:
    return min(_SECONDS * failures * failures, _MAX_SECONDS)
