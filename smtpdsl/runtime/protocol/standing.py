"""How a client stands: what it has shown and used up, and what it may ask for therefore.

    MAIL on a listener that demands TLS, before TLS       530 5.7.0
    RCPT for the recipient after the last                 452 4.5.3
    AUTH for a client that is known already               503 5.5.1

What may follow what is said by the transition table, and is looked at before.
"""

from __future__ import annotations

from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import (
    Auth,
    Command,
    Data,
    Ehlo,
    EndOfContent,
    Helo,
    Mail,
    Question,
    Rcpt,
    StartTls,
    Vrfy,
    XClient,
)
from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.protocol.offer import Offer, extension_lines
from smtpdsl.runtime.protocol.xclient import ATTRIBUTES


class Standing:
    """What a session remembers of its client; one for each session."""

    __slots__ = (
        "_commands",
        "_limits",
        "_mails",
        "_mechanisms",
        "_offer",
        "errors",
        "is_authenticated",
        "is_binary",
        "is_esmtp",
        "is_secure",
        "is_trusted",
        "may_tell_secrets",
        "recipients",
    )

    def __init__(self, limits: Limits, offer: Offer) -> None:
        """Know nothing."""
        self._limits = limits
        self._offer = offer
        self._mechanisms: tuple[str, ...] = ()
        self._commands = 0
        self._mails = 0
        self.recipients = 0
        self.errors = 0
        self.is_authenticated = False
        self.is_esmtp = False
        self.is_secure = False
        # What MAIL has said of its message.
        self.is_binary = False
        # May say who its client is.
        self.is_trusted = False
        # Has tried AUTH, and may say more of it where nobody has asked.
        self.may_tell_secrets = False

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What AUTH would be taken with now; nothing once a client has authenticated (RFC 4954 §4)."""
        return () if self.is_authenticated else self._mechanisms

    @property
    def extensions(self) -> tuple[str, ...]:
        """What the reply to EHLO has after its first line."""
        lines = extension_lines(self._offer, self._limits, self.mechanisms, is_secure=self.is_secure)
        return (*lines, f"XCLIENT {' '.join(ATTRIBUTES)}") if self.is_trusted else lines

    def secured(self) -> None:
        """Forget what was said before TLS came up (RFC 3207 §4.2); what was used up stays so."""
        self.is_secure = True
        self.is_authenticated = False
        self.is_esmtp = False

    def offer_mechanisms(self, mechanisms: tuple[str, ...]) -> None:
        """Let the client say AUTH with *mechanisms*."""
        self._mechanisms = mechanisms

    def authenticated(self) -> None:
        """Take note that the client is known."""
        self.is_authenticated = True
        self.may_tell_secrets = False

    def note(self, question: Question) -> None:
        """Remember what was said yes to."""
        kind = type(question)
        if kind is Rcpt:
            self.recipients += 1
            self._commands -= 1
        elif kind is Mail:
            self.recipients = 0
        elif kind is EndOfContent:
            self._mails += 1
            self._commands = 0
        elif kind is Ehlo or kind is Helo:
            self.is_esmtp = kind is Ehlo
        elif isinstance(question, XClient):
            self.is_esmtp = False
            self.is_authenticated = question.login is not None

    def check(self, command: type[Command]) -> None:
        """Raise `RemoteProtocolError` if the client may not ask for *command*, whatever its argument."""
        self._commands += 1
        if self._commands > self._limits.max_commands:
            raise RemoteProtocolError(own_replies.TOO_MANY_COMMANDS, closes=True)
        if command is Rcpt:
            if self.recipients >= self._limits.max_recipients:
                raise RemoteProtocolError(own_replies.TOO_MANY_RECIPIENTS)
        elif command is Mail:
            self._check_demands()
            if self._mails >= self._limits.max_mails:
                raise RemoteProtocolError(own_replies.TOO_MANY_MAILS)
        elif command is Data:
            if self.is_binary:
                raise RemoteProtocolError(own_replies.NEEDS_CHUNKS)
        elif command is Vrfy:
            self._check_demands()
        elif command is StartTls:
            self._check_starttls()
        elif command is Auth:
            self._check_auth()

    def _check_demands(self) -> None:
        if self._offer.needs_tls and not self.is_secure:
            raise RemoteProtocolError(own_replies.NEEDS_TLS)
        if self._offer.needs_auth and not self.is_authenticated:
            raise RemoteProtocolError(own_replies.NEEDS_AUTH)

    def _check_starttls(self) -> None:
        if self.is_secure:
            raise RemoteProtocolError(own_replies.ALREADY_SECURE)
        if not self._offer.starttls:
            raise RemoteProtocolError(own_replies.NOT_OFFERED)

    def _check_auth(self) -> None:
        self.may_tell_secrets = True
        if self.is_authenticated:
            raise RemoteProtocolError(own_replies.ALREADY_AUTHENTICATED)
        if not self.is_secure and self._offer.needs_tls:
            raise RemoteProtocolError(own_replies.NEEDS_TLS)
        if not self.is_secure and (self._offer.auth or self._offer.needs_auth):
            raise RemoteProtocolError(own_replies.NEEDS_TLS_FOR_AUTH)
        if not self._mechanisms:
            raise RemoteProtocolError(own_replies.NOT_OFFERED)
