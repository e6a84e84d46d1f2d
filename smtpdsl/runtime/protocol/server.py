"""The server's side of an SMTP session, without I/O (RFC 5321 §4).

    octets ──receive_data──▶ ┌──────┐ ──next_event──▶ Mail, Rcpt, ContentReceived …
                             │ core │
    octets ◀──data_to_send── └──────┘ ◀─────reply──── what the policy says

    session = ServerSession(limits, default_domain="mx.example")
    session.greet(Reply(code=220, lines=("mx.example ESMTP",)))
    session.receive_data(octets)
    while (event := session.next_event()) is not None:
        ...                                     # session.reply(reply), if `session.is_waiting`
    transport.write(session.data_to_send())

How the octets were split on their way makes no difference, and none of them raises.
"""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.commands import COMMANDS, HTTP_METHODS, NOT_OFFERED, Dialect, line_for_log, split_line
from smtpdsl.runtime.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpdsl.runtime.protocol.events import (
    Command,
    Connected,
    ContentReceived,
    Data,
    Ehlo,
    EndOfContent,
    Event,
    Helo,
    Help,
    Mail,
    MailParameters,
    Noop,
    Question,
    Quit,
    Rcpt,
    RcptParameters,
    Refused,
    Rset,
    Vrfy,
)
from smtpdsl.runtime.protocol.input_buffer import CommandLine, InputBuffer
from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.protocol.mail_data import MailData
from smtpdsl.runtime.protocol.rendering import render
from smtpdsl.runtime.protocol.states import TRANSITIONS, State, answers, is_positive, next_state

__all__ = [
    "EXTENSIONS",
    "Command",
    "Connected",
    "ContentReceived",
    "Data",
    "Ehlo",
    "EndOfContent",
    "Event",
    "Helo",
    "Help",
    "Limits",
    "LocalProtocolError",
    "Mail",
    "MailParameters",
    "Noop",
    "Quit",
    "Rcpt",
    "RcptParameters",
    "Refused",
    "Rset",
    "ServerSession",
    "State",
    "Vrfy",
]

# What EHLO offers; HELP stands last, as OpenSMTPD has it.
EXTENSIONS = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE", "HELP")

# Mail data is worked through in pieces of this size: the allocator keeps such memory at hand, larger ones cost twice.
_PIECE_OCTETS = 64 * 1024


class ServerSession:
    """One session with one client, from the greeting to the end."""

    def __init__(self, limits: Limits, extensions: tuple[str, ...] = EXTENSIONS, *, default_domain: str) -> None:
        """Wait for the greeting.

        Args:
            limits: How much the client may ask for.
            extensions: The keywords that EHLO is to offer; SIZE gets its number from *limits*.
            default_domain: The name of the server, which completes addresses without a domain.
        """
        self._limits = limits
        self._extensions = extensions
        self._dialect = Dialect(default_domain, frozenset(extensions), limits.max_message_octets)
        self._state = State.CONNECTED
        self._unanswered: Question | None = Connected()
        self._input = InputBuffer(limits.max_command_octets)
        self._output: list[bytes] = []
        self._content = MailData(limits.max_message_octets)
        self._last_line = b""
        self._is_esmtp = False
        self._recipients = 0
        self._mails = 0
        self._errors = 0

    # ------------------------------------------------------------ what is known

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether the connection ends once `data_to_send` is written."""
        return self._state is State.CLOSED

    @property
    def is_waiting(self) -> bool:
        """Whether something waits for `reply`, or for `greet`."""
        return self._unanswered is not None

    @property
    def is_esmtp(self) -> bool:
        """Whether the client said EHLO, and not HELO."""
        return self._is_esmtp

    @property
    def buffered_octets(self) -> int:
        """How many octets were received and not looked at yet; before the greeting, what an impatient client sent."""
        return len(self._input)

    @property
    def extensions(self) -> tuple[str, ...]:
        """The lines that the reply to EHLO has after its first."""
        size = f"SIZE {self._limits.max_message_octets}"
        return tuple(size if keyword == "SIZE" else keyword for keyword in self._extensions)

    @property
    def last_command(self) -> str:
        """The last command line, without what a client may have said of its password; not made printable."""
        return line_for_log(self._last_line)

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

    def receive_data(self, octets: bytes) -> None:
        """Take what the client has sent; after the end of the session it is ignored."""
        if self._state is not State.CLOSED:
            self._input.append(octets)

    def next_event(self) -> Event | None:
        """Return what happens next; None until there are more octets, or the last event is answered, or for good."""
        if self._unanswered is not None or self._state is State.CLOSED:
            return None
        if self._state is State.DATA:
            return self._next_of_content()
        return self._next_of_commands() if len(self._input) else None

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
        self._unanswered = None
        self._output.append(render(reply))
        if is_positive(reply):
            self._note(question)
        self._enter(next_state(self._state, question, reply))

    def refuse(self, reply: Reply) -> None:
        """End the session with *reply*, such as 421, whatever it was doing."""
        if self._state is not State.CLOSED:
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
        self._last_line = line.octets
        try:
            return self._ask(self._read(line))
        except RemoteProtocolError as error:
            return self._refuse_command(error)

    def _read(self, line: CommandLine) -> Command:
        word, argument = split_line(line.octets)
        if word in HTTP_METHODS:
            raise RemoteProtocolError(own_replies.HTTP, closes=True)
        if line.problem is not None:
            raise RemoteProtocolError(line.problem, closes=line.closes)
        verb = COMMANDS.get(word)
        if verb is None:
            raise self._unknown(word)
        if (self._state, verb.command) not in TRANSITIONS:
            raise RemoteProtocolError(own_replies.wrong_time(self._state, verb.command))
        self._check_counts(verb.command)
        return verb.read(argument, self._dialect)

    def _unknown(self, word: bytes) -> RemoteProtocolError:
        if not word or not word.isascii():
            return RemoteProtocolError(own_replies.NO_COMMAND)
        if word not in NOT_OFFERED:
            return RemoteProtocolError(own_replies.UNKNOWN_COMMAND)
        # RFC 3207 §4: STARTTLS is no command of a transaction, offered or not.
        if word == b"STARTTLS" and self._state in {State.MAIL, State.RCPT}:
            return RemoteProtocolError(own_replies.IN_TRANSACTION)
        # RFC 3030 §2: what follows BDAT is no command but a message, whatever we answer.
        return RemoteProtocolError(own_replies.NOT_OFFERED, closes=word == b"BDAT")

    def _check_counts(self, command: type[Command]) -> None:
        if command is Mail and self._mails >= self._limits.max_mails:
            raise RemoteProtocolError(own_replies.TOO_MANY_MAILS)
        if command is Rcpt and self._recipients >= self._limits.max_recipients:
            raise RemoteProtocolError(own_replies.TOO_MANY_RECIPIENTS)

    def _refuse_command(self, error: RemoteProtocolError) -> Refused:
        """Tell the client what it did wrong; after too many errors it is heard no more."""
        reply, closes = error.reply, error.closes
        # RFC 5321 §4.5.3.1.10: more than the limit is no mistake of the client.
        self._errors += reply.is_permanent
        if not closes and self._errors >= self._limits.max_errors:
            reply, closes = own_replies.TOO_MANY_ERRORS, True
        self._output.append(render(reply))
        if closes:
            self._enter(State.CLOSED)
        return Refused(self.last_command, reply)

    # ------------------------------------------------------------ mail data

    def _next_of_content(self) -> Event | None:
        content = self._content
        while len(self._input) and not content.is_complete:
            piece = self._input.peek(_PIECE_OCTETS)
            octets, used = content.receive(piece)
            self._input.discard(used)
            if octets:
                return ContentReceived(octets)
        return self._ask(EndOfContent(content.size, content.problem)) if content.is_complete else None

    # ------------------------------------------------------------ answers

    def _ask(self, question: Command | EndOfContent) -> Command | EndOfContent:
        self._unanswered = question
        return question

    def _note(self, question: Question) -> None:
        """Remember what a positive reply to *question* means for the counts and the mail data."""
        match question:
            case Helo() | Ehlo():
                self._is_esmtp = isinstance(question, Ehlo)
            case Mail():
                self._recipients = 0
            case Rcpt():
                self._recipients += 1
            case Data():
                self._content = MailData(self._limits.max_message_octets)
            case EndOfContent():
                self._mails += 1

    def _enter(self, state: State) -> None:
        self._state = state
        if state is State.CLOSED:
            self._unanswered = None
            self._input.clear()
