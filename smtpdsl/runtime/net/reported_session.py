"""The core and the log of a session that filter programs are told of: each line that is said, and what it means.

next_event ──▶ protocol-client      reply ──▶ protocol-server, tx-…      log ──▶ link-tls, link-auth
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.reporter import Reporter
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.transaction import Transaction

# What stands for the answer to a challenge.
_HIDDEN = "********"
_LOGIN_RESULTS: Mapping[str, str] = {"ok": "pass", "permfail": "fail", "tempfail": "error"}


def core_session(service: Service) -> core.ServerSession:
    """Return the core of a session of *service*: one that is reported, if a program may want to hear of it."""
    kind = ReportedSession if service.filters.programs else core.ServerSession
    return kind(service.shared.limits, service.offer, default_domain=service.server_name)


def session_log(service: Service, session_id: str, session: core.ServerSession) -> SessionLog:
    """Return the log of *session*."""
    log, configuration = service.shared.log, service.shared.configuration
    if isinstance(session, ReportedSession):
        return ReportedLog(log, session_id, configuration, session.reporter)
    return SessionLog(log, session_id, configuration)


class ReportedSession(core.ServerSession):
    """A session of the protocol whose lines are reported.

    Attributes:
        reporter: Who reports them.
        peer_port: The port of the client; 0 if nobody knows.
    """

    def __init__(self, limits: core.Limits, offer: core.Offer, *, default_domain: str) -> None:
        """Wait for the greeting."""
        super().__init__(limits, offer, default_domain=default_domain)
        self.reporter = Reporter(default_domain)
        self.peer_port = 0
        # How many of the replies that wait to be written have been told.
        self._told = 0

    def came_by(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the port of the client."""
        peer = transport.get_extra_info("peername")
        # Of a socket of the file system the name is a path.
        if isinstance(peer, tuple):
            self.peer_port = int(peer[1])

    def next_event(self) -> core.Event | None:
        """Return what happens next, which is told first."""
        event = super().next_event()
        if event is not None and (line := self._line_of(event)) is not None:
            self.reporter.tell("protocol-client", line)
        self._tell_output()
        return event

    def reply(self, reply: Reply) -> None:
        """Answer the last event, and tell what that means."""
        question = self._unanswered
        self.reporter.replying(question, reply)
        super().reply(reply)
        self._replied(question, reply)

    def reply_each(self, replies: Sequence[Reply]) -> None:
        """Answer the end of a message for each recipient, and tell it; one acceptance is enough."""
        question = self._unanswered
        super().reply_each(replies)
        self._replied(question, min(replies, key=lambda each: each.code))

    def refuse(self, reply: Reply) -> None:
        """End the session with *reply*, and tell that."""
        if self.state is core.State.CLOSED:
            return
        question = self._unanswered
        super().refuse(reply)
        self._replied(question, reply)

    def data_to_send(self) -> bytes:
        """Return everything that is to be written, once."""
        self._tell_output()
        self._told = 0
        return super().data_to_send()

    def _replied(self, question: core.Connected | core.Event | None, reply: Reply) -> None:
        self._tell_output()
        self.reporter.replied(question, reply)

    def _tell_output(self) -> None:
        """Tell the replies that have not been told."""
        for octets in self._output[self._told :]:
            for line in octets.decode("utf-8", "replace").splitlines():
                self.reporter.tell("protocol-server", line)
        self._told = len(self._output)

    def _line_of(self, event: core.Event) -> str | None:
        """Return the line that *event* was."""
        match event:
            case core.ContentReceived():
                return None
            case core.EndOfContent():
                return "." if self.state is core.State.DATA else None
            case core.AuthResponse():
                return _HIDDEN
            case core.Refused():
                return event.command_line
        return self.last_command


class ReportedLog(SessionLog):
    """The log of a session; programs are told some of it."""

    __slots__ = ("_reporter",)

    def __init__(self, log: Log, session_id: str, configuration: str, reporter: Reporter) -> None:
        """Report to *log* and to *reporter*."""
        super().__init__(log, session_id, configuration)
        self._reporter = reporter

    def secured(self, facts: TlsFacts) -> None:
        """TLS has begun."""
        super().secured(facts)
        self._reporter.tell("link-tls", f"{facts.version}:{facts.cipher}:{facts.bits}")

    def authentication(self, login: str, result: str) -> None:
        """Somebody tried to log in."""
        super().authentication(login, result)
        self._reporter.logged_in(login, _LOGIN_RESULTS[result])

    def accepted(self, transaction: Transaction, protocol: str) -> None:
        """A message is ours."""
        super().accepted(transaction, protocol)
        self._reporter.stored(transaction.size)

    def disconnected(self, reason: str, why: str) -> None:
        """The session is over."""
        super().disconnected(reason, why)
        self._reporter.end(is_timeout=reason == "timeout")
