"""What a message may use now, of all the hosts that would take it.

    level 10   a.example   192.0.2.1   left alone since a second ago
               b.example   192.0.2.2   a session waits  ──▶ Use
    level 20   c.example   192.0.2.3   may be connected to, if nothing of level 10 is any use

A level (hosts with the same preference) is left when nothing of it can be used; not when it only has to be waited
for.  A server that is tried for the first time, and does not answer within a second, keeps nobody waiting who has
another one; nor does one with which only those talk who did so before it had no welcome any more.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

from smtpdsl.runtime.interfaces import Outcome
from smtpdsl.runtime.net.racing import Target
from smtpdsl.runtime.relay.blocks import Blocks
from smtpdsl.runtime.relay.destinations import Destination
from smtpdsl.runtime.relay.exchangers import Host
from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.means import Means
from smtpdsl.runtime.relay.permits import Limit, Obstacle
from smtpdsl.runtime.relay.plan import Way
from smtpdsl.runtime.relay.routes import Route
from smtpdsl.runtime.relay.session import RelaySession
from smtpdsl.runtime.relay.talk import Talk

# What is counted and has no limit.
_ANY_NUMBER = 2**31


class Stop(NamedTuple):
    """A host that the message may go to, and where, and from where, a connection may lead."""

    host: Host
    way: Way
    destination: Destination
    session: RelaySession
    targets: tuple[Target, ...]


def targets_of(host: Host, way: Way, session: RelaySession) -> tuple[Target, ...]:
    """Return where connections may lead: from the source whose turn it is to all addresses, then from the next one."""
    turns = [(address, session.sources(address)) for address in host.addresses]
    most = max((len(sources) for _, sources in turns), default=0)
    return tuple(
        Target(address, way.port, sources[turn], host=host.name)
        for turn in range(most)
        for address, sources in turns
        if turn < len(sources)
    )


class Use(NamedTuple):
    """A session that takes messages with this *key*."""

    stop: Stop
    talk: Talk
    key: Hashable


class Connect(NamedTuple):
    """Targets, in the order in which they are to be tried."""

    targets: Mapping[Target, Stop]


class Wait(NamedTuple):
    """Lines to wait in, with the seconds after which it is worth another look; by *talks* sessions are handed over."""

    lines: dict[Hashable, float]
    talks: dict[Hashable, Stop]

    def add(self, key: Hashable, stop: Stop, obstacle: Obstacle | None = None) -> None:
        """Wait for a session with the *key* of *stop*, or for the end of an *obstacle* to one."""
        self.talks[key] = stop
        self.lines.setdefault(("talk", key), math.inf)
        if obstacle is not None:
            self.lines[obstacle.what] = min(obstacle.seconds, self.lines.get(obstacle.what, math.inf))


class Nowhere(NamedTuple):
    """Nothing can be used, and nothing is worth to be waited for."""


Choice: TypeAlias = Use | Connect | Wait | Nowhere


class Chooser:
    """Chooses for one message."""

    def __init__(self, means: Means, blocks: Blocks, domain: str, politeness: Politeness) -> None:
        """Choose for mail to *domain*, as *politeness* and the administrator's *blocks* have it."""
        self._means = means
        self._blocks = blocks
        self._domain = domain
        self._politeness = politeness
        # What has failed for this message.
        self.failures: dict[Target, Outcome] = {}

    def choose(self, stops: Sequence[Stop]) -> Choice:
        """Look at all of *stops*, the best first."""
        later, slow = Wait({}, {}), Wait({}, {})
        targets: dict[Target, Stop] = {}
        for level in self._levels(stops):
            for stop in level:
                looked = self._look(stop, later, slow, may_use=not targets)
                if isinstance(looked, Use):
                    return looked
                targets.update(dict.fromkeys(looked, stop))
            if later.lines and not targets:
                return later
        if targets:
            return Connect(targets)
        return slow if slow.lines else Nowhere()

    def _levels(self, stops: Sequence[Stop]) -> Iterable[Sequence[Stop]]:
        """Return *stops* by level; within one, the first has the fewest connections."""
        if len(stops) == 1:
            return (stops,)
        levels = groupby(stops, key=lambda stop: stop.host.level)
        return (sorted(level, key=self._connections) for _, level in levels)

    def limits_of_session(self, stop: Stop, target: Target) -> list[Limit]:
        """Return what a session there counts for until it is left."""
        limits = stop.destination.limits(self._means.permits, target.source or "", self._politeness)
        return [*limits, Limit(("talk", stop.session.key(target.source)), _ANY_NUMBER)]

    def limits_of_connection(self, target: Target) -> list[Limit]:
        """Return what a connection there counts for until it is closed."""
        return self._means.routes.limits(route_of(target), self._politeness)

    def can_use(self, stops: Sequence[Stop], what: Hashable) -> bool:
        """Whether its limits let this message have one more connection of those that count for *what*."""
        limits = (
            limit
            for stop in stops
            for target in stop.targets
            for limit in (*self.limits_of_connection(target), *self.limits_of_session(stop, target))
        )
        most = max((limit.most for limit in limits if limit.what == what), default=_ANY_NUMBER)
        return self._means.permits.of(what).connections < most

    def left_alone(self, stop: Stop, target: Target) -> Outcome | None:
        """Return why *target* is not to be used now."""
        failure = self.failures.get(target) or self._blocks.problem(target.source or "", self._domain)
        return failure or stop.session.left_alone(target)

    def _connections(self, stop: Stop) -> int:
        """Return how many connections there are with the host of *stop*."""
        of_addresses = (("host", address, stop.way.port) for address in stop.host.addresses)
        return sum(self._means.permits.of(each).connections for each in of_addresses)

    def _look(self, stop: Stop, later: Wait, slow: Wait, *, may_use: bool) -> Use | list[Target]:
        """Return a session that waits, or where connections may begin; *later* or *slow* are what to wait for."""
        found: list[Target] = []
        if stop.session.is_settled:
            return found
        for target in stop.targets:
            if found and found[0].source != target.source:
                # One source is enough, and the others have other turns.
                break
            if self._blocks.problem(target.source or "", self._domain):
                continue
            key = stop.session.key(target.source)
            if may_use and (talk := self._means.waiting.take(key)) is not None:
                return Use(stop, talk, key)
            if self._may_begin(stop, target, key, later, slow):
                found.append(target)
        return found

    def _may_begin(self, stop: Stop, target: Target, key: Hashable, later: Wait, slow: Wait) -> bool:
        """Say whether a connection may begin now; if not, there may be something to wait for."""
        if self.left_alone(stop, target) is not None:
            if self._means.permits.of(("talk", key)).connections:
                slow.add(key, stop)
            return False
        obstacle = self._obstacle(stop, target)
        if obstacle is None:
            return True
        route = route_of(target)
        obstacle = obstacle._replace(seconds=self._seconds(obstacle, route))
        (slow if self._means.routes.is_slow(route) else later).add(key, stop, obstacle)
        return False

    def _obstacle(self, stop: Stop, target: Target) -> Obstacle | None:
        """Return what a connection has to wait for; a session that is not used makes room for it, if that helps."""
        obstacle = self._first_obstacle(stop, target)
        if obstacle is not None and obstacle.seconds == math.inf and self._means.waiting.end_one(obstacle.what):
            return self._first_obstacle(stop, target)
        return obstacle

    def _first_obstacle(self, stop: Stop, target: Target) -> Obstacle | None:
        """Look at the server first: most of those who wait do so for a connection with it."""
        permits = self._means.permits
        obstacle = permits.obstacle(self.limits_of_connection(target))
        return obstacle or permits.obstacle(self.limits_of_session(stop, target))

    def _seconds(self, obstacle: Obstacle, route: Route) -> float:
        """Return when another look is worth it."""
        routes = self._means.routes
        if obstacle.what == ("route", route):
            return min(obstacle.seconds, routes.seconds_of_trial(route))
        return obstacle.seconds


def route_of(target: Target) -> Route:
    """Return the route to *target*."""
    return Route(target.source or "", target.address, target.port)
