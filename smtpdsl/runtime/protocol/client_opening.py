"""What a client says until a server takes messages.

    S: 220 mx.example                         ──▶ EHLO
    S: 250-mx.example, 250 STARTTLS           ──▶ STARTTLS, TLS, and EHLO again
    S: 250-mx.example, 250 AUTH PLAIN         ──▶ AUTH
    S: 235 ok                                 ──▶ READY

An answer in, one step out: a command, the end of the session, or that it is ready.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, TypeAlias

from smtpdsl.mail.idn import folded_name
from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.client_commands import Command, hello
from smtpdsl.runtime.protocol.client_extensions import NO_EXTENSIONS, Extensions, read_extensions
from smtpdsl.runtime.protocol.client_habits import Habits
from smtpdsl.runtime.protocol.client_login import EndPoint, Exchange, Login, LoginError, no_end_point
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.replies import ReceivedReply

_CHALLENGE = 334
# RFC 4954 §4: a first response that makes the line too long is sent when the server asks for it.
_MAX_COMMAND_OCTETS = 512
_UNWANTED, _UNABLE = "4.7.5", "4.7.4"


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


class Moment(Enum):
    """What is not said in words."""

    READY = "the server takes messages"
    SECURING = "TLS begins"


Step: TypeAlias = Command | Verdict | Moment


class Opening:
    """The beginning of one session."""

    def __init__(self, peer: str, helo_name: str, server_name: str, terms: Terms) -> None:
        """Begin before the greeting; the arguments are those of `ClientSession`."""
        self.extensions: Extensions = NO_EXTENSIONS
        self.is_secure = False
        # Whether the server has no TLS for us, though it is demanded.
        self.lacks_tls = False
        self._peer = peer
        self._helo_name = helo_name
        self._server_name = folded_name(server_name)
        self._terms = terms
        self._habits = terms.habits or Habits()
        self._end_point: EndPoint = no_end_point
        self._exchange: Exchange | None = None
        self._refused: frozenset[str] = frozenset()
        self._held_back: bytes | None = None
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

    def has_broken_chunk(self) -> None:
        """Send it no chunks any more."""
        self._habits.breaks_chunks = True

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
        return hello(Phase.LHLO if self._terms.is_lmtp else Phase.EHLO, self._helo_name)

    def _on_greeting(self, reply: ReceivedReply) -> Step:
        if not reply.is_positive:
            # RFC 5321 §3.1 has 554 for "no mail here".  It is about the server, and about no recipient of ours.
            return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.GREETING))
        return self._loop(reply) or self._hello()

    def _on_ehlo(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            self.extensions = read_extensions(reply)
            if self._habits.breaks_chunks:
                self.extensions = self.extensions.without("CHUNKING")
            return self._loop(reply) or self._after_hello()
        if reply.is_permanent and not self._needs_extensions():
            # RFC 5321 §3.2: a server that does not know EHLO gets HELO.
            return hello(Phase.HELO, self._helo_name)
        self.lacks_tls = reply.is_permanent and self._must_be_secured()
        return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.EHLO))

    def _on_lhlo(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            # A mail store is near: chunks would save no time, and its answers are one for each recipient.
            self.extensions = read_extensions(reply).without("CHUNKING")
            return self._after_hello()
        return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.LHLO))

    def _on_helo(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            return self._loop(reply) or Moment.READY
        return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.HELO))

    def _on_starttls(self, reply: ReceivedReply) -> Step:
        if reply.is_positive:
            return Moment.SECURING
        if self._terms.security is Security.REQUIRED:
            self.lacks_tls = True
            return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.STARTTLS))
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
            return verdicts.temporary(f"{self._peer} does not offer the TLS that is demanded of it", _UNABLE)
        return self._log_in()

    def _loop(self, reply: ReceivedReply) -> Verdict | None:
        """Say that the server has our own name (RFC 5321 §4.2: the first word of the text is its name).

        Where LMTP is spoken it may have it: what stores mail is often on the same machine.
        """
        name = reply.lines[0].partition(" ")[0]
        if self._terms.is_lmtp or folded_name(name) != self._server_name:
            return None
        return verdicts.loop(self._peer, name)

    # ------------------------------------------------------------ login

    def _log_in(self) -> Step:
        login = self._terms.login
        if login is None:
            return Moment.READY
        if not self.is_secure:
            return verdicts.temporary(f"no login is told to {self._peer} in the clear", _UNABLE)
        offered = self._offered()
        self._exchange = login.begin(offered, self._refused, self._end_point)
        if self._exchange is None:
            text = f"{self._peer} offers no way to log in"
            text += f" that is known here, only {', '.join(sorted(offered))}" if offered else ""
            return verdicts.temporary(text, _UNABLE)
        return self._auth(self._exchange)

    def _auth(self, exchange: Exchange) -> Step:
        command = f"AUTH {exchange.mechanism}"
        first = exchange.respond(None)
        # RFC 4954 §4: "=" is a response without octets.
        line = command if first is None else f"{command} {_base64(first) or '='}"
        if len(line) + len("\r\n") > _MAX_COMMAND_OCTETS:
            line, self._held_back = command, first
        return Command(Phase.AUTH, f"{line}\r\n".encode("ascii"))

    def _on_auth(self, reply: ReceivedReply) -> Step:
        assert self._exchange is not None, "AUTH was said"
        if reply.code == _CHALLENGE:
            return self._respond(self._exchange, reply.lines[0].strip())
        if not reply.is_positive:
            return self._on_refused(self._exchange, reply)
        if not self._exchange.is_complete:
            return verdicts.temporary(f"{self._peer} accepts a login that was not told, or not proved", _UNWANTED)
        return Moment.READY

    def _respond(self, exchange: Exchange, challenge: str) -> Step:
        try:
            response = self._held_back
            if response is None:
                response = exchange.respond(b64decode(challenge, validate=True))
        except (LoginError, ValueError) as error:
            reason = str(error) if isinstance(error, LoginError) else "a challenge is no base64"
            return verdicts.temporary(f"the login at {self._peer} is broken off: {reason}", _UNWANTED)
        self._held_back = None
        return Command(Phase.AUTH, _base64(response or b"").encode("ascii") + b"\r\n")

    def _on_refused(self, exchange: Exchange, reply: ReceivedReply) -> Step:
        """Try the next mechanism, if there is one; a login that is refused is for the administrator to mend."""
        login = self._terms.login
        assert login is not None, "nobody logs in without one"
        self._refused |= {exchange.mechanism}
        if reply.is_permanent:
            another = login.begin(self._offered(), self._refused, self._end_point)
            if another is not None:
                self._exchange = another
                return self._auth(another)
        if login.is_told_by(reply.one_line):
            reply = reply._replace(lines=("(what it says repeats the login)",))
        return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.AUTH))

    def _offered(self) -> frozenset[str]:
        return frozenset(self.extensions.keywords.get("AUTH", "").upper().split())


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
