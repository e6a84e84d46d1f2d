"""What the sessions of a listener share, and the sessions of a server as a whole."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from smtpdsl.ir.resolved import Endpoint, Listener
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.plan import FilterPlan
from smtpdsl.runtime.interfaces import Intake
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.budget import Budget
from smtpdsl.runtime.net.deadlines import Timeouts
from smtpdsl.runtime.net.reverse_names import ReverseName
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.protocol.server import Limits, Offer
from smtpdsl.runtime.sasl.authenticator import Authenticator

if TYPE_CHECKING:
    from smtpdsl.runtime.net.session import Session


class Sessions:
    """Every session of a server."""

    def __init__(self) -> None:
        """Have none."""
        self._open: set[Session] = set()
        self._none = asyncio.Event()
        self._none.set()

    def add(self, session: Session) -> None:
        """Take in a session that begins."""
        self._open.add(session)
        self._none.clear()

    def discard(self, session: Session) -> None:
        """Let a session go that has ended."""
        self._open.discard(session)
        if not self._open:
            self._none.set()

    def drain(self) -> None:
        """Let each end when its transaction has ended."""
        for session in tuple(self._open):
            session.drain()

    def abort(self) -> None:
        """End all of them now."""
        for session in tuple(self._open):
            session.abort()

    async def wait_until_none(self) -> None:
        """Wait for the last one to end."""
        await self._none.wait()


class Door(Protocol):
    """Who counts the connections of clients, as sessions see it; a `Gate` is one."""

    def admit(self, source: str | None, now: float) -> Reply | Awaitable[Reply | None] | None:
        """Count a connection, or return the reply to refuse it with; an awaitable, if that is not known here."""

    def leave(self, source: str | None) -> None:
        """Count a connection no more."""


class Shared(NamedTuple):
    """What the sessions of all listeners share.

    *configuration* names the program in log lines; *clock* gives seconds since 1970.
    *find_name* looks up what a client's address is called.
    """

    configuration: str
    policy: Policy
    intake: Intake
    log: Log
    clock: Callable[[], float]
    next_session_id: Callable[[], str]
    find_name: Callable[[str], ReverseName | Awaitable[ReverseName]]
    sessions: Sessions
    gate: Door
    budget: Budget
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()


class Service(NamedTuple):
    """What the sessions of a listener share.

    *tls_context* returns what the next handshake is made with; None without TLS.  *logins* is
    None where nobody can log in.  With *takes_first_mail* clients are mail programs, whose
    mail begins its way here.  Who *is_trusted*, by its address, may speak for other clients (XCLIENT).
    The *endpoint* is what they have come to; None is the local socket.
    """

    shared: Shared
    listener: Listener
    server_name: str
    offer: Offer
    filters: FilterPlan
    tls_context: Callable[[], ssl.SSLContext] | None = None
    logins: Authenticator | None = None
    takes_first_mail: bool = False
    is_trusted: Callable[[str], Answer] | None = None
    endpoint: Endpoint | None = None

    def spoken(self, *, is_esmtp: bool) -> str:
        """Name the protocol of a client, which *is_esmtp* if it said EHLO."""
        if self.offer.lmtp:
            return "LMTP"
        return "ESMTP" if is_esmtp else "SMTP"
