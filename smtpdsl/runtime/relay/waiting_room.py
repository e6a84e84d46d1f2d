"""Who waits for what to become free; those of different domains take turns.

    "route 192.0.2.25"    ann.example ▷ ▷ ▷        a place is free there: the first of ann's, the next time joe's
                          joe.example ▷
    "session with it"     the same four            handed over to one of them, who leaves the other line, too

Whoever is called and has no use for it after all calls the next one.  So nothing is free for long while somebody
waits for it, and what is called is one at a time, however many wait.  A lane with a lower limit than others, for which
nothing is free, has no turn while there is one that could use it.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from itertools import islice

# Whether somebody who waits could do something with what is free.
CanUse = Callable[[Hashable], bool]
# So many lanes are asked that at a time.
_MAX_ASKED = 20


class Waiter:
    """Somebody in some lines."""

    __slots__ = ("call", "can_use", "lane", "whats")

    def __init__(self, lane: str, whats: Mapping[Hashable, float], can_use: CanUse) -> None:
        """Wait for one of *whats*, together with the others of *lane*, and as *can_use* has it."""
        self.lane = lane
        self.whats = whats
        self.can_use = can_use
        self.call: asyncio.Future[tuple[Hashable, object]] = asyncio.get_running_loop().create_future()


class Line:
    """Those who wait for one thing, by lane."""

    def __init__(self) -> None:
        """Have none."""
        # The lanes in the order of their turns.
        self._lanes: dict[str, deque[Waiter]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    @property
    def is_empty(self) -> bool:
        """Whether nobody is there."""
        return not self._lanes

    def add(self, waiter: Waiter, *, is_first: bool) -> None:
        """Let *waiter* wait behind those of its lane, or before them."""
        lane = self._lanes.setdefault(waiter.lane, deque())
        if is_first:
            lane.appendleft(waiter)
        else:
            lane.append(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Let *waiter* go."""
        lane = self._lanes[waiter.lane]
        lane.remove(waiter)
        if not lane:
            del self._lanes[waiter.lane]

    def first(self) -> Waiter:
        """Return the one whose turn it is; the next turn is that of another lane."""
        return self._take_turn(next(iter(self._lanes)))

    def first_of_use(self, what: Hashable) -> Waiter:
        """Return the first one who can use *what*; if nobody can, the one whose turn it is."""
        asked = islice(self._lanes.items(), _MAX_ASKED)
        usable = (name for name, lane in asked if len(self._lanes) == 1 or lane[0].can_use(what))
        return self._take_turn(next(usable, next(iter(self._lanes))))

    def _take_turn(self, name: str) -> Waiter:
        lane = self._lanes[name] = self._lanes.pop(name)
        return lane[0]


class WaitingRoom:
    """The lines of everything."""

    def __init__(self) -> None:
        """Be empty."""
        self._lines: dict[Hashable, Line] = {}
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._lines

    def waiting(self, what: Hashable) -> int:
        """Return how many wait for *what*."""
        return len(self._lines.get(what, ()))

    async def wait(
        self,
        whats: Mapping[Hashable, float],
        lane: str,
        give_back: Callable[[Hashable, object], None],
        *,
        can_use: CanUse = lambda _: True,
        is_first: bool = False,
    ) -> tuple[Hashable, object]:
        """Wait for one of *whats*, and return which it is, with what is handed over.

        Args:
            whats: Lines to stand in, and in how many seconds somebody is called there at the latest.
            lane: Whose turn it is counted as.
            give_back: Called with what was handed over to somebody who has gone away.
            can_use: Whether it would be any use to be called for one of *whats* just now; asked if others wait, too.
            is_first: Whether to stand before the others of the lane: it was called, and somebody else was faster.
        """
        waiter = Waiter(lane, whats, can_use)
        for what, seconds in whats.items():
            self._lines.setdefault(what, Line()).add(waiter, is_first=is_first)
            self.call_later(what, seconds)
        try:
            return await waiter.call
        except asyncio.CancelledError:
            call = waiter.call
            if call.done() and not call.cancelled() and call.exception() is None:
                give_back(*call.result())
            raise
        finally:
            self._remove(waiter)

    def call(self, what: Hashable, gift: object = None) -> bool:
        """Call one of those who wait for *what*, and say whether there is one; it gets *gift*."""
        while (line := self._lines.get(what)) is not None:
            # A session that is handed over is of use to everybody in its line.
            waiter = line.first() if gift is not None else line.first_of_use(what)
            self._remove(waiter)
            # Whoever was cancelled in this turn of the loop is still there, and hears nothing any more.
            if not waiter.call.done():
                waiter.call.set_result((what, gift))
                return True
        return False

    def call_later(self, what: Hashable, seconds: float) -> None:
        """Call one of those who wait for *what* in so many *seconds*, if nobody is to be called before."""
        if seconds == math.inf or what not in self._lines:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(what)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[what] = loop.call_later(seconds, self._on_timer, what)

    def send_away(self, why: Exception) -> None:
        """Let everybody who waits raise *why*."""
        while self._lines:
            waiter = next(iter(self._lines.values())).first()
            self._remove(waiter)
            if not waiter.call.done():
                waiter.call.set_exception(why)

    def close(self) -> None:
        """Call nobody any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _on_timer(self, what: Hashable) -> None:
        del self._timers[what]
        self.call(what)

    def _remove(self, waiter: Waiter) -> None:
        """Take *waiter* out of all lines; once is enough."""
        whats, waiter.whats = waiter.whats, {}
        for what in whats:
            line = self._lines[what]
            line.remove(waiter)
            if line.is_empty:
                del self._lines[what]
