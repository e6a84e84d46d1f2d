"""Relaying: a message and its recipients to the first next hop of an action that takes mail.

    attempt ──action──▶ plan ──▶ hosts ──▶ address ──▶ session ──▶ one outcome for each envelope
                                  ▲          ▲  not there, or no welcome  │
                                  └── next ──┴────────── next ────────────┘

The action is looked up by its name at each attempt.  Whatever is wrong with a server as a
whole, or with a session, is temporary; only an answer about the message or a recipient, or
what the DNS says of the domain, decides for good.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from smtpdsl.ir.resolved import Action, RelayAction
from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.runtime.delivery.exchangers import MAX_ADDRESSES, Exchangers, Host, Own
from smtpdsl.runtime.delivery.penalties import Penalties
from smtpdsl.runtime.delivery.relay_limits import Politeness, RelayLimits
from smtpdsl.runtime.delivery.relay_log import NoLog, RelayLog
from smtpdsl.runtime.delivery.relay_plan import NoPlan, Plan, Way, plan_relay, sender_of
from smtpdsl.runtime.delivery.relay_security import Contexts
from smtpdsl.runtime.delivery.relay_session import Connections, Means, RelaySession
from smtpdsl.runtime.delivery.relay_talk import Parcel, WaitingTalks, outcome_of
from smtpdsl.runtime.interfaces import Attempt, Outcome
from smtpdsl.runtime.log import Log, printable
from smtpdsl.runtime.net.client import PhaseLimits, reason_of
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.outgoing import measure
from smtpdsl.runtime.net.racing import Race
from smtpdsl.runtime.net.resolver import NameCache, ResolveError, Resolver, SystemResolver
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_settings import Locate
from smtpdsl.runtime.protocol.client_verdicts import Verdict, shortened, temporary

# Whoever has more addresses than these, on more hosts, is not waited for in one attempt.
MAX_FAILURES = 50
DEFAULT_LIMITS = PhaseLimits()
_NO_LOG = NoLog()
_MAX_PLANS = 1000


class RelayAgent:
    """Sends mail on by SMTP or LMTP: to the hosts that an action names, or to the exchangers of a domain."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        server_name: str,
        *,
        resolver: Resolver | None = None,
        exchangers: Exchangers | None = None,
        limits: PhaseLimits = DEFAULT_LIMITS,
        relay_limits: RelayLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        locate: Locate = str,
        files: Files = OWN_FILES,
        log: Log = _NO_LOG,
    ) -> None:
        """Relay by *actions*.

        Args:
            actions: By name; they may change, and the next attempt goes by what they are then.
            server_name: What this server is called.
            resolver: Knows the addresses of hosts that are named; without one the system is asked.
            exchangers: Knows those of domains; without one the name servers of the system are asked.
            limits: How long anybody is waited for.
            relay_limits: How sessions may be used.
            clock: Gives seconds.
            locate: Turns a path of the configuration into one of this machine.
            files: Reads certificates and keys.
            log: Where sessions are reported.

        Raises:
            TlsSetupError: A certificate or a setting of TLS cannot be used.
        """
        self._actions = actions
        self._server_name = server_name
        self._own_resolver = SystemResolver()
        self._resolver = resolver or self._own_resolver
        self._exchangers = exchangers or Exchangers(NameServers(), Own.of([server_name], []), clock)
        self._limits = limits
        self._relay_limits = relay_limits or RelayLimits()
        self._plans: dict[tuple[str, str], tuple[Action | None, Plan | NoPlan]] = {}
        self._turn = itertools.count()
        self._means = Means(
            server_name=server_name,
            limits=limits,
            contexts=Contexts(actions.values(), locate, log, files),
            names=NameCache(self._resolver, clock),
            log=RelayLog(log),
            connections=Connections(),
            waiting=WaitingTalks(),
            penalties=Penalties(clock),
        )

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Relay *attempt*, whose envelopes have the action, and the domain, of the first one."""
        plan = self._plan(attempt)
        if isinstance(plan, NoPlan):
            return _for_all(attempt, outcome_of(temporary(printable(plan.problem), "4.3.5")))
        try:
            size = await measure(attempt.message.content)
        except OSError as error:
            text = f"the message cannot be read from the queue: {reason_of(error)}"
            return _for_all(attempt, outcome_of(temporary(text, "4.3.0")))
        domain = attempt.envelopes[0].dest.domain
        politeness = self._relay_limits.of(domain)
        parcel = Parcel(attempt, size, sender_of(plan, attempt.message.reverse_path), politeness)
        failures: list[Outcome] = []
        for way in self._rotated(plan.ways):
            hosts = _of_families(await self._hosts(way, plan, domain), plan, politeness)
            if isinstance(hosts, Verdict):
                failures.append(outcome_of(hosts))
                continue
            outcomes = await self._try(hosts, way, plan, parcel, failures)
            if outcomes is not None:
                return outcomes
        return _for_all(attempt, _summary(failures))

    async def close(self) -> None:
        """End every connection, also those that only wait for the answer to QUIT."""
        self._means.waiting.close()
        await self._means.connections.close()
        await self._means.names.close()
        self._own_resolver.close()

    # ------------------------------------------------------------ the plan

    def _plan(self, attempt: Attempt) -> Plan | NoPlan:
        """Look the action up, and work out what it says once for as long as it stays the same."""
        envelope = attempt.envelopes[0]
        action = self._actions.get(envelope.action)
        by_domain = isinstance(action, RelayAction) and action.domain is not None
        key = envelope.action, envelope.dest.domain if by_domain else ""
        known, plan = self._plans.get(key, (None, None))
        if plan is None or known is not action:
            plan = plan_relay(action, attempt.message, envelope, self._server_name)
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            self._plans[key] = (action, plan)
        return plan

    def _rotated(self, ways: Sequence[Way]) -> Iterator[Way]:
        """Let another one of *ways* be the first each time, and the others follow."""
        if len(ways) > 1:
            start = next(self._turn) % len(ways)
            ways = [*ways[start:], *ways[:start]]
        return iter(ways)

    # ------------------------------------------------------------ hosts

    async def _hosts(self, way: Way, plan: Plan, domain: str) -> Sequence[Host] | Verdict:
        """Return where *way* leads, or why it leads nowhere."""
        if way.url is None:
            return await self._exchangers.find(domain, plan.backup)
        return await self._host(way.url.host)

    async def _host(self, name: str) -> Sequence[Host] | Verdict:
        """Return the host that a URL names."""
        if _is_address(name):
            return [Host(name, (name,))]
        try:
            async with asyncio.timeout(self._limits.resolve):
                found = await self._resolver.addresses(name)
            problem = "" if found else "there is none"
        except ResolveError as error:
            found, problem = (), str(error)
        except TimeoutError:
            found, problem = (), f"no answer within {self._limits.resolve:g} seconds"
        if problem:
            return temporary(f"no address of {name}: {problem}", "4.4.3")
        return [Host(name, tuple(found[:MAX_ADDRESSES]))]

    async def _try(
        self, hosts: Sequence[Host], way: Way, plan: Plan, parcel: Parcel, failures: list[Outcome]
    ) -> list[Outcome] | None:
        """Relay to the first of *hosts* that takes mail; None if none does, and *failures* say why."""
        for host in hosts:
            session = RelaySession(self._means, host.name, way, plan, next(self._turn) if plan.sources else 0)
            outcomes = await session.resume(parcel)
            if outcomes is None:
                outcomes = await self._try_addresses(host.addresses, session, way, parcel, failures)
            if outcomes is not None or len(failures) >= MAX_FAILURES:
                return outcomes
        return None

    async def _try_addresses(
        self, addresses: Sequence[str], session: RelaySession, way: Way, parcel: Parcel, failures: list[Outcome]
    ) -> list[Outcome] | None:
        """Relay to the first of *addresses* that takes mail, but for those that had no welcome lately."""
        left_alone = {each: session.left_alone(each) for each in addresses}
        failures.extend(each for each in left_alone.values() if each is not None)
        open_addresses = [address for address, problem in left_alone.items() if problem is None]
        race = Race(open_addresses, way.port, self._limits.connect, session.source_of)
        while (reached := await race.winner()) is not None:
            failures.extend(map(session.unreached, race.failures()))
            outcomes = await session.relay(reached, parcel)
            if not isinstance(outcomes, Outcome):
                return outcomes
            failures.append(outcomes)
            if session.is_settled or len(failures) >= MAX_FAILURES:
                return None
        failures.extend(map(session.unreached, race.failures()))
        return None


def _of_families(hosts: Sequence[Host] | Verdict, plan: Plan, politeness: Politeness) -> Sequence[Host] | Verdict:
    """Leave out addresses that cannot be connected to from those of `src`, or are not to be."""
    families = {":" in each for each in plan.sources} or {False, True}
    families &= {politeness.is_ipv6} if politeness.is_ipv6 is not None else families
    if isinstance(hosts, Verdict) or len(families) > 1:
        return hosts
    reachable = [
        Host(name, tuple(each for each in addresses if (":" in each) in families)) for name, addresses in hosts
    ]
    if any(host.addresses for host in reachable):
        return reachable
    return temporary(f"no address of {hosts[0].name} is of a family that is connected with", "4.4.4")


def _for_all(attempt: Attempt, outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(attempt.envelopes)


def _summary(failures: Sequence[Outcome]) -> Outcome:
    """Put together why no host took the message; the last one gives the status."""
    return failures[-1]._replace(text=shortened("; ".join(failure.text for failure in failures)))


def _is_address(host: str) -> bool:
    return ipv4_value(host) is not None or ipv6_value(host.partition("%")[0]) is not None
