"""A small site behind the protocol core: it knows some names, keeps what it accepts, and stores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import (
    ContentReceived,
    Data,
    Ehlo,
    EndOfContent,
    Event,
    Helo,
    Help,
    Limits,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Refused,
    Rset,
    ServerSession,
    Vrfy,
)

SERVER_NAME = "mx.test"
LOCAL_DOMAINS = frozenset({"local.test", "kiosk.test", SERVER_NAME})
LOCAL_PARTS = frozenset({"alice", "bob", "o'brien", "root", "postmaster", "bounces-forever"})
LIMITS = Limits(max_message_octets=1024 * 1024, max_recipients=100)

_GREETING = Reply(code=220, lines=(f"{SERVER_NAME} ESMTP",))
_OK = Reply(code=250, enhanced_status="2.0.0", lines=("Ok",))
_GO_AHEAD = Reply(code=354, lines=("End data with a dot on a line by itself",))
_STRANGER = Reply(code=550, lines=("Invalid recipient",))
_CANNOT_VERIFY = Reply(code=252, lines=("Cannot verify",))
_HELP = Reply(code=214, lines=("There is none",))
_BYE = Reply(code=221, enhanced_status="2.0.0", lines=("Bye",))


class Message(NamedTuple):
    """What the site has accepted."""

    reverse_path: ReversePath
    recipients: tuple[Mailbox, ...]
    content: bytes


class Site:
    """One session, and the policy behind it."""

    def __init__(self, limits: Limits = LIMITS, extensions: tuple[str, ...] | None = None) -> None:
        """Greet a client."""
        known = {} if extensions is None else {"extensions": extensions}
        self.session = ServerSession(limits, **known, default_domain=SERVER_NAME)
        self.messages: list[Message] = []
        self.events: list[Event] = []
        self.sent = b""
        self._reverse_path = ReversePath()
        self._recipients: list[Mailbox] = []
        self._content: list[bytes] = []
        self.session.greet(_GREETING)

    def hear(self, pieces: Iterable[bytes]) -> bytes:
        """Take *pieces* one after the other, and return what was answered to all of them."""
        answers = [self._answer()]
        for piece in pieces:
            self.session.receive_data(piece)
            answers.append(self._answer())
        return b"".join(answers)

    def _answer(self) -> bytes:
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
            reply = self._judge(event)
            assert self.session.is_waiting is (reply is not None)
            if reply is not None:
                self.session.reply(reply)
        octets = self.session.data_to_send()
        self.sent += octets
        return octets

    def _judge(self, event: Event) -> Reply | None:
        match event:
            case Ehlo():
                return Reply(code=250, lines=(f"{SERVER_NAME} Hello {event.domain}", *self.session.extensions))
            case Helo():
                return Reply(code=250, lines=(f"{SERVER_NAME} Hello {event.domain}",))
            case Mail():
                self._reverse_path, self._recipients = event.reverse_path, []
                return _OK
            case Rcpt():
                return self._judge_recipient(event.mailbox)
            case Data():
                self._content = []
                return _GO_AHEAD
            case ContentReceived():
                self._content.append(event.octets)
                return None
            case EndOfContent():
                return event.problem or self._keep(event)
            case Quit():
                return _BYE
            case Vrfy():
                return _CANNOT_VERIFY
            case Help():
                return _HELP
            case Rset() | Noop():
                return _OK
            case Refused():
                return None

    def _judge_recipient(self, mailbox: Mailbox) -> Reply:
        if mailbox.domain.lower() not in LOCAL_DOMAINS or mailbox.local_part.lower() not in LOCAL_PARTS:
            return _STRANGER
        self._recipients.append(mailbox)
        return _OK

    def _keep(self, event: EndOfContent) -> Reply:
        content = b"".join(self._content)
        assert event.size == len(content)
        self.messages.append(Message(self._reverse_path, tuple(self._recipients), content))
        return _OK
