"""Where a way of an action leads: the hosts of a URL or of a domain, and how each of them is secured.

smtp://mx.example.net      ──▶ its addresses, which are remembered for a moment
a domain                   ──▶ its exchangers, see `exchangers`; of their addresses those of the families wanted
each host                  ──▶ its security, see `transport_policies`
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.runtime.net.racing import Target
from smtpdsl.runtime.net.resolver import ResolveError, Resolver
from smtpdsl.runtime.protocol.client_verdicts import Verdict, temporary
from smtpdsl.runtime.relay.exchangers import MAX_ADDRESSES, Exchangers, Host
from smtpdsl.runtime.relay.host_security import HostSecurity
from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.plan import Plan, Way
from smtpdsl.runtime.relay.transport_policies import TransportPolicies

# The system does not say for how long the addresses of a host are right.
_SECONDS_KEPT = 10.0
_SECONDS_OF_HOPS = 2.0
_MAX_KNOWN = 1000
_NUMBERS = itertools.count()


class NextHop(NamedTuple):
    """A host, how it is spoken to, and how it is secured, or why not.

    Sessions with a host are good for each other's messages if they have the same *terms*.  Where the system chooses
    from which address it is connected to, *targets* are its addresses.
    """

    host: Host
    way: Way
    security: HostSecurity | Verdict
    terms: int
    targets: tuple[Target, ...] = ()


class _Known(NamedTuple):
    hosts: Sequence[Host]
    until: float


class _KnownHops(NamedTuple):
    hops: Sequence[NextHop]
    until: float


class NextHops:
    """Finds hosts."""

    def __init__(
        self,
        resolver: Resolver,
        exchangers: Exchangers,
        policies: TransportPolicies,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """Prepare to ask.

        Args:
            resolver: Knows the addresses of hosts.
            exchangers: Knows those of domains.
            policies: Knows what domains demand.
            seconds: How long *resolver* may take.
            clock: Gives seconds.
        """
        self._resolver = resolver
        self._exchangers = exchangers
        self._policies = policies
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._known_hops: dict[Hashable, _KnownHops] = {}
        self._terms: dict[Hashable, int] = {}

    async def find(
        self, plan: Plan, position: int, domain: str, politeness: Politeness, *, is_for_whole_way: bool = False
    ) -> Sequence[NextHop] | Verdict:
        """Say where a way of *plan* leads, or why it leads nowhere.

        Args:
            plan: Of an action.
            position: Which of its ways.
            domain: Whose mail it is.
            politeness: Which addresses are wanted.
            is_for_whole_way: Whether the sender demands TLS on the whole way.
        """
        # Messages that follow each other closely find what the first of them has found.
        key = plan.number, position, domain, politeness.is_ipv6, is_for_whole_way
        known = self._known_hops.get(key)
        if known is not None and known.until > self._clock():
            return known.hops
        way = plan.ways[position]
        hosts = _of_families(await self._hosts(way, plan, domain), plan, politeness)
        if isinstance(hosts, Verdict):
            return hosts
        found = await self._policies.of_hosts(plan.action, way, domain, hosts, is_for_whole_way=is_for_whole_way)
        pairs = zip(hosts, found, strict=True)
        hops = [
            NextHop(host, way, security, self._number(plan, security), () if plan.sources else _targets(host, way))
            for host, security in pairs
        ]
        if not any(isinstance(security, Verdict) for security in found):
            if len(self._known_hops) >= _MAX_KNOWN:
                self._known_hops.clear()
            self._known_hops[key] = _KnownHops(hops, self._clock() + _SECONDS_OF_HOPS)
        return hops

    def _number(self, plan: Plan, security: HostSecurity | Verdict) -> int:
        """Return a number that other terms do not have: it is looked up more quickly than they are."""
        # What may end up with less is something else than what may not, though both begin in the same way.
        terms = (plan.number, security.ways) if isinstance(security, HostSecurity) else None
        if len(self._terms) >= _MAX_KNOWN:
            self._terms.clear()
        return self._terms.setdefault(terms, next(_NUMBERS))

    async def _hosts(self, way: Way, plan: Plan, domain: str) -> Sequence[Host] | Verdict:
        if way.url is None:
            return await self._exchangers.find(domain, plan.backup)
        return await self._host(way.url.host)

    async def _host(self, name: str) -> Sequence[Host] | Verdict:
        """Return the host that a URL names."""
        if _is_address(name):
            return [Host(name, (name,))]
        known = self._known.get(name)
        if known is not None and known.until > self._clock():
            return known.hosts
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._resolver.addresses(name)
            problem = "" if found else "there is none"
        except ResolveError as error:
            found, problem = (), str(error)
        except TimeoutError:
            found, problem = (), f"no answer within {self._seconds:g} seconds"
        if problem:
            return temporary(f"no address of {name}: {problem}", "4.4.3")
        hosts = [Host(name, tuple(found[:MAX_ADDRESSES]))]
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[name] = _Known(hosts, self._clock() + _SECONDS_KEPT)
        return hosts


def _targets(host: Host, way: Way) -> tuple[Target, ...]:
    return tuple(Target(address, way.port, host=host.name) for address in host.addresses)


def _of_families(hosts: Sequence[Host] | Verdict, plan: Plan, politeness: Politeness) -> Sequence[Host] | Verdict:
    """Leave out addresses that cannot be connected to from those of `src`, or are not to be."""
    families = {":" in each for each in plan.sources} or {False, True}
    families &= {politeness.is_ipv6} if politeness.is_ipv6 is not None else families
    if isinstance(hosts, Verdict) or len(families) > 1:
        return hosts
    reachable = [
        host._replace(addresses=tuple(each for each in host.addresses if (":" in each) in families)) for host in hosts
    ]
    if any(host.addresses for host in reachable):
        return reachable
    return temporary(f"no address of {hosts[0].name} is of a family that is connected with", "4.4.4")


def _is_address(host: str) -> bool:
    return ipv4_value(host) is not None or ipv6_value(host.partition("%")[0]) is not None
