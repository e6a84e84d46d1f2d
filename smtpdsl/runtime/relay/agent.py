"""Relaying: a message and its recipients to the first next hop of an action that takes mail.

    attempt ──action──▶ plan ──ways──▶ next hops ──▶ journey ──▶ session ──▶ one outcome for each envelope
                                                        ▲ not there, no welcome │
                                                        └─────── choose ────────┘

What a message does on its journey, and what it waits for, is in `journey` and `choices`.

The action is looked up by its name at each attempt.  Whatever is wrong with a server as a
whole, or with a session, is temporary; only an answer about the message or a recipient, or
what the DNS says of the domain, decides for good.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Action, RelayAction
from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.dkim.signer import Signer
from smtpdsl.runtime.interfaces import Attempt, Envelope, NotBegunError, Outcome, Result
from smtpdsl.runtime.log import Log, printable
from smtpdsl.runtime.net.client import PhaseLimits, reason_of
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.outgoing import measure
from smtpdsl.runtime.net.resolver import NameCache, Resolver, SystemResolver
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_settings import Locate
from smtpdsl.runtime.protocol.client_verdicts import Verdict, shortened, temporary
from smtpdsl.runtime.relay.administration import RelayAdministration
from smtpdsl.runtime.relay.blocks import Blocks
from smtpdsl.runtime.relay.choices import Chooser, Stop, targets_of
from smtpdsl.runtime.relay.destinations import Destination, Destinations, HostStats
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.host_security import HostSecurity
from smtpdsl.runtime.relay.journey import Journey
from smtpdsl.runtime.relay.known_servers import KnownServers
from smtpdsl.runtime.relay.limits import Politeness, RelayLimits
from smtpdsl.runtime.relay.next_hops import NextHop, NextHops
from smtpdsl.runtime.relay.outbound_security import OutboundSecurity
from smtpdsl.runtime.relay.permits import Permits
from smtpdsl.runtime.relay.plan import SMTP_PORT, NoPlan, Plan, Way, plan_relay
from smtpdsl.runtime.relay.rates import Rates
from smtpdsl.runtime.relay.routes import Routes
from smtpdsl.runtime.relay.security import Contexts
from smtpdsl.runtime.relay.senders import Senders
from smtpdsl.runtime.relay.session import Connections, Means, RelaySession
from smtpdsl.runtime.relay.session_log import NoLog, RelayLog
from smtpdsl.runtime.relay.talk import Parcel, outcome_of
from smtpdsl.runtime.relay.transport_policies import TransportPolicies
from smtpdsl.runtime.relay.waiting_room import WaitingRoom
from smtpdsl.runtime.relay.waiting_talks import WaitingTalks

DEFAULT_LIMITS = PhaseLimits()
_NO_LOG = NoLog()
_MAX_PLANS = 1000
# RFC 3463 §3.5: of the network and of routing.
_UNREACHED = "4.4."


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
        senders: Senders | None = None,
        signer: Signer | None = None,
        security: OutboundSecurity | None = None,
        smtp_port: int = SMTP_PORT,
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
            senders: Whom servers are told to be the sender.
            signer: Signs what leaves.
            security: Knows what domains demand of sessions; without it nothing is known of any.
            smtp_port: Where exchangers listen.
            clock: Gives seconds.
            locate: Turns a path of the configuration into one of this machine.
            files: Reads certificates and keys.
            log: Where sessions are reported.

        Raises:
            TlsSetupError: A certificate or a setting of TLS cannot be used.
        """
        self._actions = actions
        self._server_name = server_name
        self._smtp_port = smtp_port
        self._own_resolver = SystemResolver()
        self._resolver = resolver or self._own_resolver
        exchangers = exchangers or Exchangers(NameServers(), Own.of([server_name], []), clock)
        self._security = security
        self._policies = security.policies if security is not None else TransportPolicies()
        self._next_hops = NextHops(self._resolver, exchangers, self._policies, limits.resolve, clock)
        self._relay_limits = relay_limits or RelayLimits()
        self._senders = senders or Senders()
        self._signer = signer
        self._plans: dict[tuple[str, str], tuple[Action | None, Plan | NoPlan]] = {}
        self._turn = itertools.count()
        self._destinations = Destinations(clock)
        self._stats = HostStats(time.time)
        self._blocks = Blocks()
        room = WaitingRoom()
        self._rates = Rates(clock, room)
        permits = Permits(clock, room)
        self._means = Means(
            server_name=server_name,
            limits=limits,
            contexts=Contexts(actions.values(), locate, log, files),
            names=NameCache(self._resolver, clock),
            log=RelayLog(log),
            connections=Connections(),
            waiting=WaitingTalks(room),
            routes=Routes(clock, permits, room),
            permits=permits,
            room=room,
            clock=clock,
            servers=KnownServers(),
            record=self._policies.record,
        )
        self.administration = RelayAdministration(
            self._means, self._blocks, self._destinations, self._stats, self._try_again
        )

    def group(self, envelope: Envelope) -> Hashable | None:
        """Let recipients of one domain go together."""
        return envelope.action, envelope.dest.domain.lower()

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Relay *attempt*, whose envelopes have the action, and the domain, of the first one."""
        plan = self._plan(attempt)
        if isinstance(plan, NoPlan):
            return _for_all(attempt, outcome_of(temporary(printable(plan.problem), "4.3.5")))
        domain = attempt.envelopes[0].dest.domain
        politeness = self._relay_limits.of(domain)
        try:
            parcel = await self._parcel(attempt, plan, politeness)
        except (ContentError, OSError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            text = f"the message cannot be read from the queue: {printable(reason)}"
            return _for_all(attempt, outcome_of(temporary(text, "4.3.0")))
        await self._rates.turn(domain, politeness.mails_per_minute)
        chooser = Chooser(self._means, self._blocks, domain, politeness)
        ways = self._rotated(plan.ways)
        journey = Journey(self._means, parcel, chooser, partial(self._next_way, ways, plan, parcel))
        outcomes = await journey.travel() or _for_all(attempt, _summary(list(journey.failures())))
        self._hear(domain, outcomes)
        return outcomes

    async def _next_way(self, ways: Iterator[Way], plan: Plan, parcel: Parcel) -> Sequence[Stop | Outcome] | None:
        """Return where the next of *ways* leads, and why to some hosts it does not; None if there is none."""
        way = next(ways, None)
        if way is None:
            return None
        domain = parcel.attempt.envelopes[0].dest.domain
        message = parcel.attempt.message
        # RFC 8689 §5: a report goes over TLS if it can, and is not lost if it cannot.
        is_for_whole_way = message.options.requiretls and not message.reverse_path.is_null
        name = fold(domain if way.url is None else way.url.host)
        key = plan.number, plan.ways.index(way), name
        found = await self._next_hops.find(way, plan, domain, parcel.politeness, is_for_whole_way=is_for_whole_way)
        if isinstance(found, Verdict):
            return [outcome_of(found)]
        destination = self._destinations.of(key, _shown(plan, way, name), name)
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

    def _hear(self, domain: str, outcomes: Sequence[Outcome]) -> None:
        """Remember what was heard of *domain*."""
        last = outcomes[-1]
        is_reached = not any(each.status.startswith(_UNREACHED) for each in outcomes)
        is_success = any(each.result is Result.OK for each in outcomes)
        self._stats.heard(fold(domain), last.text, is_reached=is_reached, is_success=is_success)

    async def _parcel(self, attempt: Attempt, plan: Plan, politeness: Politeness) -> Parcel:
        """Put together what servers are sent.

        Raises:
            ContentError: The message cannot be read.
            OSError: So too.
        """
        prefix = await self._signer.prefix(attempt.message) if self._signer is not None else b""
        size = await measure(attempt.message.content)
        size = size._replace(octets=size.octets + len(prefix) + prefix.count(b"\n"))
        return Parcel(attempt, size, self._senders.of(plan, attempt), politeness, prefix)

    def when_alive(self, hurry: Callable[[str], None], most: int) -> None:
        """Call *hurry* with a domain that can be reached again; so many messages for it (*most*) are tried then."""
        self._stats.when_alive, self._stats.most = hurry, most

    def _try_again(self, domain: str) -> None:
        self._stats.when_alive(domain.lower())

    def call_back(self) -> None:
        """Let attempts that wait for a connection raise `NotBegunError`."""
        self._means.room.send_away(NotBegunError())

    async def close(self) -> None:
        """End every connection, also those that only wait for the answer to QUIT."""
        self._means.room.close()
        self._means.waiting.close()
        await self._means.connections.close()
        await self._means.names.close()
        if self._security is not None:
            await self._security.close()
        self._own_resolver.close()

    async def tls_reports(self, day: str = "") -> list[dict[str, Any]]:
        """Return the reports on TLS of *day*, see `OutboundSecurity.reports`."""
        return await self._security.reports(day) if self._security is not None else []

    # ------------------------------------------------------------ the plan

    def _plan(self, attempt: Attempt) -> Plan | NoPlan:
        """Look the action up, and work out what it says once for as long as it stays the same."""
        envelope = attempt.envelopes[0]
        action = self._actions.get(envelope.action)
        by_domain = isinstance(action, RelayAction) and action.domain is not None
        key = envelope.action, envelope.dest.domain if by_domain else ""
        known, plan = self._plans.get(key, (None, None))
        if plan is None or known is not action:
            plan = plan_relay(action, attempt.message, envelope, self._server_name, self._smtp_port)
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


def _for_all(attempt: Attempt, outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(attempt.envelopes)


def _summary(failures: Sequence[Outcome]) -> Outcome:
    """Put together why no host took the message; the last one that may take it later gives the status."""
    last = next((each for each in reversed(failures) if each.result is Result.TEMPORARY), failures[-1])
    return last._replace(text=shortened("; ".join(failure.text for failure in failures)))


def _shown(plan: Plan, way: Way, name: str) -> str:
    """Name a destination as lists do: the action, and where it leads."""
    return f"{plan.action.name} {way.url if way.url is not None else name}"
