r"""The sending side of a session: transactions and octets in, octets and verdicts out.

    core.begin(transaction)                        b"MAIL FROM:<a@b.example>\r\n"
    core.receive_data(b"250 ok\r\n")               b"RCPT TO:<c@d.example>\r\n"
    ...                                            ContentWanted(), later Finished(verdicts)

Nothing that a server sends makes the core raise: whatever is no answer to what was asked
ends the session, and the recipients that nothing is known of are to be tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.client_commands import EVERYBODY, QUIT, RSET, Command, Transaction, commands, refusals
from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_opening import Moment, Opening, Security, Terms
from smtpdsl.runtime.protocol.client_states import ACCEPTED, GROUPED, REFUSED, Phase, State, is_due
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.dot_stuffing import DotStuffer
from smtpdsl.runtime.protocol.replies import ReceivedReply, ReplyError, ReplyParser

__all__ = [
    "ClientSession",
    "ContentWanted",
    "Event",
    "Failed",
    "Finished",
    "Phase",
    "Ready",
    "Security",
    "Terms",
    "Transaction",
    "Verdict",
]

_SERVICE_NOT_AVAILABLE = 421
_DEFAULT_TERMS = Terms()
_HANDSHAKE = Command(Phase.TLS, b"")


class Ready(NamedTuple):
    """The server takes transactions now, and knows these extensions."""

    extensions: Extensions


class ContentWanted(NamedTuple):
    """The server waits for the message, for so many recipients: `send_content`, then `end_content`."""

    recipients: int


class Finished(NamedTuple):
    """The transaction is over; one verdict for each of its recipients, in their order."""

    verdicts: tuple[Verdict, ...]


class Failed(NamedTuple):
    """The session ended before it was ready."""

    verdict: Verdict


Event: TypeAlias = Ready | ContentWanted | Finished | Failed


class ClientSession:
    """One session with one server, for any number of transactions one after the other."""

    def __init__(self, peer: str, helo_name: str, server_name: str, terms: Terms = _DEFAULT_TERMS) -> None:
        """Wait for the greeting, or for TLS before it.

        Args:
            peer: How messages call the server.
            helo_name: What EHLO says, printable ASCII without blanks.
            server_name: The name of this server; a peer that has it too would send the message back.
            terms: How the session is secured, who logs in, and whether it is one of LMTP.
        """
        self.state = State.CONNECTED
        self.answered = 0
        # Whether the session has ended because there was no TLS to be had, or because of the login.
        self.has_failed_securing = False
        self.has_failed_login = False
        # Whether something of the last message was sent: without it no server can have it.
        self.has_sent_content = False
        self._peer = peer
        self._is_lmtp = terms.is_lmtp
        self._opening = Opening(peer, helo_name, server_name, terms)
        self._parser = ReplyParser()
        self._stuffer = DotStuffer()
        self._outgoing: list[bytes] = []
        # Invariant: commands are answered in their order, so the first of these is what the next reply answers.
        self._awaited = deque([Command(Phase.GREETING, b"")])
        if terms.security is Security.IMMEDIATE:
            self._awaited.appendleft(_HANDSHAKE)
        self._planned: deque[Command] = deque()
        self._last_answered = Phase.GREETING
        self._was_ready = False
        self._events: deque[Event] = deque()
        self._failure = verdicts.temporary(f"the session with {peer} is over", verdicts.BROKEN_SESSION)
        self._transaction: Transaction | None = None
        self._verdicts: list[Verdict | None] = []
        self._accepted: list[int] = []
        self._handlers: dict[Phase, Callable[[Command, ReceivedReply], None]] = {
            **dict.fromkeys(self._opening.phases, self._on_opening),
            Phase.RSET: self._on_rset,
            Phase.MAIL: self._on_mail,
            Phase.RCPT: self._on_rcpt,
            Phase.DATA: self._on_data,
            Phase.END: self._on_end,
        }

    # ------------------------------------------------------------ for the shell

    @property
    def phase(self) -> Phase:
        """What is waited for."""
        if self._awaited:
            return self._awaited[0].phase
        return Phase.CONTENT if self.state is State.DATA else Phase.IDLE

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._opening.extensions

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

    def next_event(self) -> Event | None:
        """Return what has happened, if anything has."""
        return self._events.popleft() if self._events else None

    def receive_data(self, octets: bytes) -> None:
        """Take what the server has sent."""
        if self.is_closed:
            return
        self._parser.receive_data(octets)
        try:
            while not self.is_closed and (reply := self._parser.next_reply()) is not None:
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

    def secured(self) -> None:
        """Go on: the handshake is over, and whatever comes was said over TLS."""
        assert self.is_securing, "it was asked for"
        self.state = ACCEPTED[self.state, self._awaited.popleft().phase]
        self.answered += 1
        command = self._opening.secured()
        if command is not None:
            self._write(command)

    def securing_failed(self, reason: str) -> None:
        """End the session: there is no TLS, for *reason*."""
        self.has_failed_securing = self.is_securing
        self._fail(verdicts.unsecured(self._peer, reason))

    def abandon(self, verdict: Verdict) -> None:
        """Break the session off for a reason of our own; a message that is being sent is never completed."""
        self._fail(verdict)

    # ------------------------------------------------------------ what a client can do

    def begin(self, transaction: Transaction) -> None:
        """Offer a message; the answer is `Finished`, and `ContentWanted` before it if somebody is to get it."""
        assert self._transaction is None, "one transaction after the other"
        assert not self._awaited, "the server was ready once"
        self._transaction = transaction
        self.has_sent_content = False
        self._accepted = []
        self._stuffer = DotStuffer()
        self._verdicts = refusals(transaction, self.extensions, self._peer)
        if self.is_closed:
            self._finish(self._failure)
            return
        if None in self._verdicts:
            self._planned.extend([] if self.state is State.READY else [RSET])
            self._planned.extend(commands(transaction, self.extensions, self._verdicts))
        self._go_on()

    def send_content(self, block: bytes) -> None:
        """Send a piece of the message, its lines ended by LF; does nothing once the session is over."""
        if self.phase is Phase.CONTENT:
            self.has_sent_content = True
            self._outgoing.append(self._stuffer.encode(block))

    def end_content(self) -> None:
        """Say that the message is complete; does nothing once the session is over."""
        if self.phase is Phase.CONTENT:
            self.has_sent_content = True
            # RFC 2033 §4.2: LMTP answers for each recipient that it accepted, in their order.
            first, *others = self._accepted if self._is_lmtp else [EVERYBODY]
            self._write(Command(Phase.END, self._stuffer.end(), first))
            self._awaited.extend(Command(Phase.END, b"", each) for each in others if not self.is_closed)

    def quit(self) -> None:
        """Say good-bye, if it can be said."""
        if self.phase is Phase.IDLE and not self.is_closed:
            self._write(QUIT)
        else:
            self.state = State.CLOSED

    # ------------------------------------------------------------ replies

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
            self._handlers[phase](self._awaited.popleft(), reply)
            self._go_on()

    def _following(self, phase: Phase, reply: ReceivedReply) -> State | None:
        """Return the state after *reply*; None if it cannot be answered so."""
        if not self._awaited or not is_due(phase, reply.code):
            return None
        if reply.is_positive:
            return ACCEPTED.get((self.state, phase))
        return REFUSED.get((self.state, phase), self.state)

    def _on_opening(self, command: Command, reply: ReceivedReply) -> None:
        step = self._opening.answer(command.phase, reply)
        if isinstance(step, Command):
            self._write(step)
        elif isinstance(step, Verdict):
            self.has_failed_login = command.phase is Phase.AUTH
            self._fail(step)
        elif step is Moment.READY:
            self._was_ready = True
            self._events.append(Ready(self.extensions))
        elif self._is_quiet():
            self._awaited.append(_HANDSHAKE)

    def _on_rset(self, _: Command, reply: ReceivedReply) -> None:
        if not reply.is_positive:
            self._fail(verdicts.for_now(verdicts.of_answer(reply, self._peer, Phase.RSET)))

    def _on_mail(self, _: Command, reply: ReceivedReply) -> None:
        if not reply.is_positive:
            self._planned.clear()
            self._resolve(range(len(self._verdicts)), verdicts.of_answer(reply, self._peer, Phase.MAIL))

    def _on_rcpt(self, command: Command, reply: ReceivedReply) -> None:
        if reply.is_positive:
            self._accepted.append(command.recipient)
        else:
            self._resolve([command.recipient], verdicts.of_answer(reply, self._peer, Phase.RCPT))
        if not self._accepted and len(self._planned) == 1:
            # All that is left is DATA, and there is nobody to send the message to.
            self._planned.clear()

    def _on_data(self, _: Command, reply: ReceivedReply) -> None:
        if not reply.is_positive:
            self._resolve(self._accepted, verdicts.of_answer(reply, self._peer, Phase.DATA))
        elif self.state is State.NOBODY and self._is_lmtp:
            # RFC 2033 §4.2 has 503 for that, and no answer for a message to nobody.
            self._fail(verdicts.unexpected(reply, self._peer, Phase.DATA))
        elif self.state is State.NOBODY:
            # RFC 2920 §3.1: the server has to be told that the message it waits for is over.
            self._write(Command(Phase.END, b".\r\n"))
        elif self._is_quiet():
            self._events.append(ContentWanted(len(self._accepted)))

    def _on_end(self, command: Command, reply: ReceivedReply) -> None:
        whose = self._accepted if command.recipient == EVERYBODY else [command.recipient]
        self._resolve(whose, verdicts.of_answer(reply, self._peer, Phase.END))

    # ------------------------------------------------------------ commands

    def _go_on(self) -> None:
        """Write what may be written, and finish what is finished."""
        is_pipelined = self.extensions.offers("PIPELINING")
        while self._planned and (not self._awaited or (is_pipelined and self._awaited[-1].phase in GROUPED)):
            self._write(self._planned.popleft())
        if self._transaction is not None and not self._awaited and self.state is not State.DATA:
            assert None not in self._verdicts, "every recipient was answered for"
            self._finish(self._failure)

    def _write(self, command: Command) -> None:
        if self._awaited or self._is_quiet():
            self._outgoing.append(command.line)
            self._awaited.append(command)

    def _is_quiet(self) -> bool:
        """End the session if the server has said more than it was asked: that would answer the next command."""
        if not self._parser.is_empty:
            self._fail(verdicts.early(self._peer, self._last_answered))
        return self._parser.is_empty

    # ------------------------------------------------------------ ends

    def _resolve(self, recipients: Iterable[int], verdict: Verdict) -> None:
        """Give *verdict* to those of *recipients* that have none."""
        for index in recipients:
            self._verdicts[index] = self._verdicts[index] or verdict

    def _fail(self, verdict: Verdict) -> None:
        """End the session; *verdict* is for whoever has none yet."""
        if self.is_closed:
            return
        self.state = State.CLOSED
        self._failure = verdict
        self._awaited.clear()
        self._planned.clear()
        if self._transaction is not None:
            self._finish(verdict)
        elif not self._was_ready:
            self._events.append(Failed(verdict))

    def _finish(self, verdict: Verdict) -> None:
        self._transaction = None
        self._events.append(Finished(tuple(each or verdict for each in self._verdicts)))
