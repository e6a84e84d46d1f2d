"""What filter programs are told of one session, in the order in which it happens.

    link-connect  link-greeting  link-identify  tx-begin  tx-mail  tx-envelope  tx-rcpt  tx-data  tx-commit  tx-reset

Nothing is told before ``link-connect``: TLS may be up before anybody knows the name of the client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.protocol.requests import login_fields, path_fields
from smtpdsl.runtime.filters.rulings import Junk, Refuse, Rewrite, Ruling
from smtpdsl.runtime.filters.told_session import ProgramSession
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number, message_hex
from smtpdsl.runtime.transaction import Transaction

# How the phases are called in a response, where that is something else.
_PHASES = {Hook.CONNECT: "connected", Hook.STARTTLS: "tls"}
_CONFIRMED = {True: "pass", False: "fail", None: "error"}
# A reply with a larger first digit is a refusal.
_MOST_POSITIVE = 3


class Connection(NamedTuple):
    """Who the client is: its *name* and whether that leads back to it, its address and that of the listener."""

    name: str | None
    is_confirmed: bool | None
    source: str
    dest: str


class Reporter:
    """Tells the programs of one session.

    Attributes:
        transaction: Returns the transaction that is open.
    """

    def __init__(self, server_name: str) -> None:
        """Tell nobody yet that the client has come to *server_name*."""
        self._server_name = server_name
        self.transaction: Callable[[], Transaction | None] = lambda: None
        self._sessions: Sequence[ProgramSession] = ()
        # What happened before `begin`.
        self._early: list[tuple[str, tuple[str, ...]]] | None = []
        self._message = ""
        self._size = 0
        self._envelopes = 0

    # ------------------------------------------------------------ the connection

    def begin(self, sessions: Sequence[ProgramSession], connection: Connection) -> None:
        """Tell *sessions* that a client is there."""
        self._sessions = sessions
        early, self._early = self._early or [], None
        name, is_confirmed, source, dest = connection
        self.tell("link-connect", name or "<unknown>", _CONFIRMED[is_confirmed], source, dest)
        for event, fields in early:
            self.tell(event, *fields)

    def tell(self, event: str, *fields: str) -> None:
        """Tell *event* to those who want to hear of it."""
        if self._early is not None:
            self._early.append((event, fields))
            return
        for each in self._sessions:
            if each.wants(event):
                each.report(event, *fields)

    def end(self, *, is_timeout: bool = False) -> None:
        """Tell that the client is gone, and let the programs forget it."""
        if self._early is None:
            if is_timeout:
                self.tell("timeout")
            self._roll_back()
            self.tell("link-disconnect")
        for each in self._sessions:
            each.leave()
        self._sessions, self._early = (), []

    def logged_in(self, login: str, result: str) -> None:
        """Tell how an attempt to log in ended: ``pass``, ``fail`` or ``error``."""
        for each in self._sessions:
            if each.wants("link-auth"):
                each.report("link-auth", *login_fields(each.program.version, login, result))

    # ------------------------------------------------------------ what filters say

    def filter_reported(self, kind: str, name: str, text: str) -> None:
        """Tell what a filter reports."""
        self.tell("filter-report", kind, name, text)

    def filters_ruled(self, hook: Hook, ruling: Ruling) -> None:
        """Tell what all of them together have decided."""
        decision = _decision(ruling)
        if hook is Hook.AUTH and isinstance(ruling, Rewrite):
            # The argument of AUTH is a password.
            decision = ("rewrite", "********")
        self.tell("filter-response", _PHASES.get(hook, hook.value), *decision)

    # ------------------------------------------------------------ replies

    def replying(self, question: core.Connected | core.Event | None, reply: Reply) -> None:
        """Tell what comes before *reply* to *question*."""
        if not _is_positive(reply):
            return
        if isinstance(question, core.Helo | core.Ehlo):
            self._roll_back()
            self.tell("link-identify", "HELO" if isinstance(question, core.Helo) else "EHLO", question.domain)
        elif isinstance(question, core.Rcpt):
            self._tell_envelopes()

    def _tell_envelopes(self) -> None:
        """Tell what the recipient means, unless another one has meant the same."""
        transaction = self.transaction()
        if transaction is None or not self._message:
            return
        count = len(transaction.envelopes)
        for position in range(self._envelopes + 1, count + 1):
            number = envelope_number(transaction.message_id, position)
            self.tell("tx-envelope", self._message, envelope_hex(number))
        self._envelopes = count

    def replied(self, question: core.Connected | core.Event | None, reply: Reply) -> None:
        """Tell what *reply* to *question* means."""
        match question:
            case core.Connected() | core.XClient() if _is_positive(reply):
                self.tell("link-greeting", self._server_name)
            case core.Mail():
                self._replied_to_mail(question, reply)
            case core.Rcpt() if self._message:
                self._tell_path("tx-rcpt", str(question.forward_path), reply)
            case core.Data() | core.Bdat() if self._message:
                self.tell("tx-data", self._message, _result(reply))
                # RFC 3030 §2: a message whose first chunk is refused is none.
                if isinstance(question, core.Bdat) and not _is_positive(reply):
                    self._roll_back()
            case core.EndOfContent() if self._message:
                self._replied_to_message(reply)
            case core.Rset() if _is_positive(reply):
                self._roll_back()

    def _replied_to_mail(self, question: core.Mail, reply: Reply) -> None:
        transaction = self.transaction()
        if _is_positive(reply) and transaction is not None:
            self._roll_back()
            self._message, self._envelopes = message_hex(transaction.message_id), 0
            self.tell("tx-begin", self._message)
        if self._message:
            self._tell_path("tx-mail", str(question.reverse_path), reply)

    def stored(self, size: int) -> None:
        """Take note that the message of *size* octets is ours, which the client is told next."""
        self._size = size

    def _replied_to_message(self, reply: Reply) -> None:
        if not _is_positive(reply):
            self.tell("tx-data", self._message, _result(reply))
            self._roll_back()
            return
        self.tell("tx-commit", self._message, str(self._size))
        self.tell("tx-reset", self._message)
        self._message = ""

    def _roll_back(self) -> None:
        if self._message:
            self.tell("tx-rollback", self._message)
            self.tell("tx-reset", self._message)
            self._message = ""

    def _tell_path(self, event: str, path: str, reply: Reply) -> None:
        address, result = path.removeprefix("<").removesuffix(">"), _result(reply)
        for each in self._sessions:
            if each.wants(event):
                each.report(event, *path_fields(each.program.version, self._message, address, result))


def _is_positive(reply: Reply) -> bool:
    return reply.code // 100 <= _MOST_POSITIVE


def _result(reply: Reply) -> str:
    if _is_positive(reply):
        return "ok"
    return "tempfail" if reply.is_temporary else "permfail"


def _decision(ruling: Ruling) -> tuple[str, ...]:
    match ruling:
        case Junk():
            return ("junk",)
        case Rewrite():
            return ("rewrite", ruling.text)
        case Refuse():
            return ("disconnect" if ruling.closes else "reject", str(ruling.reply).replace("\r\n", " "))
    return ("proceed",)
