"""One message to one host: a session, or two where TLS is not demanded and its handshake fails.

reached address ──▶ greeting, EHLO, TLS, login ──▶ transactions ──▶ outcomes
                      └─ no welcome ──▶ one outcome, and another address may be tried
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import NamedTuple

from smtpdsl.runtime.delivery.penalties import Penalties
from smtpdsl.runtime.delivery.relay_log import RelayLog, RelaySessionLog
from smtpdsl.runtime.delivery.relay_plan import Plan, Way, name_problem
from smtpdsl.runtime.delivery.relay_security import Contexts
from smtpdsl.runtime.delivery.relay_talk import Parcel, Talk, WaitingTalks, outcome_of
from smtpdsl.runtime.interfaces import Outcome
from smtpdsl.runtime.log import printable
from smtpdsl.runtime.net.client import Connection, PhaseLimits, reason_of, speak
from smtpdsl.runtime.net.client_channel import TlsTerms
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.racing import Failure, Race, Reached
from smtpdsl.runtime.net.resolver import NameCache
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from smtpdsl.runtime.protocol.client import ClientSession, Security, Terms, Verdict
from smtpdsl.runtime.protocol.client_verdicts import temporary


class Connections:
    """The connections of an agent, also those that only wait for the answer to QUIT."""

    def __init__(self) -> None:
        """Have none."""
        self._open: set[Connection] = set()

    def add(self, connection: Connection) -> None:
        """Know *connection* until it is closed."""
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))

    async def close(self) -> None:
        """End them all now."""
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))


class Means(NamedTuple):
    """What all sessions of an agent share."""

    server_name: str
    limits: PhaseLimits
    contexts: Contexts
    names: NameCache
    log: RelayLog
    connections: Connections
    waiting: WaitingTalks
    penalties: Penalties


class RelaySession:
    """The sessions with one host, one after the other."""

    def __init__(self, means: Means, host: str, way: Way, plan: Plan, turn: int) -> None:
        """Speak to *host* as *way* and *plan* have it; *turn* counts, and chooses among sources."""
        # Whether another address of the host would say the same.
        self.is_settled = False
        self._means = means
        self._host = host
        self._way = way
        self._plan = plan
        self._turn = turn
        self._is_without_tls = False

    def source_of(self, address: str) -> str | None:
        """Return the address to connect to *address* from."""
        sources = [each for each in self._plan.sources if (":" in each) == (":" in address)]
        return sources[self._turn % len(sources)] if sources else None

    def unreached(self, failure: Failure) -> Outcome:
        """Say that an address cannot be connected to."""
        reason = reason_of(failure.error)
        self._log(failure.address).failed(f"Connection failed: {reason}")
        verdict = temporary(f"no connection to {self._peer(failure.address)}: {reason}", "4.4.1")
        self._means.penalties.failed(self._server(failure.address), verdict.text)
        return outcome_of(verdict)

    def left_alone(self, address: str) -> Outcome | None:
        """Say that *address* has failed lately, and is not tried again yet; None if it may be tried."""
        penalties = self._means.penalties
        problem = penalties.problem(self._server(address)) or penalties.problem(self._welcome(address))
        return outcome_of(temporary(f"{problem} (some seconds ago)", "4.4.1")) if problem else None

    def _server(self, address: str) -> Hashable:
        """What is down for everybody if it does not take a connection."""
        return address, self._way.port

    def _welcome(self, address: str) -> Hashable:
        """What a session may lack here: on other terms, or with another login, it may be welcome."""
        return address, self._plan.number, self._way

    async def relay(self, reached: Reached, parcel: Parcel) -> list[Outcome] | Outcome:
        """Relay *parcel* to *reached*; a single outcome says why it takes no mail, and another address may."""
        log = self._log(reached.address)
        log.connected()
        result = await self._speak(reached, self._way, parcel, log)
        if isinstance(result, Outcome) and self._is_without_tls and self._way.security is Security.OFFERED:
            # RFC 7435: better in the clear than not at all, where nobody demands more.
            log.in_the_clear()
            result = await self._relay_in_the_clear(reached.address, parcel)
        if isinstance(result, Outcome):
            self._means.penalties.failed(self._welcome(reached.address), result.text)
        else:
            self._means.penalties.succeeded(self._server(reached.address))
            self._means.penalties.succeeded(self._welcome(reached.address))
        return result

    async def _relay_in_the_clear(self, address: str, parcel: Parcel) -> list[Outcome] | Outcome:
        race = Race([address], self._way.port, self._means.limits.connect, self.source_of)
        reached = await race.winner()
        if reached is None:
            return self.unreached(race.failures()[0])
        log = self._log(address)
        log.connected()
        return await self._speak(reached, self._way._replace(security=Security.NEVER), parcel, log)

    async def _speak(self, reached: Reached, way: Way, parcel: Parcel, log: RelaySessionLog) -> list[Outcome] | Outcome:
        """Begin a session, and send *parcel*."""
        source, address, means = str(reached.socket.getsockname()[0]), reached.address, self._means
        try:
            helo = self._helo(source)
            tls_terms = self._tls_terms(way)
        except (_UnusableError, TlsSetupError) as error:
            reached.socket.close()
            log.failed(str(error))
            return outcome_of(temporary(printable(str(error)), "4.3.5"))
        core = ClientSession(self._peer(address), helo, means.server_name, Terms(way.security, way.login, way.is_lmtp))
        connection = await speak(core, reached.socket, means.limits, tls_terms)
        means.connections.add(connection)
        means.names.prepare(address)
        problem = await self._ready(connection, log)
        relay = f"{_shown(address)} ({means.names.name(address) or _shown(address)})"
        if problem is None:
            return await self._send(Talk(connection, core, _shown(source), relay, log), parcel)
        self._is_without_tls, self.is_settled = core.has_failed_securing, core.has_failed_login
        log.failed(problem.text)
        return outcome_of(problem, _shown(source), relay)

    async def _ready(self, connection: Connection, log: RelaySessionLog) -> Verdict | None:
        """Wait until messages are taken; the verdict says why none are."""
        is_ready = False
        try:
            problem = await connection.ready()
            is_ready = problem is None
        finally:
            if not is_ready:
                connection.leave()
        if connection.tls_facts is not None:
            log.secured(connection.tls_facts)
        return problem

    async def _send(self, talk: Talk, parcel: Parcel) -> list[Outcome]:
        """Send *parcel*; the session waits for another one if it went well."""
        outcomes: list[Outcome] = []
        try:
            outcomes = await talk.send(parcel)
        finally:
            if outcomes:
                self._means.waiting.give(self._key, talk, parcel.politeness)
            else:
                # Nobody wants to know any more.
                talk.leave()
        return outcomes

    async def resume(self, parcel: Parcel) -> list[Outcome] | None:
        """Relay *parcel* in a session that waits for one; None if there is none that takes it."""
        while (talk := self._means.waiting.take(self._key)) is not None:
            outcomes = await self._send(talk, parcel)
            if not talk.is_untouched:
                return outcomes
        return None

    @property
    def _key(self) -> Hashable:
        """What a session must have been begun for; a plan is the same object for as long as its action is."""
        return self._plan.number, self._way, self._host, self._turn % max(1, len(self._plan.sources))

    # ------------------------------------------------------------ names

    def _helo(self, source: str) -> str:
        """Return what is said in EHLO; where `src` chooses an address, `helo-src` may have its name."""
        action = self._plan.action
        if action.src is None or action.helo_src is None:
            return self._plan.helo
        address = IpAddress.parse(source.partition("%")[0])
        named = [each.value or "" for each in action.helo_src.entries if _parsed(each.key) == address]
        if not named:
            message = f"{action.helo_src.shown} has no name for the address {source}"
            raise _UnusableError(message)
        if problem := name_problem(named[-1]):
            raise _UnusableError(problem)
        return named[-1]

    def _tls_terms(self, way: Way) -> TlsTerms | None:
        return self._means.contexts.terms(self._plan.action, way, self._host.partition("%")[0])

    def _peer(self, address: str) -> str:
        """How messages call a server: its name, its address, its port."""
        name = "" if self._host == address else self._host
        shown = f"[{address}]" if name or ":" in address else address
        return f"{name}{shown}:{self._way.port}"

    def _log(self, address: str) -> RelaySessionLog:
        """Begin the log of a session."""
        log = self._means.log.session()
        log.connecting(f"{self._way.scheme.value}://{_shown(address)}:{self._way.port}", self._host)
        return log


class _UnusableError(Exception):
    """The configuration has no name that could be said; the text says why."""


def _parsed(address: str) -> IpAddress | None:
    return IpAddress.parse(address.strip("[]").partition("%")[0])


def _shown(address: str) -> str:
    """Write *address* as log lines have it."""
    return f"[{address}]" if ":" in address else address
