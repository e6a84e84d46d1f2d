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

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Action
from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.dkim.signer import Signer
from smtpdsl.runtime.interfaces import Attempt, Envelope, NotBegunError, Outcome, Result
from smtpdsl.runtime.log import Log, printable
from smtpdsl.runtime.net.client import PhaseLimits, reason_of
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.resolver import NameCache, Resolver, SystemResolver
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_settings import Locate
from smtpdsl.runtime.protocol.client_verdicts import shortened, temporary
from smtpdsl.runtime.relay.administration import RelayAdministration
from smtpdsl.runtime.relay.blocks import Blocks
from smtpdsl.runtime.relay.choices import Chooser
from smtpdsl.runtime.relay.destinations import Destinations, HostStats
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.journey import Journey
from smtpdsl.runtime.relay.limits import RelayLimits
from smtpdsl.runtime.relay.means import make_means
from smtpdsl.runtime.relay.next_hops import NextHops
from smtpdsl.runtime.relay.outbound_security import OutboundSecurity
from smtpdsl.runtime.relay.parcels import Parcels
from smtpdsl.runtime.relay.plan import SMTP_PORT, NoPlan, Plan
from smtpdsl.runtime.relay.plans import Plans
from smtpdsl.runtime.relay.rates import Rates
from smtpdsl.runtime.relay.security import Contexts
from smtpdsl.runtime.relay.senders import Senders
from smtpdsl.runtime.relay.session_log import NoLog, RelayLog
from smtpdsl.runtime.relay.table_answers import RelayTables
from smtpdsl.runtime.relay.talk import outcome_of
from smtpdsl.runtime.relay.transport_policies import TransportPolicies
from smtpdsl.runtime.relay.ways import Ways

DEFAULT_LIMITS = PhaseLimits()
_NO_LOG = NoLog()
# A tuple: a union of types would be made anew for each message.
_PLANNED = (Plan, NoPlan)
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
        self._own_resolver = SystemResolver()
        resolver = resolver or self._own_resolver
        exchangers = exchangers or Exchangers(NameServers(), Own.of([server_name], []), clock)
        self._security = security
        policies = security.policies if security is not None else TransportPolicies()
        contexts = Contexts(actions.values(), locate, log, files)
        names = NameCache(resolver, clock)
        self._means = make_means(server_name, limits, contexts, names, RelayLog(log), clock, policies.record)
        self._relay_limits = relay_limits or RelayLimits()
        self._rates = Rates(clock, self._means.room)
        # The envelopes that wait for their turn.
        self._resting: set[str] = set()
        self._plans = Plans(actions, server_name, smtp_port)
        self._parcels = Parcels(senders or Senders(), signer)
        destinations = Destinations(clock)
        next_hops = NextHops(resolver, exchangers, policies, limits.resolve, clock)
        self._ways = Ways(self._means, next_hops, destinations)
        self._stats = HostStats(time.time)
        self._blocks = Blocks()
        self.administration = RelayAdministration(self._means, self._blocks, destinations, self._stats, self._try_again)

    def ask_elsewhere(self, tables: RelayTables) -> None:
        """Ask *tables* for those that live elsewhere."""
        self._plans.tables = tables

    def group(self, envelope: Envelope) -> Hashable | None:
        """Let recipients of one domain go together."""
        return envelope.action, envelope.dest.domain.lower()

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Relay *attempt*, whose envelopes have the action, and the domain, of the first one."""
        plan = self._plans.of(attempt)
        if not isinstance(plan, _PLANNED):
            plan = await plan
        if isinstance(plan, NoPlan):
            return _for_all(attempt, outcome_of(temporary(printable(plan.problem), "4.3.5")))
        domain = attempt.envelopes[0].dest.domain
        politeness = self._relay_limits.of(domain)
        try:
            parcel = await self._parcels.of(attempt, plan, politeness)
        except (ContentError, OSError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            text = f"the message cannot be read from the queue: {printable(reason)}"
            return _for_all(attempt, outcome_of(temporary(text, "4.3.0")))
        if politeness.mails_per_minute:
            await self._rest(attempt, politeness.mails_per_minute)
        chooser = Chooser(self._means, self._blocks, domain, politeness)
        journey = Journey(self._means, parcel, chooser, self._ways.of(plan, parcel))
        outcomes = await journey.travel() or _for_all(attempt, _summary(list(journey.failures())))
        self._hear(domain, outcomes)
        return outcomes

    async def _rest(self, attempt: Attempt, per_minute: int) -> None:
        """Wait until *attempt* has its turn, if its domain gets so many messages *per_minute*."""
        self._resting.update(attempt.envelope_ids)
        try:
            await self._rates.turn(attempt.envelopes[0].dest.domain, per_minute)
        finally:
            self._resting.difference_update(attempt.envelope_ids)

    def _hear(self, domain: str, outcomes: Sequence[Outcome]) -> None:
        """Remember what was heard of *domain*."""
        last = outcomes[-1]
        is_reached = not any(each.status.startswith(_UNREACHED) for each in outcomes)
        is_success = any(each.result is Result.OK for each in outcomes)
        self._stats.heard(fold(domain), last.text, is_reached=is_reached, is_success=is_success)

    def when_alive(self, hurry: Callable[[str], None], most: int) -> None:
        """Call *hurry* with a domain that can be reached again; so many messages for it (*most*) are tried then."""
        self._stats.when_alive, self._stats.most = hurry, most

    def _try_again(self, domain: str) -> None:
        self._stats.when_alive(domain.lower())

    def call_back(self) -> None:
        """Let attempts that wait for a connection raise `NotBegunError`."""
        self._means.room.send_away(NotBegunError())

    def is_resting(self, envelope_id: str) -> bool:
        """Whether mail for its domain has gone a moment ago, and that envelope waits for its turn."""
        return envelope_id in self._resting

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


def _for_all(attempt: Attempt, outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(attempt.envelopes)


def _summary(failures: Sequence[Outcome]) -> Outcome:
    """Put together why no host took the message; the last one that may take it later gives the status."""
    last = next((each for each in reversed(failures) if each.result is Result.TEMPORARY), failures[-1])
    return last._replace(text=shortened("; ".join(failure.text for failure in failures)))
