"""The transactions of a session, one after the other: from MAIL to the queue (RFC 5321 §3.3).

Mail ─▶ begin      Rcpt ─▶ add ─▶ the policy      Data, Bdat ─▶ begin_content

ContentReceived ─▶ write      EndOfContent ─▶ end_content ─▶ store ─▶ 250: from here on the message is ours
"""

from __future__ import annotations

import asyncio

from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, StorageError, StorageFullError
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.priorities import accepted, granted
from smtpdsl.runtime.net.reception import Beginnings
from smtpdsl.runtime.net.replier import Replier
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.visitor import Visitor
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.policy import Accepted, Judgement, Refused
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.senders import SENDER_REJECTED, SENDER_UNKNOWN
from smtpdsl.runtime.transaction import Transaction

# A tuple: a union of types would be made anew for each recipient.
_JUDGED = (Accepted, Refused)


class Transactions:
    """The transactions of one session.

    Attributes:
        open: The one that is under way; None between two.
    """

    __slots__ = (
        "_beginnings",
        "_has_left",
        "_is_storing",
        "_log",
        "_replier",
        "_service",
        "_session",
        "_shared",
        "_visitor",
        "open",
    )

    def __init__(
        self, service: Service, session: core.ServerSession, visitor: Visitor, replier: Replier, log: SessionLog
    ) -> None:
        """Have none yet."""
        self._service, self._shared = service, service.shared
        self._session = session
        self._visitor = visitor
        self._replier = replier
        self._log = log
        self._beginnings = Beginnings(service, visitor)
        self.open: Transaction | None = None
        self._is_storing = self._has_left = False

    @property
    def held_octets(self) -> int:
        """How much of a message is in memory."""
        return self.open.held_octets + self._session.held_octets if self.open is not None else 0

    def end(self) -> None:
        """Forget the one that is open, if any is."""
        if self.open is not None:
            self.open.discard()
            self.open = None

    def leave(self) -> None:
        """Forget it, for the client is gone; a message that is being stored just now, is stored."""
        self._has_left = True
        if not self._is_storing:
            self.end()

    # ------------------------------------------------------------ the envelope

    def begin(self, event: core.Mail) -> Waiting | None:
        """Begin one, if the client may be this sender."""
        client = self._visitor.client
        senders = self._service.listener.senders
        if senders is None or not client.is_authenticated:
            self._begin(event)
            return None
        found = self._shared.policy.may_send_as(senders, client.login or "", event.reverse_path)
        if isinstance(found, Answer):
            self._begin_as(event, senders, found)
            return None
        return Waiting(found, lambda done: self._begin_as(event, senders, done.result()))

    def _begin_as(self, event: core.Mail, senders: Table, answer: Answer) -> None:
        """Begin one, if *senders* says yes about the sender."""
        if self._has_left:
            return
        if answer is Answer.YES:
            self._begin(event)
            return
        is_known = answer is Answer.NO
        why = f"{senders.shown} has no such sender for this login" if is_known else f"{senders.shown} cannot tell now"
        self._replier.refuse(SENDER_REJECTED if is_known else SENDER_UNKNOWN, {"why": why})

    def _begin(self, event: core.Mail) -> None:
        client = self._visitor.client
        parameters = granted(event.parameters, client)
        try:
            self.open = Transaction(event.reverse_path, parameters, self._shared.intake)
        except StorageError as error:
            self._refuse_for(error)
            return
        self._replier.reply(accepted(event.parameters, parameters) or replies.OK)

    def add(self, event: core.Rcpt) -> Waiting | None:
        """Add a recipient, if the policy takes it."""
        reverse_path = self._current().reverse_path
        judgement = self._shared.policy.judge(self._visitor.client, reverse_path, event.mailbox)
        if isinstance(judgement, _JUDGED):
            self._judged(event, judgement)
            return None
        return Waiting(judgement, lambda done: self._judged(event, done.result()))

    def _judged(self, event: core.Rcpt, judgement: Judgement) -> None:
        if self.open is None:
            # The client has left while it waited.
            return
        if isinstance(judgement, Accepted):
            self.open.add(event.mailbox, event.parameters, judgement.envelopes)
            self._replier.reply(replies.RECIPIENT_OK)
        else:
            self._replier.refuse(judgement.reply, {"rule": judgement.rule, "why": judgement.why})

    # ------------------------------------------------------------ the mail data

    def begin_content(self, event: core.Data | core.Bdat, *, is_junk: bool) -> None:
        """Begin the mail data; filters may have said that the message *is_junk*."""
        self._beginnings.begin(self._current(), is_esmtp=self._session.is_esmtp, is_junk=is_junk)
        self._replier.reply(replies.GO_AHEAD if isinstance(event, core.Data) else replies.OK)

    def write(self, event: core.ContentReceived) -> Waiting | None:
        """Take the next piece of the mail data."""
        waiting = self._current().write(event.octets)
        return None if waiting is None else Waiting(waiting, _look_at_result)

    def end_content(self, event: core.EndOfContent) -> InlineContent | ContentWriter | None:
        """End the mail data and return it; None if the message had to be refused."""
        transaction = self._current()
        content = transaction.end(is_whole=event.problem is None)
        if content is None:
            self.open = None
            problem = event.problem or transaction.problem
            assert problem is not None, "a message is refused for a reason"
            self._replier.refuse(problem, {})
        return content

    def store(self, content: InlineContent | ContentWriter) -> Waiting:
        """Hand the message over to the queue."""
        submission = self._current().submission(self._visitor.client, self._shared.clock(), content)
        self._is_storing = True
        return Waiting(self._shared.intake.enqueue(submission), self._stored)

    def _stored(self, done: asyncio.Future[None]) -> None:
        """Tell the client: only now is the message ours."""
        transaction = self._current()
        self.open, self._is_storing = None, False
        try:
            done.result()
        except StorageError as error:
            self._refuse_for(error)
        else:
            self._log.accepted(transaction, self._service.spoken(is_esmtp=self._session.is_esmtp))
            text = f"{transaction.identifier} Message accepted for delivery"
            self._replier.reply(Reply(code=250, enhanced_status="2.0.0", lines=(text,)))

    def _refuse_for(self, error: StorageError) -> None:
        full = isinstance(error, StorageFullError)
        self._replier.refuse(replies.FULL if full else replies.TROUBLE, {"why": error})

    def _current(self) -> Transaction:
        assert self.open is not None, "the core lets none of these happen outside of a transaction"
        return self.open


def _look_at_result(done: asyncio.Future[None]) -> None:
    """Take notice of a failure; the end of data fails for it."""
    if not done.cancelled():
        done.exception()
