"""Relaying: a message and its recipients to the first of an action's hosts that takes mail.

    attempt ──action──▶ plan ──▶ host ──▶ address ──▶ session ──▶ one outcome for each envelope
                                  ▲         ▲  not there, or no welcome  │
                                  └─ next ──┴───────── next ─────────────┘

The action is looked up by its name at each attempt.  Whatever is wrong with a server as a
whole, or with a session, is temporary; only an answer about the message or a recipient
decides for good.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from smtpdsl.ir.relay_url import RelayUrl
from smtpdsl.ir.resolved import Action
from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.runtime.delivery.relay_plan import Plan, plan_relay
from smtpdsl.runtime.interfaces import Attempt, Outcome, Result
from smtpdsl.runtime.log import printable
from smtpdsl.runtime.net.client import Connection, PhaseLimits, connect, reason_of
from smtpdsl.runtime.net.outgoing import Measure, measure
from smtpdsl.runtime.net.resolver import NameCache, ResolveError, Resolver, SystemResolver
from smtpdsl.runtime.protocol.client import ClientSession, Transaction, Verdict
from smtpdsl.runtime.protocol.client_verdicts import Judgement, shortened, temporary

# RFC 5321 §4.5.3.1.8: the recipients that every server has to take; more go in another transaction.
MAX_RECIPIENTS = 100
# A name with more addresses than these is a mistake, or somebody's joke.
MAX_ADDRESSES = 20
DEFAULT_LIMITS = PhaseLimits()

_RESULTS = {
    Judgement.ACCEPTED: Result.OK,
    Judgement.TEMPORARY: Result.TEMPORARY,
    Judgement.PERMANENT: Result.PERMANENT,
}


class _Place(NamedTuple):
    """Where a server is reached; an IPv6 address has no brackets here."""

    host: str
    address: str
    port: int

    @property
    def peer(self) -> str:
        """How messages call the server."""
        name = "" if self.host == self.address else self.host
        address = f"[{self.address}]" if name or ":" in self.address else self.address
        return f"{name}{address}:{self.port}"


class RelayAgent:
    """Sends mail on by SMTP, in the clear, to the hosts that an action names."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        server_name: str,
        *,
        resolver: Resolver | None = None,
        limits: PhaseLimits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Relay by *actions*; without a *resolver* the system is asked for names, *clock* gives seconds."""
        self._actions = actions
        self._server_name = server_name
        self._own_resolver = SystemResolver()
        self._resolver = resolver or self._own_resolver
        self._limits = limits
        self._names = NameCache(self._resolver, clock)
        self._plans: dict[str, tuple[Action | None, Plan]] = {}
        self._connections: set[Connection] = set()

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Relay *attempt*, whose envelopes have the action of the first one."""
        plan = self._plan(attempt)
        if plan.problem:
            return _for_all(attempt, _outcome(temporary(printable(plan.problem), "4.3.5")))
        try:
            size = await measure(attempt.message.content)
        except OSError as error:
            text = f"the message cannot be read from the queue: {reason_of(error)}"
            return _for_all(attempt, _outcome(temporary(text, "4.3.0")))
        failures: list[Outcome] = []
        for url in plan.urls:
            for place in await self._places(url, failures):
                result = await self._try(place, plan.helo, attempt, size)
                if not isinstance(result, Outcome):
                    return result
                failures.append(result)
        return _for_all(attempt, _summary(failures))

    async def close(self) -> None:
        """End every connection, also those that only wait for the answer to QUIT."""
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
        await self._names.close()
        self._own_resolver.close()

    def _plan(self, attempt: Attempt) -> Plan:
        """Look the action up, and work out what it says once for as long as it stays the same."""
        envelope = attempt.envelopes[0]
        action = self._actions.get(envelope.action)
        known, plan = self._plans.get(envelope.action, (None, Plan()))
        if known is None or known is not action:
            plan = plan_relay(action, attempt.message, envelope, self._server_name)
            self._plans[envelope.action] = (action, plan)
        return plan

    async def _places(self, url: RelayUrl, failures: list[Outcome]) -> list[_Place]:
        """Return where the host of *url* is; why it is nowhere is added to *failures*."""
        if _is_address(url.host):
            return [_Place(url.host, url.host, url.effective_port)]
        try:
            async with asyncio.timeout(self._limits.resolve):
                found = await self._resolver.addresses(url.host)
            problem = "" if found else "there is none"
        except ResolveError as error:
            found, problem = (), str(error)
        except TimeoutError:
            found, problem = (), f"no answer within {self._limits.resolve:g} seconds"
        if problem:
            failures.append(_outcome(temporary(f"no address of {url.host}: {problem}", "4.4.3")))
        return [_Place(url.host, address, url.effective_port) for address in found[:MAX_ADDRESSES]]

    async def _try(self, place: _Place, helo: str, attempt: Attempt, size: Measure) -> list[Outcome] | Outcome:
        """Relay *attempt* to *place*; a single outcome says why it takes no mail, and another one may."""
        core = ClientSession(place.peer, helo, self._server_name)
        try:
            connection = await connect(core, place.address, place.port, self._limits)
        except OSError as error:
            return _outcome(temporary(f"no connection to {place.peer}: {reason_of(error)}", "4.4.1"))
        self._connections.add(connection)
        connection.closed.add_done_callback(lambda _: self._connections.discard(connection))
        self._names.prepare(place.address)
        try:
            problem = await connection.ready()
            verdicts = [] if problem else await _send(connection, attempt, size)
        finally:
            # Also if nobody wants to know any more: then the server must not take half a message for a whole one.
            connection.leave()
        source = _shown(connection.source)
        relay = f"{_shown(place.address)} ({self._names.name(place.address) or _shown(place.address)})"
        if problem:
            return _outcome(problem, source, relay)
        return [_outcome(verdict, source, relay) for verdict in verdicts]


async def _send(connection: Connection, attempt: Attempt, size: Measure) -> list[Verdict]:
    """Send the message, once for all recipients if a server has to take that many."""
    message = attempt.message
    verdicts: list[Verdict] = []
    for start in range(0, len(attempt.envelopes), MAX_RECIPIENTS):
        recipients = tuple(envelope.dest for envelope in attempt.envelopes[start : start + MAX_RECIPIENTS])
        transaction = Transaction(message.reverse_path, recipients, size.octets, size.is_8bit)
        verdicts += await connection.send(transaction, message.content)
    return verdicts


def _outcome(verdict: Verdict, source: str = "", relay: str = "") -> Outcome:
    return Outcome(_RESULTS[verdict.judgement], verdict.text, verdict.status, source, relay)


def _for_all(attempt: Attempt, outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(attempt.envelopes)


def _summary(failures: Sequence[Outcome]) -> Outcome:
    """Put together why no host took the message; the last one gives the status."""
    return failures[-1]._replace(text=shortened("; ".join(failure.text for failure in failures)))


def _is_address(host: str) -> bool:
    return ipv4_value(host) is not None or ipv6_value(host.partition("%")[0]) is not None


def _shown(address: str) -> str:
    """Write *address* as log lines have it."""
    return f"[{address}]" if ":" in address else address
