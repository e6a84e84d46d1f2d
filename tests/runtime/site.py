"""A small site behind the protocol core: it knows some names, keeps what it accepts, and stores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import (
    Auth,
    AuthResponse,
    Bdat,
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
    Offer,
    Quit,
    Rcpt,
    Refused,
    Rset,
    ServerSession,
    StartTls,
    Vrfy,
    XClient,
    challenge,
)

SERVER_NAME = "mx.test"
LOCAL_DOMAINS = frozenset({"local.test", "kiosk.test", SERVER_NAME})
# Whoever has logged in may send there.
REMOTE_DOMAIN = "remote.test"
LOCAL_PARTS = frozenset({"alice", "bob", "o'brien", "root", "postmaster", "bounces-forever"})
LIMITS = Limits(max_message_octets=1024 * 1024, max_recipients=100)
LOGIN = ("alice@local.test", "s3cret pass")
MECHANISMS = ("PLAIN", "LOGIN")
PLAIN_OFFER = Offer()

_GREETING = Reply(code=220, lines=(f"{SERVER_NAME} ESMTP",))
_OK = Reply(code=250, enhanced_status="2.0.0", lines=("Ok",))
_GO_AHEAD = Reply(code=354, lines=("End data with a dot on a line by itself",))
_START_TLS = Reply(code=220, enhanced_status="2.0.0", lines=("Go ahead",))
_KNOWN = Reply(code=235, enhanced_status="2.7.0", lines=("Welcome",))
_UNKNOWN = Reply(code=535, enhanced_status="5.7.8", lines=("Authentication failed",))
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

    def __init__(self, limits: Limits = LIMITS, offer: Offer = PLAIN_OFFER) -> None:
        """Greet a client."""
        self.session = ServerSession(limits, offer, default_domain=SERVER_NAME)
        self.messages: list[Message] = []
        self.events: list[Event] = []
        self.sent = b""
        self._reverse_path = ReversePath()
        self._recipients: list[Mailbox] = []
        self._content: list[bytes] = []
        self._user: bytes | None = None
        self.session.greet(_GREETING)

    def hear(self, pieces: Iterable[bytes]) -> bytes:
        """Take *pieces* one after the other, and return what was answered to all of them."""
        answers = [self._answer()]
        for piece in pieces:
            self.session.receive_data(piece)
            answers.append(self._answer())
        return b"".join(answers)

    def secure(self) -> None:
        """Bring TLS up, after the answer to STARTTLS."""
        self.session.secured(MECHANISMS)

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
            case StartTls() | XClient():
                return _START_TLS
            case Auth() | AuthResponse():
                return self._judge_login(event)
            case Mail():
                self._reverse_path, self._recipients = event.reverse_path, []
                return _OK
            case Rcpt():
                return self._judge_recipient(event.mailbox)
            case Data() | Bdat():
                self._content = []
                return _GO_AHEAD if isinstance(event, Data) else _OK
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
                self._user = None
                return None

    def _judge_recipient(self, mailbox: Mailbox) -> Reply:
        is_local = mailbox.domain.lower() in LOCAL_DOMAINS and mailbox.local_part.lower() in LOCAL_PARTS
        if not is_local and not (self.session.is_authenticated and mailbox.domain == REMOTE_DOMAIN):
            return _STRANGER
        self._recipients.append(mailbox)
        return _OK

    def _judge_login(self, event: Auth | AuthResponse) -> Reply:
        """Play PLAIN and LOGIN, without looking twice at what a client says."""
        said = event.initial if isinstance(event, Auth) else event.octets
        if isinstance(event, Auth):
            self._user = None if event.mechanism == "PLAIN" else b""
        if said is None:
            return Reply(code=334, lines=(challenge(b"" if self._user is None else b"Username:"),))
        if self._user == b"":
            self._user = said or b"?"
            return Reply(code=334, lines=(challenge(b"Password:"),))
        found = said.split(b"\0")[1:] if self._user is None else [self._user, said]
        self._user = None
        return _KNOWN if found == [part.encode() for part in LOGIN] else _UNKNOWN

    def _keep(self, event: EndOfContent) -> Reply:
        content = b"".join(self._content)
        assert event.size == len(content)
        self.messages.append(Message(self._reverse_path, tuple(self._recipients), content))
        return _OK
