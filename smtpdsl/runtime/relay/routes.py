"""The routes to other servers: from an address of ours to one of theirs, and what is known of each.

    new ──one connection──▶ welcome ──▶ known: as many as the limits allow
     ▲                        └─ none ─▶ left alone, see `penalties`
     └──────── the time is over ─────────────┘

A server that cannot be reached is down for everybody.  One that has no welcome may have one on other terms, or for
another login, so that is left alone by itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.penalties import Penalties
from smtpdsl.runtime.relay.permits import Limit, Permits
from smtpdsl.runtime.relay.waiting_room import WaitingRoom

# How long others wait to see what becomes of the first connection of a route, before they use another one.
TRIAL_SECONDS = 1.0
_MAX_KNOWN = 1000


class Route(NamedTuple):
    """From an address of ours, which is empty if the system chooses it, to a server."""

    source: str
    address: str
    port: int


class Welcome(NamedTuple):
    """What a session may lack on a route: *terms* say how, and as whom."""

    route: Route
    terms: Hashable


class _Known:
    """What is remembered of a route."""

    __slots__ = ("is_new", "number", "tried")

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_new = True
        self.tried = 0.0


class Routes:
    """All of them."""

    def __init__(self, clock: Callable[[], float], permits: Permits, room: WaitingRoom) -> None:
        """Know of none; *clock* gives seconds."""
        self._clock = clock
        self._permits = permits
        self._room = room
        self._penalties = Penalties(clock)
        self._numbers = itertools.count(1)
        self._known: dict[Route, _Known] = {}

    def limits(self, route: Route, politeness: Politeness) -> list[Limit]:
        """Return what a connection on *route* counts for: the route, and the server."""
        most, delay = politeness.route
        if self._of(route).is_new:
            most = 1
        of_server = Limit(("host", route.address, route.port), *politeness.host)
        return [Limit(("route", route), most, delay, politeness.reconnect), of_server]

    def is_slow(self, route: Route) -> bool:
        """Whether the first connection of *route* is under way, and keeps others waiting."""
        known = self._of(route)
        has_one = self._permits.of(("route", route)).connections > 0
        return known.is_new and has_one and self._clock() >= known.tried + TRIAL_SECONDS

    def seconds_of_trial(self, route: Route) -> float:
        """Return how long others still wait for the first connection of *route*; for ever if none is under way."""
        known = self._of(route)
        seconds = known.tried + TRIAL_SECONDS - self._clock()
        has_one = self._permits.of(("route", route)).connections > 0
        return seconds if known.is_new and has_one and seconds > 0 else math.inf

    def tries(self, route: Route) -> None:
        """Take note that a connection begins."""
        self._of(route).tried = self._clock()

    def problem(self, welcome: Welcome) -> str:
        """Return why the route of *welcome* is not used; empty if it may be."""
        return self._penalties.problem(welcome.route) or self._penalties.problem(welcome)

    def unreached(self, route: Route, problem: str) -> None:
        """Take note that no connection came about."""
        self._of(route).is_new = True
        self._penalties.failed(route, problem)

    def unwelcome(self, welcome: Welcome, problem: str) -> None:
        """Take note that a session was refused."""
        self._of(welcome.route).is_new = True
        self._penalties.failed(welcome, problem)

    def welcomed(self, welcome: Welcome) -> None:
        """Take note that a session takes messages."""
        self._penalties.succeeded(welcome.route)
        self._penalties.succeeded(welcome)
        known = self._of(welcome.route)
        if known.is_new:
            known.is_new = False
            # There is room for more than one now.
            self._room.call(("route", welcome.route))

    def pardon(self, number: int | None) -> int:
        """Use the route *number* again, or all of them, and return how many were left alone."""
        chosen = {route for route, known in self._known.items() if number in {None, known.number}}
        pardoned = set()
        for server in self._penalties.known():
            route = server.route if isinstance(server, Welcome) else server
            if route in chosen and self._penalties.pardon(server):
                pardoned.add(route)
        for route in pardoned:
            self._room.call(("route", route))
        return len(pardoned)

    def facts(self) -> Iterator[tuple[int, Route, bool, int, float]]:
        """Yield of each its number, whether it is new, its failures and for how many seconds it is left alone."""
        now = self._clock()
        failed: dict[object, tuple[int, float]] = {}
        for server, penalty in self._penalties.known().items():
            route = server.route if isinstance(server, Welcome) else server
            failures, until = failed.get(route, (0, now))
            failed[route] = max(failures, penalty.failures), max(until, penalty.until)
        for route, known in self._known.items():
            failures, until = failed.get(route, (0, now))
            yield known.number, route, known.is_new, failures, until - now

    def _of(self, route: Route) -> _Known:
        known = self._known.get(route)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._forget()
            known = self._known[route] = _Known(next(self._numbers))
        return known

    def _forget(self) -> None:
        """Forget the older half of what is not used."""
        idle = [route for route in self._known if not self._permits.of(("route", route)).connections]
        for route in idle[: len(idle) // 2 + 1]:
            del self._known[route]
