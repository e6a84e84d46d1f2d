"""What a client says until a server takes messages.

    S: 220 mx.example                         ──▶ EHLO
    S: 250-mx.example, 250 STARTTLS           ──▶ STARTTLS, TLS, and EHLO again
    S: 250-mx.example, 250 AUTH PLAIN         ──▶ AUTH
    S: 235 ok                                 ──▶ READY

An answer in, one step out: a command, the end of the session, or that it is ready.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from smtpdsl.mail.idn import folded_name
from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.client_authentication import Authentication
from smtpdsl.runtime.protocol.client_commands import Command, hello
from smtpdsl.runtime.protocol.client_extensions import NO_EXTENSIONS, Extensions, read_extensions
from smtpdsl.runtime.protocol.client_habits import Habits
from smtpdsl.runtime.protocol.client_login import EndPoint, Login, no_end_point
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_steps import Moment, Step
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.replies import ReceivedReply

_UNABLE = "4.7.4"


class Security(Enum):
    """How a session becomes secure."""

    NEVER = "in the clear"
    OFFERED = "over TLS if it is offered"
    REQUIRED = "over TLS"
    IMMEDIATE = "over TLS from the start"


class Terms(NamedTuple):
    """How a session is held, beyond the names.

    With *verifies* a handshake that succeeds has proved who the server is.  *habits* are known of it from
    earlier sessions, and told to later ones.
    """

    security: Security = Security.NEVER
    login: Login | None = None
    is_lmtp: bool = False
    verifies: bool = False
    habits: Habits | None = None


class Opening:
    """The beginning of one session."""

    def __init__(self, peer: str, helo_name: str, server_name: str, terms: Terms) -> None:
        """Begin before the greeting; the arguments are those of `ClientSession`."""
        self.peer = peer
        self.extensions: Extensions = NO_EXTENSIONS
        self.habits = terms.habits or Habits()
        self.is_lmtp = terms.is_lmtp
        self.is_secure = False
        # Whether the server has no TLS for us, though it is demanded.
        self.lacks_tls = False
        self._helo_name = helo_name
        self._server_name = folded_name(server_name)
        self._terms = terms
        self._end_point: EndPoint = no_end_point
        self._authentication: Authentication | None = None
        self._handlers: dict[Phase, Callable[[ReceivedReply], Step]] = {
            Phase.GREETING: self._on_greeting,
            Phase.EHLO: self._on_ehlo,
            Phase.LHLO: self._on_lhlo,
            Phase.HELO: self._on_helo,
            Phase.STARTTLS: self._on_starttls,
            Phase.AUTH: self._on_auth,
        }

    @property
    def phases(self) -> frozenset[Phase]:
        """What it waits for."""
        return frozenset(self._handlers)

    @property
    def is_verified(self) -> bool:
        """Whether the server has proved who it is."""
        return self.is_secure and self._terms.verifies

    def answer(self, phase: Phase, reply: ReceivedReply) -> Step:
        """Return what follows *reply*, the answer to what was said in *phase*."""
        return self._handlers[phase](reply)

    def secured(self, end_point: EndPoint) -> Command | None:
        """Go on after the handshake; None if the server speaks first."""
        self.is_secure = True
        self._end_point = end_point
        # RFC 3207 §4.2: what was said in the clear may be somebody else's.
        self.extensions = NO_EXTENSIONS
        return None if self._terms.security is Security.IMMEDIATE else self._hello()

    # ------------------------------------------------------------ answers

    def _hello(self) -> Command:
        return hello(Phase.LHLO if self.is_lmtp else Phase.EHLO, self._helo_name)

    def _on_greeting(self, reply: ReceivedReply) -> Step:
        if not reply.is_positive:
            # RFC 5321 §3.1 has 554 for "no mail here".  It is about the server, and about no recipient of ours.
            return verdicts.for_now(verdicts.of_answer(reply, self.peer, Phase.GREETING))
        return self._loop(reply) or self._hello()

    def _on_ehlo(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            self.extensions = read_extensions(reply)
            if self.habits.breaks_chunks:
                self.extensions = self.extensions.without("CHUNKING")
            return self._loop(reply) or self._after_hello()
        if reply.is_permanent and not self._needs_extensions():
            # RFC 5321 §3.2: a server that does not know EHLO gets HELO.
            return hello(Phase.HELO, self._helo_name)
        self.lacks_tls = reply.is_permanent and self._must_be_secured()
        return verdicts.for_now(verdicts.of_answer(reply, self.peer, Phase.EHLO))

    def _on_lhlo(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            # A mail store is near: chunks would save no time, and its answers are one for each recipient.
            self.extensions = read_extensions(reply).without("CHUNKING")
            return self._after_hello()
        return verdicts.for_now(verdicts.of_answer(reply, self.peer, Phase.LHLO))

    def _on_helo(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            return self._loop(reply) or Moment.READY
        return verdicts.for_now(verdicts.of_answer(reply, self.peer, Phase.HELO))

    def _on_starttls(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            return Moment.SECURING
        if self._terms.security is Security.REQUIRED:
            self.lacks_tls = True
            return verdicts.for_now(verdicts.of_answer(reply, self.peer, Phase.STARTTLS))
        return self._log_in()

    def _must_be_secured(self) -> bool:
        return self._terms.security is Security.REQUIRED and not self.is_secure

    def _needs_extensions(self) -> bool:
        return self._must_be_secured() or self._terms.login is not None

    def _after_hello(self) -> Step:
        security = self._terms.security
        if self.is_secure or security in {Security.NEVER, Security.IMMEDIATE}:
            return self._log_in()
        if self.extensions.offers("STARTTLS"):
            return Command(Phase.STARTTLS, b"STARTTLS\r\n")
        if security is Security.REQUIRED:
            self.lacks_tls = True
            return verdicts.temporary(f"{self.peer} does not offer the TLS that is demanded of it", _UNABLE)
        return self._log_in()

    def _loop(self, reply: ReceivedReply) -> Verdict | None:
        """Say that the server has our own name (RFC 5321 §4.2: the first word of the text is its name).

        Where LMTP is spoken it may have it: what stores mail is often on the same machine.
        """
        name = reply.lines[0].partition(" ")[0]
        if self.is_lmtp or folded_name(name) != self._server_name:
            return None
        return verdicts.loop(self.peer, name)

    def _log_in(self) -> Step:
        login = self._terms.login
        if login is None:
            return Moment.READY
        if not self.is_secure:
            return verdicts.temporary(f"no login is told to {self.peer} in the clear", _UNABLE)
        self._authentication = Authentication(login, self.peer, self.extensions, self._end_point)
        return self._authentication.begin()

    def _on_auth(self, reply: ReceivedReply) -> Step:
        assert self._authentication is not None, "AUTH was said"
        return self._authentication.answer(reply)
