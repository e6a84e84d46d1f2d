"""Logins: AUTH, and what the client says to the challenges (RFC 4954 §4).

Auth ─▶ begin ─▶ 334 challenge ─▶ AuthResponse ─▶ go_on ─▶ 235, and the client has a login; or a refusal
"""

from __future__ import annotations

from collections.abc import Awaitable

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.net.replier import Replier
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.visitor import Visitor
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.protocol.exchange import challenge
from smtpdsl.runtime.sasl.authenticator import Authenticator
from smtpdsl.runtime.sasl.exchange import Authenticated, Exchange, Rejected, Step
from smtpdsl.runtime.sasl.moves import Challenge
from smtpdsl.runtime.sasl.replies import AUTHENTICATED


class Login:
    """The attempts of one session to log in, one after the other."""

    __slots__ = ("_exchange", "_log", "_logins", "_replier", "_visitor")

    def __init__(self, logins: Authenticator | None, visitor: Visitor, replier: Replier, log: SessionLog) -> None:
        """Let *visitor* log in with *logins*."""
        self._logins = logins
        self._visitor = visitor
        self._replier = replier
        self._log = log
        self._exchange: Exchange | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What AUTH can be offered with now."""
        return self._logins.mechanisms(self._visitor.tls) if self._logins is not None else ()

    def begin(self, event: core.Auth) -> Waiting | None:
        """Begin an exchange."""
        assert self._logins is not None, "without accounts no mechanism is offered"
        self._exchange = self._logins.begin(event.mechanism, self._visitor.tls, self._visitor.client.source)
        return self._step(event.initial)

    def go_on(self, event: core.AuthResponse) -> Waiting | None:
        """Go on with what the client says to a challenge."""
        return self._step(event.octets)

    def forget(self) -> None:
        """Forget the exchange: the client has broken it off."""
        self._exchange = None

    def _step(self, octets: bytes | None) -> Waiting | None:
        assert self._exchange is not None, "a response belongs to an exchange"
        step = self._exchange.step(octets)
        if isinstance(step, Awaitable):
            return Waiting(step, lambda done: self._stepped(done.result()))
        self._stepped(step)
        return None

    def _stepped(self, step: Step) -> None:
        match step:
            case Challenge():
                self._replier.reply(Reply(code=334, lines=(challenge(step.octets),)))
            case Authenticated():
                self._visitor.logged_in(step.login)
                self._log.authentication(step.login, "ok")
                self._replier.reply(AUTHENTICATED)
            case Rejected():
                if step.login:
                    self._log.authentication(step.login, "tempfail" if step.reply.is_temporary else "permfail")
                self._replier.refuse(step.reply, {"why": step.why}, closes=step.closes)
