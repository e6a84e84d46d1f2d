"""Where the ways of a plan lead for one message: to hosts that it may go to, one way after the other.

Plan ──ways, another one first each time──▶ next hops ──▶ Stop, Stop     a session with each may be begun
                                               └───────▶ Outcome         why there is none with that host
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from smtpdsl.ir.matching import fold
from smtpdsl.runtime.interfaces import Outcome
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.relay.choices import Stop, targets_of
from smtpdsl.runtime.relay.destinations import Destination, Destinations
from smtpdsl.runtime.relay.host_security import HostSecurity
from smtpdsl.runtime.relay.means import Means
from smtpdsl.runtime.relay.next_hops import NextHop, NextHops
from smtpdsl.runtime.relay.parcels import Parcel
from smtpdsl.runtime.relay.plan import Plan, Way
from smtpdsl.runtime.relay.session import RelaySession
from smtpdsl.runtime.relay.talk import outcome_of

# Asked where another way leads, and why it does not to some hosts; None if there is none any more.
NextWay = Callable[[], Awaitable[Sequence[Stop | Outcome] | None]]


class Ways:
    """Goes them."""

    def __init__(self, means: Means, next_hops: NextHops, destinations: Destinations) -> None:
        """Look for hosts in *next_hops*, and count messages in *destinations*."""
        self._means = means
        self._next_hops = next_hops
        self._destinations = destinations
        self._turn = itertools.count()

    def of(self, plan: Plan, parcel: Parcel) -> NextWay:
        """Return what finds the way of *parcel*."""
        ways = list(enumerate(plan.ways))
        if len(ways) > 1:
            # Another one is the first each time, and the others follow.
            start = next(self._turn) % len(ways)
            ways = [*ways[start:], *ways[:start]]
        return partial(self._next, iter(ways), plan, parcel)

    async def _next(
        self, ways: Iterator[tuple[int, Way]], plan: Plan, parcel: Parcel
    ) -> Sequence[Stop | Outcome] | None:
        """Return where the next of *ways* leads, and why to some hosts it does not; None if there is none."""
        position, way = next(ways, (0, None))
        if way is None:
            return None
        message, domain = parcel.attempt.message, parcel.domain
        # RFC 8689 §5: a report goes over TLS if it can, and is not lost if it cannot.
        is_for_whole_way = message.options.requiretls and not message.reverse_path.is_null
        found = await self._next_hops.find(plan, position, domain, parcel.politeness, is_for_whole_way=is_for_whole_way)
        if isinstance(found, Verdict):
            return [outcome_of(found)]
        name = fold(domain if way.url is None else way.url.host)
        destination = self._destinations.of((plan.number, position, name), partial(_shown, plan, way, name), name)
        return [
            outcome_of(hop.security) if isinstance(hop.security, Verdict) else self._stop(hop, destination, plan)
            for hop in found
        ]

    def _stop(self, hop: NextHop, destination: Destination, plan: Plan) -> Stop:
        assert isinstance(hop.security, HostSecurity), "where there is none, the message does not go"
        turn = next(self._turn) if plan.sources else 0
        session = RelaySession(self._means, hop.host.name, hop.security, plan, turn, hop.terms)
        targets = hop.targets or targets_of(hop.host, hop.way, session)
        return Stop(hop.host, hop.way, destination, session, targets)


def _shown(plan: Plan, way: Way, name: str) -> str:
    """Name a destination as lists do: the action, and where it leads."""
    return f"{plan.action.name} {way.url if way.url is not None else name}"
