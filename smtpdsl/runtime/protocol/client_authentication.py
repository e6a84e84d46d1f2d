"""How a client logs in: one mechanism after the other, until the server believes it (RFC 4954).

    S: 250 AUTH SCRAM-SHA-256 PLAIN       ──▶ AUTH SCRAM-SHA-256 biwsbj1hb...
    S: 334 cj1hbjN...                     ──▶ Yz1iaXdzLHI9...
    S: 535 no                             ──▶ AUTH PLAIN AGFubgBzM2NyZXQ=
    S: 235 ok                             ──▶ READY

What a mechanism says is its own affair (`client_login.Exchange`); here is how that is carried.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.client_commands import Command
from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_login import EndPoint, Exchange, Login, LoginError
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_steps import Moment, Step
from smtpdsl.runtime.protocol.replies import ReceivedReply

_CHALLENGE = 334
# RFC 4954 §4: a first response that makes the line too long is sent when the server asks for it.
_MAX_COMMAND_OCTETS = 512
_UNWANTED, _UNABLE = "4.7.5", "4.7.4"


class Authentication:
    """The login of one session."""

    def __init__(self, login: Login, peer: str, extensions: Extensions, end_point: EndPoint) -> None:
        """Have *login* told to *peer*, with what its *extensions* offer; it may be bound to *end_point*."""
        self._login = login
        self._peer = peer
        self._offered = frozenset(extensions.keywords.get("AUTH", "").upper().split())
        self._end_point = end_point
        self._exchange: Exchange | None = None
        self._refused: frozenset[str] = frozenset()
        self._held_back: bytes | None = None

    def begin(self) -> Step:
        """Return what is said first."""
        exchange = self._another()
        if exchange is not None:
            return self._auth(exchange)
        text = f"{self._peer} offers no way to log in"
        text += f" that is known here, only {', '.join(sorted(self._offered))}" if self._offered else ""
        return verdicts.temporary(text, _UNABLE)

    def answer(self, reply: ReceivedReply) -> Step:
        """Return what follows *reply*, the answer to AUTH or to a response."""
        assert self._exchange is not None, "AUTH was said"
        if reply.code == _CHALLENGE:
            return self._respond(self._exchange, reply.lines[0].strip())
        if not reply.is_positive:
            return self._on_refused(self._exchange, reply)
        if not self._exchange.is_complete:
            return verdicts.temporary(f"{self._peer} accepts a login that was not told, or not proved", _UNWANTED)
        return Moment.READY

    def _another(self) -> Exchange | None:
        """Return an attempt with a mechanism that was not refused; None if there is no other."""
        return self._login.begin(self._offered, self._refused, self._end_point)

    def _auth(self, exchange: Exchange) -> Step:
        # Nothing that another mechanism has not come to say is said by this one.
        self._exchange, self._held_back = exchange, None
        command = f"AUTH {exchange.mechanism}"
        first = exchange.respond(None)
        # RFC 4954 §4: "=" is a response without octets.
        line = command if first is None else f"{command} {_base64(first) or '='}"
        if len(line) + len("\r\n") > _MAX_COMMAND_OCTETS:
            line, self._held_back = command, first
        return Command(Phase.AUTH, f"{line}\r\n".encode("ascii"))

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
        self._refused |= {exchange.mechanism}
        if reply.is_permanent and (another := self._another()) is not None:
            return self._auth(another)
        if self._login.is_told_by(reply.one_line):
            reply = reply._replace(lines=("(what it says repeats the login)",))
        return verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.AUTH))


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
