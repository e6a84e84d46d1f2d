"""The way of one message: to a session that waits, to a connection that may begin now, or to a place in a line.

choose ──▶ Use ──────────────────▶ it takes the message
  ▲  ├───▶ Connect ──▶ race ─────▶ session ──▶ it takes the message
  │  │                  └──────────┴─ no welcome ─┐
  ├──┼────────────────────────────────────────────┘
  ├──┴───▶ Wait ──▶ called ──┐
  └──────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.net.racing import DELAY_SECONDS, Failure, Race, Reached, Start, Target
from smtpdsl.runtime.relay.choices import Chooser, Connect, Nowhere, Stop, Use, Wait, route_of
from smtpdsl.runtime.relay.means import Means
from smtpdsl.runtime.relay.parcels import Parcel
from smtpdsl.runtime.relay.permits import Admission, Permit
from smtpdsl.runtime.relay.talk import Talk
from smtpdsl.runtime.relay.ways import NextWay

# Whoever has more addresses than these, on more hosts, is not waited for in one attempt.
MAX_FAILURES = 50
# How long a server is waited for before one that is less preferred is connected to beside it.
NEXT_LEVEL_SECONDS = 1.0


class Journey:
    """One message on its way."""

    def __init__(self, means: Means, parcel: Parcel, chooser: Chooser, next_way: NextWay) -> None:
        """Begin; *next_way* is asked for the stops of one way after the other, as they are needed."""
        self._means = means
        self._parcel = parcel
        self._chooser = chooser
        self._next_way = next_way
        self._seen: list[Stop | Outcome] = []
        self._stops: list[Stop] = []

    async def travel(self) -> list[Outcome] | None:
        """Return what became of the message; None if nobody takes it, and `failures` say why."""
        called: Hashable = None
        try:
            await self._look_further()
            while True:
                choice = self._chooser.choose(self._stops)
                if called is not None and not (isinstance(choice, Wait) and called in choice.lines):
                    # It is no use here, or there may be more of it.
                    self._means.room.call(called)
                    called = None
                if isinstance(choice, Wait | Nowhere) and await self._look_further():
                    continue
                if isinstance(choice, Nowhere) or len(self._chooser.failures) >= MAX_FAILURES:
                    return None
                if isinstance(choice, Wait):
                    was_called, called = called is not None, None
                    called, outcomes = await self._wait(choice, is_first=was_called)
                elif isinstance(choice, Use):
                    outcomes = await self._use(choice)
                else:
                    outcomes = await self._connect(choice)
                if outcomes is not None:
                    return outcomes
        finally:
            for stop in self._stops:
                stop.destination.leave(self)
            if called is not None:
                # Whatever has ended this journey, the others go on.
                self._means.room.call(called)

    def failures(self) -> Iterator[Outcome]:
        """Yield why nobody has taken the message."""
        for each in self._seen:
            if isinstance(each, Outcome):
                yield each
                continue
            for target in each.targets:
                failure = self._chooser.left_alone(each, target)
                if failure is not None:
                    yield failure

    async def _look_further(self) -> bool:
        """Find out where the next way leads, and say whether there was one."""
        while (found := await self._next_way()) is not None:
            self._seen += found
            stops = [each for each in found if isinstance(each, Stop)]
            for stop in stops:
                stop.destination.enter(self)
            self._stops += stops
            if stops:
                return True
        return False

    # ------------------------------------------------------------ waiting

    async def _wait(self, choice: Wait, *, is_first: bool) -> tuple[Hashable, list[Outcome] | None]:
        """Wait until there is something to be used; a session that is handed over is used at once."""
        domain = self._parcel.domain
        destinations = {stop.destination for stop in self._stops}
        for destination in destinations:
            destination.waiting += 1
        try:
            what, gift = await self._means.room.wait(
                choice.lines,
                domain,
                self._give_back,
                can_use=partial(self._chooser.can_use, self._stops),
                is_first=is_first,
            )
        finally:
            for destination in destinations:
                destination.waiting -= 1
        if not isinstance(gift, Talk):
            return what, None
        assert isinstance(what, tuple), "only those lines have gifts"
        key = what[1]
        return None, await self._use(Use(choice.talks[key], gift, key))

    def _give_back(self, what: Hashable, gift: object) -> None:
        """Let somebody else have what was meant for us."""
        if isinstance(gift, Talk):
            assert isinstance(what, tuple), "only those lines have gifts"
            self._means.waiting.give(what[1], gift, self._parcel.politeness)
        else:
            self._means.room.call(what)

    async def _use(self, use: Use) -> list[Outcome] | None:
        """Send the message in a session that is there; None if the server has ended it before."""
        began = self._means.clock()
        outcomes = await use.stop.session.send(use.talk, self._parcel, use.key)
        if use.talk.is_untouched:
            return None
        self._learn(use.stop, outcomes, began)
        return outcomes

    # ------------------------------------------------------------ connecting

    async def _connect(self, choice: Connect) -> list[Outcome] | None:
        """Send the message in a session that is new; None if there is none to be had."""
        crossing = _Crossing(self._means, self._chooser, choice)
        race = Race(_spaced(choice), self._means.limits.connect, begin=crossing.begin, end=crossing.end)
        try:
            while (reached := await race.winner()) is not None:
                self._note(choice, race.failures())
                stop = choice.targets[_plain(reached.target)]
                began = self._means.clock()
                result = await crossing.relay(stop, reached, self._parcel)
                if not isinstance(result, Outcome):
                    self._learn(stop, result, began)
                    return result
                self._chooser.failures[_plain(reached.target)] = result
                stop.destination.stumbled(began, self._means.clock())
                if len(self._chooser.failures) >= MAX_FAILURES:
                    break
            self._note(choice, race.failures())
        finally:
            crossing.close()
        return None

    def _note(self, choice: Connect, failures: Iterable[Failure]) -> None:
        for failure in failures:
            target = _plain(failure.target)
            stop = choice.targets[target]
            self._chooser.failures[target] = stop.session.unreached(failure)
            stop.destination.stumbled(self._means.clock(), self._means.clock())

    def _learn(self, stop: Stop, outcomes: Sequence[Outcome], began: float) -> None:
        """Let the destination have more connections, or fewer."""
        destination, politeness = stop.destination, self._parcel.politeness
        if any(outcome.result is Result.OK for outcome in outcomes):
            if destination.flowed(politeness.relay.most):
                self._means.room.call(("relay", destination.key))
        elif all(outcome.result is Result.TEMPORARY for outcome in outcomes):
            destination.stumbled(began, self._means.clock())


class _Crossing:
    """The permits of those who race."""

    def __init__(self, means: Means, chooser: Chooser, choice: Connect) -> None:
        """Count one session already, that of the first target: one of them will be begun."""
        self._means = means
        self._chooser = chooser
        self._targets = choice.targets
        self._connections: dict[Target, Permit] = {}
        self._first = next(iter(choice.targets))
        self._session = means.permits.take(chooser.limits_of_session(choice.targets[self._first], self._first))
        self._has_begun = False

    def begin(self, target: Target) -> Start:
        """Say whether a connection may begin, which counts then."""
        if self._targets[_plain(target)].session.is_settled:
            return Start.NEVER
        limits = self._chooser.limits_of_connection(target)
        if self._means.permits.obstacle(limits) is not None:
            # Somebody else was faster, with whose session the message may go.
            return Start.LATER
        self._connections[target] = self._means.permits.take(limits)
        self._means.routes.tries(route_of(target))
        return Start.NOW

    def end(self, target: Target) -> None:
        """Take note that a connection has not come about."""
        self._connections.pop(target).end()

    async def relay(self, stop: Stop, reached: Reached, parcel: Parcel) -> list[Outcome] | Outcome:
        """Send *parcel* to whom was *reached*."""
        if _plain(reached.target) != self._first:
            session = self._means.permits.take(self._chooser.limits_of_session(stop, reached.target))
            self._session.end()
            self._session, self._first = session, _plain(reached.target)
        connection = self._connections.pop(reached.target)
        connection.hold()
        try:
            result = await stop.session.relay(reached, parcel, Admission(self._session, connection))
        finally:
            connection.let_go()
        self._has_begun = not isinstance(result, Outcome)
        return result

    def close(self) -> None:
        """Count for nothing any more; a session that has begun sees to that itself."""
        if not self._has_begun:
            self._session.end()


def _plain(target: Target) -> Target:
    return target._replace(delay=DELAY_SECONDS)


def _spaced(choice: Connect) -> Iterator[Target]:
    """Yield the targets; those of the next level leave the ones before them some time."""
    level: int | None = None
    for target, stop in choice.targets.items():
        is_next = level is not None and stop.host.level != level
        level = stop.host.level
        yield target._replace(delay=NEXT_LEVEL_SECONDS) if is_next else target
