"""A clock that goes on when a test says so."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Seconds, one at a time; what is due is called in the order of its making."""

    def __init__(self) -> None:
        """Have no timer."""
        self.timers: list[Appointment] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Appointment:
        """Call *call* after a second, and no other time is asked for."""
        assert seconds == 1.0
        timer = Appointment(self, call)
        self.timers.append(timer)
        return timer

    def second(self) -> None:
        """Let one pass."""
        due, self.timers = self.timers, []
        for timer in due:
            timer.call()


class Appointment:
    """A call that is due in a second."""

    def __init__(self, clock: Clock, call: Callable[[], None]) -> None:
        """Be one of *clock*."""
        self._clock = clock
        self.call = call

    def cancel(self) -> None:
        """Call it off."""
        self._clock.timers.remove(self)
