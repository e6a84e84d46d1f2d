"""One message to one host: a session, or more where less is demanded than could be had.

reached address ──▶ greeting, EHLO, TLS, login ──▶ transactions ──▶ outcomes
                      │ no TLS as it should be ──▶ another session, which does without, if that may be
                      └─ no welcome ──▶ one outcome, and another address may be tried
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import ExitStack

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.log import printable
from smtpdsl.runtime.net.client import Connection, reason_of, speak
from smtpdsl.runtime.net.client_channel import TlsTerms
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.racing import Failure, Race, Reached, Target
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from smtpdsl.runtime.protocol.client import ClientSession, Terms, Verdict
from smtpdsl.runtime.protocol.client_verdicts import permanent, temporary
from smtpdsl.runtime.relay.host_security import HostSecurity
from smtpdsl.runtime.relay.means import Means
from smtpdsl.runtime.relay.parcels import Parcel
from smtpdsl.runtime.relay.permits import Admission
from smtpdsl.runtime.relay.plan import Plan, Way, name_problem
from smtpdsl.runtime.relay.routes import Route, Welcome
from smtpdsl.runtime.relay.session_log import RelaySessionLog
from smtpdsl.runtime.relay.session_tls import SessionTls
from smtpdsl.runtime.relay.talk import Talk, outcome_of


class RelaySession:
    """The sessions with one host, one after the other."""

    def __init__(self, means: Means, host: str, security: HostSecurity, plan: Plan, turn: int, terms: int) -> None:
        """Speak to *host* as *security* and *plan* have it.

        Args:
            means: What all sessions share.
            host: The name of the host.
            security: How it is spoken to.
            plan: Under which names, and from where.
            turn: Counts, and chooses among sources.
            terms: A number that sessions on other terms do not have.
        """
        # Whether another address of the host would say the same.
        self.is_settled = False
        self._means = means
        self._host = host
        self._security = security
        self._way = security.way
        self._plan = plan
        self._turn = turn
        self._terms = terms
        self._is_without_tls = False

    def sources(self, address: str) -> Sequence[str | None]:
        """Return from where to connect to *address*, in the order of their turns; None leaves it to the system."""
        sources = [each for each in self._plan.sources if (":" in each) == (":" in address)]
        start = self._turn % len(sources) if sources else 0
        return [*sources[start:], *sources[:start]] or [None]

    def unreached(self, failure: Failure) -> Outcome:
        """Say that an address cannot be connected to."""
        reason = reason_of(failure.error)
        self._log(failure.address).failed(f"Connection failed: {reason}")
        verdict = temporary(f"no connection to {self._peer(failure.address)}: {reason}", "4.4.1")
        self._means.routes.unreached(_route(failure.target), verdict.text)
        return outcome_of(verdict)

    def left_alone(self, target: Target) -> Outcome | None:
        """Say that *target* has failed lately, and is not tried again yet; None if it may be tried."""
        problem = self._means.routes.problem(self._welcome(target))
        return outcome_of(temporary(f"{problem} (some seconds ago)", "4.4.1")) if problem else None

    def _welcome(self, target: Target) -> Welcome:
        """What a session may lack here: on other terms, or with another login, it may be welcome."""
        return Welcome(_route(target), self._terms)

    async def relay(self, reached: Reached, parcel: Parcel, admission: Admission) -> list[Outcome] | Outcome:
        """Relay *parcel* to *reached*; a single outcome says why it takes no mail, and another address may."""
        result = await self._speak(reached, self._way, parcel, admission)
        for way in self._security.ways[1:]:
            if not (isinstance(result, Outcome) and self._is_without_tls):
                break
            result = await self._speak_anew(reached.target, way, parcel, admission)
        if isinstance(result, Outcome) and result.result is Result.TEMPORARY:
            self._means.routes.unwelcome(self._welcome(reached.target), result.text)
        return result

    async def _speak_anew(
        self, target: Target, way: Way, parcel: Parcel, admission: Admission
    ) -> list[Outcome] | Outcome:
        """Relay in another session, for which *way* demands less."""
        self._is_without_tls = False
        race = Race([target], self._means.limits.connect)
        reached = await race.winner()
        if reached is None:
            return self.unreached(race.failures()[0])
        return await self._speak(reached, way, parcel, admission)

    async def _speak(self, reached: Reached, way: Way, parcel: Parcel, admission: Admission) -> list[Outcome] | Outcome:
        """Begin a session, and send *parcel*."""
        means, address = self._means, reached.address
        # Whatever goes wrong, nothing stays open that nobody would close.
        with ExitStack() as ending:
            ending.callback(reached.socket.close)
            log, source = self._log(address), str(reached.socket.getsockname()[0])
            log.connected()
            try:
                core, tls_terms = self._core(way, address, source), self._tls_terms(way)
            except (_UnusableError, TlsSetupError) as error:
                log.failed(str(error))
                return outcome_of(temporary(printable(str(error)), "4.3.5"))
            connection = await speak(core, reached.socket, means.limits, tls_terms)
            ending.pop_all()
            ending.callback(connection.abort)
            means.connections.add(connection)
            admission.connection.attach(connection.closed)
            means.names.prepare(address)
            problem = await self._ready(connection, log) or self._not_whole(way, connection, core)
            outcome = self._judge(reached, way, connection, core, log, problem)
            ending.pop_all()
        if outcome is not None:
            return outcome
        means.routes.welcomed(self._welcome(reached.target))
        talk = Talk(connection, core, _shown(source), self._relay(address), log, admission)
        return await self.send(talk, parcel, self.key(reached.target.source))

    def _core(self, way: Way, address: str, source: str) -> ClientSession:
        """Say what is said to *address* from *source*.

        Raises:
            _UnusableError: There is no name that we could say.
        """
        means = self._means
        terms = Terms(
            way.security,
            way.login,
            way.is_lmtp,
            verifies=way.verifies or way.tlsa is not None,
            habits=means.servers.habits(address, way.port),
        )
        return ClientSession(self._peer(address), self._helo(source), means.server_name, terms)

    def _judge(
        self,
        reached: Reached,
        way: Way,
        connection: Connection,
        core: ClientSession,
        log: RelaySessionLog,
        problem: Verdict | None,
    ) -> Outcome | None:
        """Say what a session with a *problem* means for the message, and tell of its TLS; None if there is none."""
        source = str(connection.source)
        if problem is not None:
            log.failed(problem.text)
        tls = SessionTls(self._security, way, connection, core)
        result = tls.result(self._host, reached.address, source, problem)
        tls.tell(log, result)
        if result is not None:
            self._means.record(result)
        if problem is None:
            return None
        self._is_without_tls, self.is_settled = tls.is_missing, core.has_failed_login
        return outcome_of(tls.explained(problem), _shown(source), self._relay(reached.address))

    def _relay(self, address: str) -> str:
        """How the log calls a server: its address, and its name if that is known by now."""
        return f"{_shown(address)} ({self._means.names.name(address) or _shown(address)})"

    def _not_whole(self, way: Way, connection: Connection, core: ClientSession) -> Verdict | None:
        """Say good-bye to a server that does not see to TLS from there on, if the sender demands it; others may."""
        if not way.is_for_whole_way or core.extensions.offers("REQUIRETLS"):
            return None
        connection.leave()
        text = f"the sender demands TLS on the whole way, and {self._host} does not offer REQUIRETLS"
        return permanent(text, "5.7.30")

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

    async def send(self, talk: Talk, parcel: Parcel, key: Hashable) -> list[Outcome]:
        """Send *parcel*; the session waits for another one with the same *key* if it went well."""
        outcomes: list[Outcome] = []
        try:
            outcomes = await talk.send(parcel)
        finally:
            if outcomes:
                self._means.waiting.give(key, talk, parcel.politeness)
            else:
                # Nobody wants to know any more.
                talk.leave()
        return outcomes

    def key(self, source: str | None) -> Hashable:
        """Return what a session must have been begun for; a plan is the same object for as long as its action is."""
        return self._terms, self._host, source

    # ------------------------------------------------------------ names

    def _helo(self, source: str) -> str:
        """Return what is said in EHLO; where `src` chooses an address, `helo-src` may have its name."""
        names = self._plan.names
        if names is None:
            return self._plan.helo
        address = IpAddress.parse(source.partition("%")[0])
        named = [each.value or "" for each in names.entries if _parsed(each.key) == address]
        if not named:
            message = f"{names.shown} has no name for the address {source}"
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


def _route(target: Target) -> Route:
    return Route(target.source or "", target.address, target.port)


class _UnusableError(Exception):
    """The configuration has no name that could be said; the text says why."""


def _parsed(address: str) -> IpAddress | None:
    return IpAddress.parse(address.strip("[]").partition("%")[0])


def _shown(address: str) -> str:
    """Write *address* as log lines have it."""
    return f"[{address}]" if ":" in address else address
