"""The clock of a session: its deadlines, and the one timer of the event loop that looks at them.

    heard, stand_still, go_on ──▶ Deadlines ◀── due? ── the timer ──▶ the session: `Overdue`

A client has its next deadline long before the last one comes.  So the timer stays where it is when
the deadline moves to the future, and looks again when its moment has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smtpdsl.runtime.net.deadlines import Deadlines, Overdue, Phase, Timeouts

# It is asked for each time that octets come, and a member of an enumeration takes long to find.
_CONTENT = Phase.CONTENT


class SessionClock:
    """Ends the session of a client that is too slow."""

    __slots__ = ("_at", "_deadlines", "_end", "_loop", "_timeouts", "_timer")
    _timer: asyncio.TimerHandle

    def __init__(
        self, loop: asyncio.AbstractEventLoop, timeouts: Timeouts, phase: Phase, end: Callable[[Overdue], None]
    ) -> None:
        """Begin with *phase*, and tell *end* when the client is overdue."""
        self._loop = loop
        self._timeouts = timeouts
        self._end = end
        now = loop.time()
        self._deadlines = Deadlines(timeouts, now, phase)
        self._look_at(now + self._deadlines.next_look(now))

    def heard(self, octets: int) -> None:
        """Take notice of *octets* that came from the client."""
        # Outside of mail data they buy no time.
        if self._deadlines.phase is _CONTENT:
            self._deadlines.heard(self._loop.time(), octets)

    def stand_still(self) -> None:
        """We are at work, and none of the client's time passes."""
        self._deadlines.pause(self._loop.time())

    def go_on(self, phase: Phase, step: int) -> None:
        """Give the client the time that it has for *phase*; see `Deadlines.enter` for *step*."""
        due = self._deadlines.go_on(self._loop.time(), phase, step)
        if due < self._at:
            self._timer.cancel()
            self._look_at(due)

    def stop(self) -> None:
        """Look no more: the connection is over."""
        self._timer.cancel()
        # The session holds this, and would be held by it.
        self._end = _ignore

    def stop_within(self, seconds: float, end: Callable[[], object]) -> None:
        """Look no more, and call *end* in so many *seconds*, unless it is stopped before."""
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, end)

    def _look_at(self, moment: float) -> None:
        self._at = moment
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        overdue = self._deadlines.due(now)
        if overdue is None:
            self._look_at(now + min(self._deadlines.next_look(now), self._timeouts.idle))
        else:
            self._end(overdue)


def _ignore(_: Overdue) -> None:
    pass
