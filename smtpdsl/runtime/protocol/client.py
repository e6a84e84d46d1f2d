r"""The sending side of a session: transactions and octets in, octets and verdicts out.

    core.begin(transaction)                        b"MAIL FROM:<a@b.example>\r\n"
    core.receive_data(b"250 ok\r\n")               b"RCPT TO:<c@d.example>\r\n"
    ...                                            ContentWanted(), later Finished(verdicts)

Nothing that a server sends makes the core raise: whatever is no answer to what was asked
ends the session, and the recipients that nothing is known of are to be tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.client_commands import (
    EVERYBODY,
    QUIT,
    RSET,
    Command,
    Transaction,
    commands,
    paths_of,
    refusals,
)
from smtpdsl.runtime.protocol.client_events import ContentWanted, Event, Failed, Finished, Ready
from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_login import EndPoint, no_end_point
from smtpdsl.runtime.protocol.client_message import Message, no_message
from smtpdsl.runtime.protocol.client_opening import Moment, Opening, Security, Terms
from smtpdsl.runtime.protocol.client_states import (
    ACCEPTED,
    GROUPED,
    REFUSED,
    Phase,
    State,
    is_due,
    is_unknown_command,
)
from smtpdsl.runtime.protocol.client_verdicts import Verdict
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
        self._peer = peer
        self._is_lmtp = terms.is_lmtp
        self._opening = Opening(peer, helo_name, server_name, terms)
        self._parser = ReplyParser()
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
        # The last one; it is under way until everybody's verdict is told.
        self._message = no_message()
        self._content: bytes | None = None
        self._is_under_way = False
        self._answered_before = 0
        self._handlers: dict[Phase, Callable[[Command, ReceivedReply], None]] = {
            **dict.fromkeys(self._opening.phases, self._on_opening),
            Phase.RSET: self._on_rset,
            Phase.MAIL: self._on_mail,
            Phase.RCPT: self._on_rcpt,
            Phase.DATA: self._on_data,
            Phase.END: self._on_end,
            Phase.CHUNK: self._on_chunk,
            Phase.LAST: self._on_chunk,
        }

    # ------------------------------------------------------------ for the shell

    @property
    def phase(self) -> Phase:
        """What is waited for."""
        if self._awaited:
            return self._awaited[0].phase
        return Phase.CONTENT if self._message.is_wanted else Phase.IDLE

    @property
    def wants_content(self) -> bool:
        """Whether more of the message is to be sent; not where everybody has been refused it meanwhile."""
        return self._message.is_wanted

    @property
    def has_sent_content(self) -> bool:
        """Whether the server may have something of the last message: it was sent, and was not left without any answer.

        Who says nothing at all to MAIL had closed the connection before.
        """
        return self._message.has_begun and self.answered > self._answered_before

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._opening.extensions

    @property
    def is_ready(self) -> bool:
        """Whether the server takes messages, or has taken some and ended the session then."""
        return self._was_ready

    @property
    def lacks_tls(self) -> bool:
        """Whether the session has ended because TLS is demanded, and the server does not offer it, or refuses it."""
        return self._opening.lacks_tls

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

    def secured(self, end_point: EndPoint = no_end_point) -> None:
        """Go on: the handshake is over, and whatever comes was said over TLS; logins may be bound to *end_point*."""
        assert self.is_securing, "it was asked for"
        self.state = ACCEPTED[self.state, self._awaited.popleft().phase]
        self.answered += 1
        command = self._opening.secured(end_point)
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

    def begin(self, transaction: Transaction, content: bytes | None = None) -> None:
        """Offer a message; the answer is `Finished`, and `ContentWanted` before it if somebody is to get it.

        Where all of the *content* is at hand it is sent as soon as it is wanted, and nobody is asked for it.
        """
        assert not self._is_under_way, "one transaction after the other"
        assert not self._awaited, "the server was ready once"
        extensions = self.extensions
        paths = paths_of(transaction)
        refused = refusals(transaction, paths, extensions, self._peer, is_verified=self._opening.is_verified)
        self._message = message = Message(transaction, extensions, refused)
        self._content = content
        self._is_under_way = True
        self._answered_before = self.answered
        if self.is_closed:
            self._finish(self._failure)
            return
        if not message.is_decided:
            self._planned.extend([] if self.state is State.READY else [RSET])
            self._planned.extend(commands(transaction, paths, extensions, refused))
        self._go_on()
        if self._awaited and message.is_early:
            self._want_content()

    def send_content(self, block: bytes) -> None:
        """Send a piece of the message, its lines ended by LF; does nothing where none is wanted any more."""
        if not self._message.is_wanted:
            return
        octets = self._message.piece(block)
        if not self._message.is_chunked:
            self._outgoing.append(octets)
        elif octets:
            self._write(Command(Phase.CHUNK, octets))

    def end_content(self) -> None:
        """Say that the message is complete; does nothing where none is wanted any more."""
        message = self._message
        if not message.is_wanted:
            return
        octets = message.last_piece()
        if message.is_chunked:
            self._write(Command(Phase.LAST, octets))
            return
        # RFC 2033 §4.2: LMTP answers for each recipient that it accepted, in their order.
        first, *others = message.accepted if self._is_lmtp else [EVERYBODY]
        self._write(Command(Phase.END, octets, first))
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
            self._message.resolve_all(verdicts.of_answer(reply, self._peer, Phase.MAIL))

    def _on_rcpt(self, command: Command, reply: ReceivedReply) -> None:
        if reply.is_positive:
            self._message.accepted.append(command.recipient)
        else:
            self._message.resolve([command.recipient], verdicts.of_answer(reply, self._peer, Phase.RCPT))
        if not self._message.accepted and len(self._planned) == 1:
            # All that is left is DATA, and there is nobody to send the message to.
            self._planned.clear()

    def _on_data(self, _: Command, reply: ReceivedReply) -> None:
        if not reply.is_positive:
            self._message.resolve(self._message.accepted, verdicts.of_answer(reply, self._peer, Phase.DATA))
        elif self.state is State.NOBODY and self._is_lmtp:
            # RFC 2033 §4.2 has 503 for that, and no answer for a message to nobody.
            self._fail(verdicts.unexpected(reply, self._peer, Phase.DATA))
        elif self.state is State.NOBODY:
            # RFC 2920 §3.1: the server has to be told that the message it waits for is over.
            self._write(Command(Phase.END, b".\r\n"))
        elif self._is_quiet():
            self._want_content()

    def _on_chunk(self, command: Command, reply: ReceivedReply) -> None:
        """Take the answer to a part of the message; a refusal is one of the whole."""
        if self._message.accepted and is_unknown_command(reply):
            # It offers CHUNKING and does not know BDAT, so what it says now is about lines of the message.
            self._opening.has_broken_chunk()
            self._fail(verdicts.for_now(verdicts.of_answer(reply, self._peer, command.phase)))
        elif not reply.is_positive or command.phase is Phase.LAST:
            self._message.resolve(self._message.accepted, verdicts.of_answer(reply, self._peer, command.phase))

    def _on_end(self, command: Command, reply: ReceivedReply) -> None:
        whose = self._message.accepted if command.recipient == EVERYBODY else [command.recipient]
        self._message.resolve(whose, verdicts.of_answer(reply, self._peer, Phase.END))

    # ------------------------------------------------------------ commands

    def _go_on(self) -> None:
        """Write what may be written, and finish what is finished."""
        while self._planned and (not self._awaited or self._may_be_sent_behind(self._awaited[-1].phase)):
            self._write(self._planned.popleft())
        message = self._message
        if self._awaited or not self._is_under_way or message.is_wanted:
            return
        if message.has_begun or not message.accepted or message.is_decided:
            assert message.is_decided, "every recipient was answered for"
            self._finish(self._failure)
        else:
            # The recipients were waited for: the message is long, and there are chunks.
            self._want_content()

    def _may_be_sent_behind(self, phase: Phase) -> bool:
        """Whether another command may be sent before that of *phase* is answered."""
        return phase in GROUPED and self.extensions.offers("PIPELINING")

    def _want_content(self) -> None:
        self._message.is_wanted = True
        content, self._content = self._content, None
        if content is None:
            self._events.append(ContentWanted())
        else:
            self.send_content(content)
            self.end_content()

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

    def _fail(self, verdict: Verdict) -> None:
        """End the session; *verdict* is for whoever has none yet."""
        if self.is_closed:
            return
        self.state = State.CLOSED
        self._failure = verdict
        self._message.is_wanted = False
        self._awaited.clear()
        self._planned.clear()
        if self._is_under_way:
            self._finish(verdict)
        elif not self._was_ready:
            self._events.append(Failed(verdict))

    def _finish(self, verdict: Verdict) -> None:
        self._is_under_way = False
        self._content = None
        self._events.append(Finished(self._message.results(verdict)))
