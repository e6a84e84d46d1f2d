r"""Commands and their answers, in order: what a client and its server say, whatever it is about.

    _write(Command(MAIL, ...))       awaited: MAIL             outgoing: b"MAIL FROM:<a@b.example>\r\n"
    _write(Command(RCPT, ...))       awaited: MAIL, RCPT
    receive_data(b"250 ok\r\n")      awaited: RCPT             _take_answer(MAIL, 250)

An answer that nobody waits for, or one that means nothing there, ends the session.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.client_commands import Command
from smtpdsl.runtime.protocol.client_events import Event
from smtpdsl.runtime.protocol.client_states import ACCEPTED, REFUSED, Phase, State, is_due
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.replies import ReceivedReply, ReplyError, ReplyParser

_SERVICE_NOT_AVAILABLE = 421
_HANDSHAKE = Command(Phase.TLS, b"")


class Dialogue(ABC):
    """What a session hears and says, one answer for each command."""

    def __init__(self, peer: str, *, begins_with_tls: bool) -> None:
        """Wait for the greeting of *peer*, or for TLS before it."""
        self.state = State.CONNECTED
        self.answered = 0
        # Whether the session has ended because there was no TLS to be had.
        self.has_failed_securing = False
        self._peer = peer
        self._parser = ReplyParser()
        self._outgoing: list[bytes] = []
        # Invariant: commands are answered in their order, so the first of these is what the next reply answers.
        self._awaited = deque([Command(Phase.GREETING, b"")])
        if begins_with_tls:
            self._awaited.appendleft(_HANDSHAKE)
        self._last_answered = Phase.GREETING
        self._events: deque[Event] = deque()
        self._failure = verdicts.temporary(f"the session with {peer} is over", verdicts.BROKEN_SESSION)

    # ------------------------------------------------------------ what it is about

    @property
    @abstractmethod
    def phase(self) -> Phase:
        """What is waited for."""

    @abstractmethod
    def _take_answer(self, command: Command, reply: ReceivedReply) -> None:
        """Go on after *reply*, the answer to *command*, which means something there."""

    @abstractmethod
    def _tell_failure(self, verdict: Verdict) -> None:
        """Tell whoever has no verdict yet that the session has ended with this one."""

    # ------------------------------------------------------------ for the shell

    @property
    def is_securing(self) -> bool:
        """Whether TLS begins, before anything else is said: what comes is for `secured` or `securing_failed`."""
        return self.phase is Phase.TLS

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is said or heard."""
        return self.state is State.CLOSED

    def data_to_send(self) -> bytes:
        """Return what is to be sent now; it is forgotten here."""
        octets = b"".join(self._outgoing)
        self._outgoing.clear()
        return octets

    @property
    def has_event(self) -> bool:
        """Whether anything has happened that `next_event` tells of."""
        return bool(self._events)

    def next_event(self) -> Event | None:
        """Return what has happened, if anything has."""
        return self._events.popleft() if self._events else None

    def receive_data(self, octets: bytes) -> None:
        """Take what the server has sent."""
        if self.is_closed:
            return
        self._parser.receive_data(octets)
        try:
            while self.state is not State.CLOSED and (reply := self._parser.next_reply()) is not None:
                self._take(reply)
        except ReplyError as error:
            self._fail(verdicts.malformed(error, self._peer, self.phase))

    def connection_lost(self, reason: str) -> None:
        """Take note that the connection has ended."""
        if self.is_securing:
            self.securing_failed(f"the connection was lost ({reason})")
        self._fail(verdicts.lost(self._peer, self.phase, reason))

    def timed_out(self, seconds: float) -> None:
        """Give the server up: it did nothing for *seconds*."""
        if self.is_securing:
            self.securing_failed(f"no answer within {seconds:g} seconds")
        self._fail(verdicts.silent(self._peer, self.phase, seconds))

    def securing_failed(self, reason: str) -> None:
        """End the session: there is no TLS, for *reason*."""
        self.has_failed_securing = self.is_securing
        self._fail(verdicts.unsecured(self._peer, reason))

    def abandon(self, verdict: Verdict) -> None:
        """Break the session off for a reason of our own; a message that is being sent is never completed."""
        self._fail(verdict)

    # ------------------------------------------------------------ answers

    def _take(self, reply: ReceivedReply) -> None:
        """Take the answer to the oldest command."""
        phase = self.phase
        following = self._following(phase, reply)
        if phase is Phase.QUIT:
            self.state = State.CLOSED
        elif reply.code == _SERVICE_NOT_AVAILABLE:
            # RFC 5321 §3.8: it may come at any time, and the server closes the connection.
            self._fail(verdicts.of_answer(reply, self._peer, phase))
        elif following is None:
            self._fail(verdicts.unexpected(reply, self._peer, phase))
        else:
            self.state = following
            self.answered += 1
            self._last_answered = phase
            self._take_answer(self._awaited.popleft(), reply)

    def _following(self, phase: Phase, reply: ReceivedReply) -> State | None:
        """Return the state after *reply*; None if it cannot be answered so."""
        if not self._awaited or not is_due(phase, reply.code):
            return None
        if reply.is_positive:
            return ACCEPTED.get((self.state, phase))
        return REFUSED.get((self.state, phase), self.state)

    # ------------------------------------------------------------ commands

    def _write(self, command: Command) -> None:
        if self._awaited or self._is_quiet():
            self._outgoing.append(command.line)
            self._awaited.append(command)

    def _await_handshake(self) -> None:
        """Let TLS begin; what the server has said before would be taken for something said over TLS."""
        if self._is_quiet():
            self._awaited.append(_HANDSHAKE)

    def _is_quiet(self) -> bool:
        """End the session if the server has said more than it was asked: that would answer the next command."""
        if not self._parser.is_empty:
            self._fail(verdicts.early(self._peer, self._last_answered))
        return self._parser.is_empty

    def _fail(self, verdict: Verdict) -> None:
        """End the session; *verdict* is for whoever has none yet."""
        if self.is_closed:
            return
        self.state = State.CLOSED
        self._failure = verdict
        self._awaited.clear()
        self._tell_failure(verdict)
