"""One session of the server: the order of things; `server` is what the outside sees of it.

    octets ─▶ InputBuffer ─▶ CommandReader ─▶ a question ─▶ answered ─▶ TRANSITIONS ─▶ the next state
                        └──▶ Reception ─────▶ mail data

Invariant: one question at a time, and nothing is looked at before it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.commands import Dialect
from smtpdsl.runtime.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpdsl.runtime.protocol.events import (
    Asked,
    AuthResponse,
    Bdat,
    Connected,
    ContentReceived,
    Data,
    EndOfContent,
    Event,
    Mail,
    Question,
    Refused,
)
from smtpdsl.runtime.protocol.exchange import MAX_EXCHANGE_OCTETS, read_response
from smtpdsl.runtime.protocol.input_buffer import InputBuffer
from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.protocol.offer import NOTHING_SPECIAL, Offer
from smtpdsl.runtime.protocol.reader import CommandReader
from smtpdsl.runtime.protocol.reception import Reception
from smtpdsl.runtime.protocol.rendering import MAX_LINE_OCTETS, render
from smtpdsl.runtime.protocol.states import (
    AUTHENTICATED,
    CHALLENGE,
    REFUSALS,
    SERVICE_NOT_AVAILABLE,
    TRANSITIONS,
    State,
    Step,
    answers,
    is_positive,
    next_state,
)

# What is heard in these states is not even kept.
_DEAF = frozenset({State.SECURING, State.CLOSED})
# In these it is something else than a command, or may be.
_SPECIAL = frozenset({State.AUTH, State.CHUNK, State.CHUNKS})
# In these a message has begun that comes in chunks.
_IN_CHUNKS = frozenset({State.CHUNK, State.CHUNKS})
# In these there is mail data to come.
_RECEIVING = frozenset({State.DATA, State.CHUNK})
# These are asked for with each command: members of enumerations take long to find.
_DATA, _CHUNKS = State.DATA, State.CHUNKS

Asking = TypeVar("Asking", bound=Asked)


class ServerSession:
    """One session with one client, from the greeting to the end.

    Attributes:
        state: Where the session is; only what happens here changes that.
    """

    def __init__(self, limits: Limits, offer: Offer = NOTHING_SPECIAL, *, default_domain: str) -> None:
        """Wait for the greeting.

        Args:
            limits: How much the client may ask for.
            offer: What the listener can honour, and what it demands.
            default_domain: The name of the server, which completes addresses without a domain.
        """
        self._limits = limits
        self._is_lmtp = offer.lmtp
        self._reader = CommandReader(limits, offer, default_domain)
        self._standing = self._reader.standing
        self._reception = Reception(limits.max_message_octets, tolerates_bare_lf=offer.tolerates_bare_lf)
        self.state = State.CONNECTED
        self._unanswered: Question | None = Connected()
        self._input = InputBuffer(limits.max_command_octets, tolerates_bare_lf=offer.tolerates_bare_lf)
        self._output: list[bytes] = []

    # ------------------------------------------------------------ what is known

    @property
    def is_closed(self) -> bool:
        """Whether the connection ends once `data_to_send` is written."""
        return self.state is State.CLOSED

    @property
    def is_waiting(self) -> bool:
        """Whether something waits for `reply`, or for `greet`."""
        return self._unanswered is not None

    @property
    def is_receiving(self) -> bool:
        """Whether what comes next is no command but mail data, or a chunk that nobody wants."""
        return self.state in _RECEIVING or self._reception.held is not None

    @property
    def is_esmtp(self) -> bool:
        """Whether the client said EHLO, and not HELO."""
        return self._standing.is_esmtp

    @property
    def is_secure(self) -> bool:
        """Whether TLS is up."""
        return self._standing.is_secure

    @property
    def is_authenticated(self) -> bool:
        """Whether AUTH has succeeded."""
        return self._standing.is_authenticated

    @property
    def buffered_octets(self) -> int:
        """How many octets were received and not looked at yet; before the greeting, what an impatient client sent."""
        return self._input.length

    @property
    def held_octets(self) -> int:
        """How many octets of a message were looked at and not handed out yet."""
        return self._reception.held_octets if self.state in _IN_CHUNKS else 0

    @property
    def extensions(self) -> tuple[str, ...]:
        """The lines that the reply to EHLO has after its first: what can be honoured now."""
        return self._standing.extensions

    @property
    def dialect(self) -> Dialect:
        """What the argument of the next command is read by."""
        return self._reader.dialect

    @property
    def last_command(self) -> str:
        """The last command line, without what a client may have said of its password; not made printable."""
        return self._reader.last_command

    # ------------------------------------------------------------ what the shell does

    def greet(self, reply: Reply) -> None:
        """Answer the connection: 220, or a refusal, after which the client may only say QUIT (or 421, and it is over).

        Raises:
            LocalProtocolError: The client has been greeted already.
        """
        if not isinstance(self._unanswered, Connected):
            message = "a session is greeted once"
            raise LocalProtocolError(message)
        self.reply(reply)

    def secured(self, mechanisms: tuple[str, ...] = ()) -> None:
        """Take note that TLS is up: before `greet`, or after the answer to STARTTLS.

        Everything that was heard before is forgotten (RFC 3207 §4.2), so that nobody who
        could write into the connection until now has said anything in it.

        Args:
            mechanisms: What AUTH is offered with, in capitals; without any it is not offered.

        Raises:
            LocalProtocolError: At another time.
        """
        if self.state is State.SECURING:
            self._enter(TRANSITIONS[self.state, Step.SECURED])
        elif self.is_secure or not isinstance(self._unanswered, Connected):
            message = "TLS comes up before the greeting, or after STARTTLS"
            raise LocalProtocolError(message)
        self._input.clear()
        self._reader.secured()
        self.offer_mechanisms(mechanisms)

    def offer_mechanisms(self, mechanisms: tuple[str, ...]) -> None:
        """Offer AUTH with *mechanisms*, in capitals; without any it is not offered."""
        self._reader.offer_mechanisms(mechanisms)
        if mechanisms:
            self._input.max_line_octets = max(self._limits.max_command_octets, MAX_EXCHANGE_OCTETS)

    def trust(self, *, is_trusted: bool) -> None:
        """Let the client say for whom it speaks (XCLIENT), or not any more; before it is greeted."""
        self._reader.trust(is_trusted=is_trusted)

    def receive_data(self, octets: bytes) -> None:
        """Take what the client has sent; after the end of the session it is ignored, and so it is before TLS is up."""
        if self.state not in _DEAF:
            self._input.append(octets)

    def next_event(self) -> Event | None:
        """Return what happens next; None until there are more octets, or the last event is answered, or for good."""
        if self._unanswered is not None:
            return None
        state = self.state
        if state is _DATA:
            return self._next_of_content()
        if self._reception.held is not None or state in _SPECIAL:
            return self._next_of_special()
        return self._next_of_commands() if self._input.length else None

    def reply(self, reply: Reply) -> None:
        """Answer the last event; if that is positive, what it asked for has happened.

        Raises:
            LocalProtocolError: Nothing waits for an answer, or not for this one.
        """
        question = self._unanswered
        if question is None:
            message = "nothing waits for a reply"
            raise LocalProtocolError(message)
        if not answers(question, reply):
            message = f"{reply.code} is no reply to {type(question).__name__}"
            raise LocalProtocolError(message)
        if type(question) is Bdat:
            self._reply_to_chunk(question, reply)
            return
        # A challenge that is cut would be another one.
        octets = render(reply, MAX_EXCHANGE_OCTETS if reply.code == CHALLENGE else MAX_LINE_OCTETS)
        if self._is_lmtp and type(question) is EndOfContent:
            octets *= self._replies_due(is_last=not self._reception.ended_early)
        self._output.append(octets)
        self._conclude(question, reply)

    def reply_each(self, replies: Sequence[Reply]) -> None:
        """Answer the end of a message for each recipient, in the order in which they were accepted (RFC 2033 §4.2).

        Raises:
            LocalProtocolError: That is not what is asked, or there are more or fewer recipients.
        """
        question = self._unanswered
        due = self._replies_due(is_last=not self._reception.ended_early)
        if not self._is_lmtp or type(question) is not EndOfContent or len(replies) != due:
            message = "one reply for each recipient is for the end of a message in LMTP"
            raise LocalProtocolError(message)
        if not all(answers(question, reply) for reply in replies):
            message = "a message with a problem is accepted for nobody"
            raise LocalProtocolError(message)
        self._output += map(render, replies)
        self._conclude(question, min(replies, key=_weight))

    def refuse(self, reply: Reply) -> None:
        """End the session with *reply*, such as 421, whatever it was doing; while TLS comes up nothing can be said."""
        if self.state is State.CLOSED:
            return
        if self.state is not State.SECURING:
            self._output.append(render(reply))
        self._enter(State.CLOSED)

    def data_to_send(self) -> bytes:
        """Return everything that is to be written, once."""
        octets = b"".join(self._output)
        self._output.clear()
        return octets

    # ------------------------------------------------------------ commands

    def _next_of_commands(self) -> Event | None:
        line = self._input.next_line()
        if line is None:
            return None
        try:
            return self._ask(self._reader.read(line, self.state))
        except RemoteProtocolError as error:
            return self._refuse_command(error)

    def _refuse_command(self, error: RemoteProtocolError) -> Refused | None:
        """Tell the client what it did wrong; after too many errors it is heard no more."""
        self._reader.take_care()
        reply, closes = error.reply, error.closes
        if error.skipped is not None:
            # No error is counted: it was sent ahead, behind a chunk that was refused.
            self._reception.swallow(error.skipped, Refused(self.last_command, reply))
            return self._next_of_unwanted()
        # RFC 5321 §4.5.3.1.10: more than the limit is no mistake of the client.
        self._standing.errors += reply.is_permanent
        if not closes and self._standing.errors >= self._limits.max_errors:
            reply, closes = own_replies.TOO_MANY_ERRORS, True
        self._output.append(render(reply))
        if closes:
            self._enter(State.CLOSED)
        elif error.step is not None:
            self._enter(TRANSITIONS[self.state, error.step])
        return Refused(self.last_command, reply)

    # ------------------------------------------------------------ what is no command

    def _next_of_special(self) -> Event | None:
        if self._reception.held is not None:
            event = self._next_of_unwanted()
            return event if event is not None or self._reception.held is not None else self._next_of_commands()
        return self._next_of_exchange() if self.state is State.AUTH else self._next_of_chunks()

    def _next_of_exchange(self) -> AuthResponse | Refused | None:
        line = self._input.next_line()
        if line is None:
            return None
        try:
            return self._ask(read_response(line))
        except RemoteProtocolError as error:
            self._enter(REFUSALS[self.state, AuthResponse])
            return self._refuse_command(error)

    def _next_of_content(self) -> Event | None:
        event = self._reception.content(self._input)
        return self._ask(event) if type(event) is EndOfContent else event

    def _next_of_chunks(self) -> Event | None:
        """Go through chunks and the commands between them, until there is something to tell."""
        while True:
            if self.state is State.CHUNK:
                found = self._reception.chunk(self._input)
                if type(found) is EndOfContent:
                    return self._ask(found)
                if type(found) is not Bdat:
                    return found
                self._output.append(render(own_replies.chunk_received(found.octets)))
                self._enter(TRANSITIONS[self.state, Step.CHUNK_ENDED])
                if not found.octets:
                    # Whoever counts what a client does has to see that there was something.
                    return ContentReceived(b"")
            event = self._next_of_commands()
            if type(event) is not Bdat:
                return event
            # What was said to the first chunk holds for the others.
            self._unanswered = None
            self._reception.go_on(event)
            self._enter(TRANSITIONS[self.state, Bdat])

    def _next_of_unwanted(self) -> Refused | None:
        """Forget octets that nobody wants; at their end, say so."""
        held = self._reception.unwanted(self._input)
        if held is not None:
            self._output.append(render(held.reply) if isinstance(held, Refused) else held)
        return held if isinstance(held, Refused) else None

    # ------------------------------------------------------------ answers

    def _ask(self, question: Asking) -> Asking:
        self._unanswered = question
        return question

    def _conclude(self, question: Question, reply: Reply) -> None:
        """Let happen what *reply* to *question* means."""
        self._unanswered = None
        if is_positive(reply):
            self._note(question, reply)
        self._enter(next_state(self.state, question, reply))

    def _replies_due(self, *, is_last: bool) -> int:
        """How often the end of a message is answered; a chunk that is not the last one is answered once."""
        return self._standing.recipients if self._is_lmtp and is_last else 1

    def _reply_to_chunk(self, chunk: Bdat, reply: Reply) -> None:
        """Begin a message with *chunk*, or swallow it and say no then."""
        self._unanswered = None
        self._enter(next_state(self.state, chunk, reply))
        if is_positive(reply):
            self._reception.begin(chunk, is_binary=self._standing.is_binary)
        elif self.state is State.CLOSED:
            self._output.append(render(reply))
        else:
            self._reception.swallow(chunk.octets, render(reply) * self._replies_due(is_last=chunk.is_last))

    def _note(self, question: Question, reply: Reply) -> None:
        """Remember what a positive reply to *question* means."""
        self._standing.note(question)
        if type(question) is Mail:
            self._reader.begin_transaction(question)
        elif type(question) is Data:
            self._reception.begin_data(is_bare=self._reader.line.is_bare)
        elif reply.code == AUTHENTICATED:
            self._standing.authenticated()
            self._input.max_line_octets = self._limits.max_command_octets

    def _enter(self, state: State) -> None:
        if self.state is _CHUNKS and state not in _IN_CHUNKS:
            self._reception.forget()
        self.state = state
        if state in _DEAF:
            self._unanswered = self._reception.held = None
            self._input.clear()


def _weight(reply: Reply) -> int:
    """Return how little *reply* to one recipient says of the session: 421 ends it, and one acceptance is enough."""
    if reply.code == SERVICE_NOT_AVAILABLE:
        return 0
    return 1 if is_positive(reply) else 2
