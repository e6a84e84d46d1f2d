r"""The sending side of a session: transactions and octets in, octets and verdicts out.

    core.begin(transaction)                        b"MAIL FROM:<a@b.example>\r\n"
    core.receive_data(b"250 ok\r\n")               b"RCPT TO:<c@d.example>\r\n"
    ...                                            ContentWanted(), later Finished(verdicts)

Nothing that a server sends makes the core raise: whatever is no answer to what was asked
ends the session, and the recipients that nothing is known of are to be tried again.

What is said is planned by `client_opening` and then by `client_transfer`; when it is said, is
decided here, and `client_dialogue` keeps answers and commands together.
"""

from __future__ import annotations

from smtpdsl.runtime.protocol.client_commands import EVERYBODY, QUIT, Command, Transaction
from smtpdsl.runtime.protocol.client_dialogue import Dialogue
from smtpdsl.runtime.protocol.client_events import ContentWanted, Event, Failed, Finished, Ready
from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_login import EndPoint, no_end_point
from smtpdsl.runtime.protocol.client_opening import Opening, Security, Terms
from smtpdsl.runtime.protocol.client_states import ACCEPTED, GROUPED, Phase, State
from smtpdsl.runtime.protocol.client_steps import Moment, Step
from smtpdsl.runtime.protocol.client_transfer import Transfer, no_transfer
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.replies import ReceivedReply

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

_DEFAULT_TERMS = Terms()


class ClientSession(Dialogue):
    """One session with one server, for any number of transactions one after the other."""

    def __init__(self, peer: str, helo_name: str, server_name: str, terms: Terms = _DEFAULT_TERMS) -> None:
        """Wait for the greeting, or for TLS before it.

        Args:
            peer: How messages call the server.
            helo_name: What EHLO says, printable ASCII without blanks.
            server_name: The name of this server; a peer that has it too would send the message back.
            terms: How the session is secured, who logs in, and whether it is one of LMTP.
        """
        super().__init__(peer, begins_with_tls=terms.security is Security.IMMEDIATE)
        # Whether the session has ended because of the login.
        self.has_failed_login = False
        self._opening = Opening(peer, helo_name, server_name, terms)
        self._opens_with = self._opening.phases
        self._was_ready = False
        # The last one; it is under way until everybody's verdict is told.
        self._transfer = no_transfer(self._opening)
        self._content: bytes | None = None
        self._is_under_way = False
        self._answered_before = 0

    # ------------------------------------------------------------ for the shell

    @property
    def phase(self) -> Phase:
        """What is waited for."""
        if self._awaited:
            return self._awaited[0].phase
        return Phase.CONTENT if self._transfer.is_wanted else Phase.IDLE

    @property
    def wants_content(self) -> bool:
        """Whether more of the message is to be sent; not where everybody has been refused it meanwhile."""
        return self._transfer.is_wanted

    @property
    def has_sent_content(self) -> bool:
        """Whether the server may have something of the last message: it was sent, and was not left without any answer.

        Who says nothing at all to MAIL had closed the connection before.
        """
        return self._transfer.has_begun and self.answered > self._answered_before

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

    def secured(self, end_point: EndPoint = no_end_point) -> None:
        """Go on: the handshake is over, and whatever comes was said over TLS; logins may be bound to *end_point*."""
        assert self.is_securing, "it was asked for"
        self.state = ACCEPTED[self.state, self._awaited.popleft().phase]
        self.answered += 1
        command = self._opening.secured(end_point)
        if command is not None:
            self._write(command)

    # ------------------------------------------------------------ what a client can do

    def begin(self, transaction: Transaction, content: bytes | None = None) -> None:
        """Offer a message; the answer is `Finished`, and `ContentWanted` before it if somebody is to get it.

        Where all of the *content* is at hand it is sent as soon as it is wanted, and nobody is asked for it.
        """
        assert not self._is_under_way, "one transaction after the other"
        assert not self._awaited, "the server was ready once"
        self._transfer = transfer = Transfer(transaction, self._opening, is_fresh=self.state is State.READY)
        self._content = content
        self._is_under_way = True
        self._answered_before = self.answered
        if self.is_closed:
            transfer.break_off()
            self._finish(self._failure)
            return
        self._go_on()
        if self._awaited and transfer.is_early:
            self._want_content()

    def send_content(self, block: bytes) -> None:
        """Send a piece of the message, its lines ended by LF; does nothing where none is wanted any more."""
        transfer = self._transfer
        if not transfer.is_wanted:
            return
        octets = transfer.piece(block)
        if not transfer.is_chunked:
            self._outgoing.append(octets)
        elif octets:
            self._write(Command(Phase.CHUNK, octets))

    def end_content(self) -> None:
        """Say that the message is complete; does nothing where none is wanted any more."""
        transfer = self._transfer
        if not transfer.is_wanted:
            return
        octets = transfer.last_piece()
        if transfer.is_chunked:
            self._write(Command(Phase.LAST, octets))
            return
        # RFC 2033 §4.2: LMTP answers for each recipient that it accepted, in their order.
        first, *others = transfer.accepted if self._opening.is_lmtp else [EVERYBODY]
        self._write(Command(Phase.END, octets, first))
        self._awaited.extend(Command(Phase.END, b"", each) for each in others if not self.is_closed)

    def quit(self) -> None:
        """Say good-bye, if it can be said."""
        if self.phase is Phase.IDLE and not self.is_closed:
            self._write(QUIT)
        else:
            self.state = State.CLOSED

    # ------------------------------------------------------------ how it goes on

    def _take_answer(self, command: Command, reply: ReceivedReply) -> None:
        if command.phase in self._opens_with:
            step: Step | None = self._opening.answer(command.phase, reply)
            self.has_failed_login = command.phase is Phase.AUTH and isinstance(step, Verdict)
        else:
            step = self._transfer.answer(command, reply)
        if step is not None:
            self._do(step)
        self._go_on()

    def _do(self, step: Step) -> None:
        if isinstance(step, Command):
            self._write(step)
        elif isinstance(step, Verdict):
            self._fail(step)
        elif step is Moment.SECURING:
            self._await_handshake()
        elif step is Moment.READY:
            self._was_ready = True
            self._events.append(Ready(self.extensions))
        elif self._is_quiet():
            self._want_content()

    def _go_on(self) -> None:
        """Write what may be written, and finish what is finished."""
        transfer = self._transfer
        planned = transfer.planned
        while planned and (not self._awaited or self._may_be_sent_behind(self._awaited[-1].phase)):
            self._write(planned.popleft())
        if self._awaited or not self._is_under_way or transfer.is_wanted:
            return
        if transfer.has_begun or not transfer.accepted or transfer.is_decided:
            assert transfer.is_decided, "every recipient was answered for"
            self._finish(self._failure)
        else:
            # The recipients were waited for: the message is long, and there are chunks.
            self._want_content()

    def _may_be_sent_behind(self, phase: Phase) -> bool:
        """Whether another command may be sent before that of *phase* is answered."""
        return phase in GROUPED and self.extensions.offers("PIPELINING")

    def _want_content(self) -> None:
        self._transfer.is_wanted = True
        content, self._content = self._content, None
        if content is None:
            self._events.append(ContentWanted())
        else:
            self.send_content(content)
            self.end_content()

    def _tell_failure(self, verdict: Verdict) -> None:
        self._transfer.break_off()
        if self._is_under_way:
            self._finish(verdict)
        elif not self._was_ready:
            self._events.append(Failed(verdict))

    def _finish(self, verdict: Verdict) -> None:
        self._is_under_way = False
        self._content = None
        self._events.append(Finished(self._transfer.results(verdict)))
