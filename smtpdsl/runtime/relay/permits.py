"""How many connections there are, by everything that they count for, and whether there may be another one.

    Limit(what=host 192.0.2.25, most=10)             3 now       there may be
    Limit(what=route from 192.0.2.1, most=5)         5 now       there may not, until one of them ends
    Limit(what=relay out, most=100, delay=2)         1 s ago     there may be in a second

A permit is taken before a connection begins, and given back when it has ended.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from smtpdsl.runtime.relay.waiting_room import WaitingRoom

# Of those without a connection only these are remembered.
_MAX_KNOWN = 2000


class Limit(NamedTuple):
    """How many connections may count for *what*, and how long after another one's beginning, or end, one begins."""

    what: Hashable
    most: int
    delay: float = 0.0
    reconnect: float = 0.0


class Obstacle(NamedTuple):
    """What another connection has to wait for: the end of one that counts for *what*, or so many *seconds*."""

    what: Hashable
    seconds: float = math.inf


class Count:
    """The connections that count for something, and when the last of them began and ended."""

    __slots__ = ("began", "connections", "ended")

    def __init__(self) -> None:
        """Have none."""
        self.connections = 0
        self.began = -math.inf
        self.ended = -math.inf


class Permit:
    """What one connection counts for, until it ends."""

    def __init__(self, permits: Permits, limits: Sequence[Limit]) -> None:
        """Count for *limits* already."""
        self._permits = permits
        self._limits = limits
        self._holds = 0

    def counts_for(self, what: Hashable) -> bool:
        """Whether its end makes room for another one that counts for *what*."""
        return any(limit.what == what for limit in self._limits)

    def attach(self, closed: asyncio.Future[None]) -> None:
        """End when *closed* is done, and all others that it was attached to."""
        self.hold()
        closed.add_done_callback(lambda _: self.let_go())

    def hold(self) -> None:
        """Go on until `let_go`, also if everything is closed: another connection may follow."""
        self._holds += 1

    def let_go(self) -> None:
        """End when nothing holds it any more."""
        self._holds -= 1
        if not self._holds:
            self.end()

    def end(self) -> None:
        """Count for nothing any more."""
        limits, self._limits = self._limits, ()
        self._permits.discount(limits)


class Admission(NamedTuple):
    """The permits of a session, which end when it is left, and of its connection, which end when that is closed."""

    session: Permit
    connection: Permit


class Permits:
    """Counts, and calls those who wait when it counts less."""

    def __init__(self, clock: Callable[[], float], room: WaitingRoom) -> None:
        """Count nothing yet; *clock* gives seconds, and who waits is in *room*."""
        self._clock = clock
        self._room = room
        self._counts: dict[Hashable, Count] = {}

    def of(self, what: Hashable) -> Count:
        """Return what counts for *what*."""
        return self._counts.get(what) or Count()

    def known(self) -> Iterable[tuple[Hashable, Count]]:
        """Return everything that has been counted lately."""
        return list(self._counts.items())

    def obstacle(self, limits: Iterable[Limit]) -> Obstacle | None:
        """Return what another connection for *limits* has to wait for, if for anything."""
        now = self._clock()
        for limit in limits:
            count = self._counts.get(limit.what)
            if count is None:
                continue
            if count.connections >= limit.most:
                return Obstacle(limit.what)
            until = max(count.began + limit.delay, count.ended + limit.reconnect)
            if until > now and (limit.delay or limit.reconnect):
                return Obstacle(limit.what, until - now)
        return None

    def take(self, limits: Sequence[Limit]) -> Permit:
        """Count another connection, one more for each of *limits*."""
        now = self._clock()
        for limit in limits:
            count = self._counts.pop(limit.what, None) or Count()
            count.connections += 1
            count.began = now
            # The latest is the last one.
            self._counts[limit.what] = count
            if limit.delay:
                self._room.call_later(limit.what, limit.delay)
        if len(self._counts) > _MAX_KNOWN:
            self._forget()
        return Permit(self, limits)

    def discount(self, limits: Iterable[Limit]) -> None:
        """Count one less for each of *limits*, and call somebody who waits for that."""
        now = self._clock()
        for limit in limits:
            count = self._counts[limit.what]
            count.connections -= 1
            count.ended = now
            if limit.reconnect:
                self._room.call_later(limit.what, limit.reconnect)
            else:
                self._room.call(limit.what)

    def _forget(self) -> None:
        """Forget the older half of what has no connections."""
        idle = [what for what, count in self._counts.items() if not count.connections]
        for what in idle[: len(idle) // 2]:
            del self._counts[what]
