"""The one timer of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from smtpdsl.runtime.net.deadlines import IDLE, SLOW_CONTENT, Overdue, Phase, Timeouts
from smtpdsl.runtime.net.session_clock import SessionClock

TIMEOUTS = Timeouts(idle=300, command=60, data_grace=10, min_data_rate=100)


class Timer:
    """A call at a moment."""

    def __init__(self, moment: float, call: Callable[[], object]) -> None:
        """Be due at *moment*."""
        self.moment = moment
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        """Call it off."""
        self.is_cancelled = True


class Loop:
    """The clock of an event loop, which goes on when a test says so."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        """Seconds."""
        return self.now

    def call_at(self, moment: float, call: Callable[[], object]) -> Timer:
        """Call *call* at *moment*."""
        self.timers.append(Timer(moment, call))
        return self.timers[-1]

    def call_later(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call *call* in so many *seconds*."""
        return self.call_at(self.now + seconds, call)

    @property
    def due(self) -> list[float]:
        """When something is to be called."""
        return [each.moment for each in self.timers if not each.is_cancelled]

    def go_to(self, moment: float) -> None:
        """Let the time go on to *moment*."""
        while early := [each for each in self.timers if not each.is_cancelled and each.moment <= moment]:
            timer = min(early, key=lambda each: each.moment)
            self.timers.remove(timer)
            self.now = timer.moment
            timer.call()
        self.now = moment


def begin(phase: Phase = Phase.COMMAND) -> tuple[Loop, SessionClock, list[Overdue]]:
    """Begin a session at 0; the list gets what ends it."""
    loop, ends = Loop(), list[Overdue]()
    return loop, SessionClock(cast("asyncio.AbstractEventLoop", loop), TIMEOUTS, phase, ends.append), ends


def test_a_client_that_goes_on_speaking_leaves_the_timer_where_it_is() -> None:
    """A deadline that moves to the future costs no timer; it is looked at again when the first one has come."""
    loop, clock, ends = begin()
    for step in range(1, 100):
        loop.now = step
        clock.go_on(Phase.COMMAND, step)
    assert (loop.due, len(loop.timers)) == ([300], 1)

    loop.go_to(398)
    assert (loop.due, ends) == ([399], [])
    loop.go_to(399)
    assert (loop.due, ends) == ([], [IDLE])


def test_a_deadline_that_is_nearer_is_looked_at_in_time() -> None:
    """Mail data has less time than a command, and each octet buys some of it."""
    loop, clock, ends = begin()
    clock.heard(1000)
    clock.go_on(Phase.CONTENT, 1)
    assert loop.due == [10]

    loop.go_to(9)
    clock.heard(500)
    loop.go_to(14)
    assert ends == []
    loop.go_to(15)
    assert ends == [SLOW_CONTENT]


def test_no_time_passes_while_we_are_at_work() -> None:
    """What the client waits for may take as long as it likes."""
    loop, clock, ends = begin()
    clock.stand_still()
    loop.go_to(10_000)
    assert ends == []

    clock.go_on(Phase.COMMAND, 1)
    loop.go_to(10_299)
    assert ends == []
    loop.go_to(10_300)
    assert ends == [IDLE]


def test_a_clock_that_is_stopped_ends_nobody() -> None:
    """Neither now nor at the end that was left for what is not written yet."""
    loop, clock, ends = begin()
    clock.stop_within(5, lambda: ends.append(IDLE))
    assert loop.due == [5]

    clock.stop()
    loop.go_to(10_000)
    assert ends == []
