"""What the server says and does in one session: filters are asked first, then whoever decides.

    event of the core ──▶ filters of the listener ──▶ policy, logins, transaction, queue
                      ◀── a reply to the core, now or when what has to be waited for is there

No transport and no clock: `net.session` moves the octets and knows the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeAlias

from smtpdsl.ir.resolved import ListenerTls
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.rewriting import Rewritable, rewritten
from smtpdsl.runtime.filters.rulings import Refuse, Rewrite, Ruling
from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, StorageError, StorageFullError
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.priorities import accepted, granted
from smtpdsl.runtime.net.proxy_header import read_address
from smtpdsl.runtime.net.reception import begin_content
from smtpdsl.runtime.net.reverse_names import ReverseName
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.policy import Accepted, Judgement, Refused
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.protocol.exchange import challenge
from smtpdsl.runtime.queue.ids import message_hex
from smtpdsl.runtime.sasl.exchange import Authenticated, Exchange, Rejected, Step
from smtpdsl.runtime.sasl.moves import Challenge
from smtpdsl.runtime.sasl.replies import AUTHENTICATED
from smtpdsl.runtime.senders import SENDER_REJECTED, SENDER_UNKNOWN
from smtpdsl.runtime.transaction import Transaction

Heard: TypeAlias = core.Connected | core.Event


_HOOKS: Mapping[type, Hook] = {
    core.Connected: Hook.CONNECT,
    core.Helo: Hook.HELO,
    core.Ehlo: Hook.EHLO,
    core.StartTls: Hook.STARTTLS,
    core.Auth: Hook.AUTH,
    core.Mail: Hook.MAIL_FROM,
    core.Rcpt: Hook.RCPT_TO,
    core.Data: Hook.DATA,
    core.Bdat: Hook.DATA,
    core.Rset: Hook.RSET,
    core.Noop: Hook.NOOP,
    core.Quit: Hook.QUIT,
}


class Waiting(NamedTuple):
    """The client has to wait for *awaitable*; what it came to goes to *conclude*, which may wait once more."""

    awaitable: Awaitable[Any]
    conclude: Callable[[asyncio.Future[Any]], Waiting | None]


class Conversation:
    """What is said in one session, from the greeting to the end."""

    def __init__(self, service: Service, session_id: str, session: core.ServerSession) -> None:
        """Speak through *session* with a client of *service*."""
        self.log = SessionLog(service.shared.log, session_id, service.shared.configuration)
        self._service, self._shared = service, service.shared
        self._id = session_id
        self._core = session
        self._client = Client(source="", tag=service.listener.tag.value)
        self._tls: TlsFacts | None = None
        self._is_confirmed: bool | None = None
        self._greeting: Reply | None = None
        # What answers a client that has come, or that another server speaks for.
        self._greets = session.greet
        self._is_spoken_for = False
        self._exchange: Exchange | None = None
        self._transaction: Transaction | None = None
        self._is_storing = False
        self._has_quit = False
        self._has_left = False
        hooks = service.filters.hooks
        self._filters = service.filters.session(session_id, service.shared.log) if hooks else None
        self._hooks = hooks

    # ------------------------------------------------------------ for the session

    @property
    def has_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._transaction is not None

    @property
    def held_octets(self) -> int:
        """How much of a message is in memory."""
        return self._transaction.held_octets if self._transaction is not None else 0

    @property
    def why_ended(self) -> str:
        """Why the session is over, if it is not the client who wants that."""
        return "" if self._has_quit else self.log.last_refusal

    def arrive(self, source: str) -> Waiting | None:
        """Receive the client from *source*: find its name, ask the filters, and greet it."""
        self._client = self._client.replace(source=source)
        self._trust()
        if self._client.is_socket:
            return self._named(ReverseName(self._service.server_name, is_confirmed=True))
        return self._find_name()

    def _find_name(self) -> Waiting | None:
        found = self._shared.find_name(self._client.source)
        if isinstance(found, ReverseName):
            return self._named(found)
        return Waiting(found, lambda done: self._named(done.result()))

    def secured(self, facts: TlsFacts) -> None:
        """Take notice that TLS has begun: at once, or after STARTTLS."""
        self._tls = facts.of_another() if self._is_spoken_for else facts
        # RFC 3207 §4.2: what the client said of itself in the clear is forgotten.
        self._client = self._client.replace(tls=True, helo="", login=None)
        self.log.secured(facts)
        if self._filters is not None:
            self._filters.secured()
        self._core.secured(self._mechanisms())
        if self._greeting is not None:
            self._greets(self._greeting)

    def _mechanisms(self) -> tuple[str, ...]:
        logins = self._service.logins
        return logins.mechanisms(self._tls) if logins is not None else ()

    def handle(self, event: Heard) -> Waiting | None:
        """Answer *event*, or say what has to be waited for."""
        hook = _HOOKS.get(type(event)) if self._filters is not None else None
        if hook is None or hook not in self._hooks:
            return self._HANDLERS[type(event)](self, event)
        return self._filtered(hook, event)

    def leave(self, reason: str, why: str) -> None:
        """Forget everything; a message that is being stored just now, is stored."""
        self._has_left = True
        if not self._is_storing:
            self._end_transaction()
        self.log.disconnected(reason, why)

    # ------------------------------------------------------------ the beginning

    def _named(self, name: ReverseName) -> Waiting | None:
        if self._has_left:
            # Nobody is told that it has come, behind the line that it is gone.
            return None
        is_known = name.name is not None or name.is_confirmed is not None
        self._client = self._client.replace(rdns=name.name, is_rdns_known=is_known)
        self._is_confirmed = name.is_confirmed
        self.log.connected(self._client)
        return self.handle(core.Connected())

    def _on_connected(self, _: core.Connected) -> None:
        spoken = self._service.spoken(is_esmtp=True)
        self._greet(Reply(code=220, lines=(f"{self._service.server_name} {spoken} smtpdsl",)))

    def _greet(self, reply: Reply) -> None:
        """Greet the client; where TLS comes first, when that has begun."""
        if self._service.listener.tls is ListenerTls.IMPLICIT and self._tls is None:
            self._greeting = reply
        else:
            self._greets(reply)

    # ------------------------------------------------------------ who speaks for others

    def _trust(self) -> None:
        # Once a server in front has named its client, it may pass on what that says, word for word.
        is_trusted = self._service.is_trusted
        if is_trusted is not None:
            self._core.trust(is_trusted=is_trusted(self._client.source) is Answer.YES)

    def _on_xclient(self, event: core.XClient) -> Waiting | None:
        """Begin anew, with the client that a mail server in front of this one names."""
        source = self._client.source
        if event.address is not None:
            address = read_address(event.address)
            assert address is not None, "the protocol has looked at it"
            source = address
        self.log.spoken_for(source, event.login)
        self._client = Client(source=source, tag=self._client.tag, login=event.login, tls=self._client.tls)
        if self._filters is not None:
            self._filters = self._service.filters.session(self._id, self._shared.log)
        self._greets = self._core.reply
        self._is_spoken_for = True
        self._trust()
        if self._tls is not None:
            # The certificate is that of the server in front, which the client must not log in with.
            self._tls = self._tls.of_another()
            self._core.offer_mechanisms(self._mechanisms())
        if not event.is_name_given:
            return self._find_name()
        is_confirmed = None if not event.is_name_known else event.name is not None
        return self._named(ReverseName(event.name, is_confirmed=is_confirmed))

    # ------------------------------------------------------------ filters

    def _filtered(self, hook: Hook, event: Heard) -> Waiting | None:
        return self._ruled(hook, event, lambda ruling: self._obey(ruling, event))

    def _ruled(self, hook: Hook, event: Heard, then: Callable[[Ruling], Waiting | None]) -> Waiting | None:
        """Ask the filters at *hook*; what they say goes to *then*."""
        assert self._filters is not None, "where there is a hook there is a filter"
        ruling = self._filters.ask(hook, self._facts(event))
        if isinstance(ruling, Awaitable):
            return Waiting(ruling, lambda done: self._heard(done.result(), then))
        return then(ruling)

    def _heard(self, ruling: Ruling, then: Callable[[Ruling], Waiting | None]) -> Waiting | None:
        """Go on with what the filters have said, unless the client has left while it waited."""
        return None if self._has_left else then(ruling)

    def _facts(self, event: Heard) -> Facts:
        transaction, client = self._transaction, self._client
        if isinstance(event, core.Helo | core.Ehlo):
            client = client.replace(helo=event.domain)
        reverse_path = transaction.reverse_path if transaction is not None else None
        if isinstance(event, core.Mail):
            reverse_path = event.reverse_path
        recipient = event.mailbox if isinstance(event, core.Rcpt) else None
        return Facts(client, self._is_confirmed, reverse_path, recipient)

    def _obey(self, ruling: Ruling, event: Heard) -> Waiting | None:
        if isinstance(ruling, Rewrite) and isinstance(event, Rewritable):
            changed = rewritten(event, ruling, self._core.dialect)
            if isinstance(changed, Refuse):
                ruling = changed
            else:
                event = changed
        if isinstance(ruling, Refuse):
            self._refuse_by_filter(ruling, event)
            return None
        return self._HANDLERS[type(event)](self, event)

    def _refuse_by_filter(self, ruling: Refuse, event: Heard) -> None:
        reasons = {"filter": ruling.filter, "rule": ruling.place} | ({"why": ruling.why} if ruling.why else {})
        self.log.refused(self._core.last_command, ruling.reply, reasons)
        if isinstance(event, core.Bdat):
            # RFC 3030 §2: a message whose first chunk is refused is none, and nor are its other chunks.
            self._end_transaction()
        # Whoever is spoken for and not let in is not let in as anybody else either.
        if ruling.closes or (isinstance(event, core.Connected) and self._is_spoken_for):
            self._core.refuse(ruling.reply)
        elif isinstance(event, core.Connected):
            self._greet(ruling.reply)
        else:
            self._core.reply(ruling.reply)

    # ------------------------------------------------------------ who the client is

    def _on_helo(self, event: core.Helo | core.Ehlo) -> None:
        self._end_transaction()
        self._client = self._client.replace(helo=event.domain)
        source = self._client.source
        address = source if source.startswith("[") else f"[{source}]"
        greeting = f"{self._service.server_name} Hello {event.domain} {address}, pleased to meet you"
        extensions = self._core.extensions if isinstance(event, core.Ehlo) else ()
        self._core.reply(Reply(code=250, lines=(greeting, *extensions)))

    def _on_start_tls(self, _: core.StartTls) -> None:
        self._core.reply(replies.START_TLS)

    def _on_auth(self, event: core.Auth) -> Waiting | None:
        logins = self._service.logins
        assert logins is not None, "without accounts no mechanism is offered"
        self._exchange = logins.begin(event.mechanism, self._tls, self._client.source)
        return self._step(event.initial)

    def _on_auth_response(self, event: core.AuthResponse) -> Waiting | None:
        return self._step(event.octets)

    def _step(self, octets: bytes | None) -> Waiting | None:
        assert self._exchange is not None, "a response belongs to an exchange"
        step = self._exchange.step(octets)
        if isinstance(step, Awaitable):
            return Waiting(step, lambda done: self._stepped(done.result()))
        self._stepped(step)
        return None

    def _stepped(self, step: Step) -> None:
        match step:
            case Challenge():
                self._core.reply(Reply(code=334, lines=(challenge(step.octets),)))
            case Authenticated():
                self._client = self._client.replace(login=step.login)
                self.log.authentication(step.login, "ok")
                self._core.reply(AUTHENTICATED)
            case Rejected():
                if step.login:
                    self.log.authentication(step.login, "tempfail" if step.reply.is_temporary else "permfail")
                self._refuse(step.reply, {"why": step.why}, closes=step.closes)

    # ------------------------------------------------------------ the transaction

    def _on_mail(self, event: core.Mail) -> None:
        senders = self._service.listener.senders
        if senders is not None and self._client.is_authenticated:
            answer = self._shared.policy.may_send_as(senders, self._client.login or "", event.reverse_path)
            if answer is not Answer.YES:
                why = f"{senders.shown} has no such sender for this login"
                self._refuse(SENDER_REJECTED if answer is Answer.NO else SENDER_UNKNOWN, {"why": why})
                return
        parameters = granted(event.parameters, self._client)
        self._transaction = Transaction(event.reverse_path, parameters, self._shared.intake)
        self._core.reply(accepted(event.parameters, parameters) or replies.OK)

    def _on_rcpt(self, event: core.Rcpt) -> Waiting | None:
        reverse_path = self._open_transaction().reverse_path
        judgement = self._shared.policy.judge(self._client, reverse_path, event.mailbox)
        if isinstance(judgement, Accepted | Refused):
            self._judged(event, judgement)
            return None
        return Waiting(judgement, lambda done: self._judged(event, done.result()))

    def _judged(self, event: core.Rcpt, judgement: Judgement) -> None:
        transaction = self._transaction
        if transaction is None:
            # The client has left while it waited.
            return
        if isinstance(judgement, Accepted):
            transaction.add(event.mailbox, event.parameters, judgement.envelopes)
            self._core.reply(replies.RECIPIENT_OK)
        else:
            self._refuse(judgement.reply, {"rule": judgement.rule, "why": judgement.why})

    def _on_data(self, event: core.Data | core.Bdat) -> None:
        is_junk = self._filters is not None and self._filters.is_junk
        begin_content(
            self._open_transaction(),
            self._service,
            self._client,
            self._tls,
            is_esmtp=self._core.is_esmtp,
            is_junk=is_junk,
        )
        self._core.reply(replies.GO_AHEAD if isinstance(event, core.Data) else replies.OK)

    def _on_content(self, event: core.ContentReceived) -> Waiting | None:
        waiting = self._open_transaction().write(event.octets)
        return None if waiting is None else Waiting(waiting, _look_at_result)

    def _on_end_of_content(self, event: core.EndOfContent) -> Waiting | None:
        transaction = self._open_transaction()
        content = transaction.end(is_whole=event.problem is None)
        if content is None:
            self._transaction = None
            problem = event.problem or transaction.problem
            assert problem is not None, "a message is refused for a reason"
            self._refuse(problem, {})
            return None
        if Hook.COMMIT in self._hooks:
            return self._ruled(Hook.COMMIT, event, lambda ruling: self._commit(ruling, event, content))
        return self._store(content)

    def _commit(
        self, ruling: Ruling, event: core.EndOfContent, content: InlineContent | ContentWriter
    ) -> Waiting | None:
        if not isinstance(ruling, Refuse):
            return self._store(content)
        self._end_transaction()
        self._refuse_by_filter(ruling, event)
        return None

    def _store(self, content: InlineContent | ContentWriter) -> Waiting:
        submission = self._open_transaction().submission(self._client, self._shared.clock(), content)
        self._is_storing = True
        return Waiting(self._shared.intake.enqueue(submission), self._stored)

    def _stored(self, done: asyncio.Future[None]) -> None:
        """Tell the client: only now is the message ours."""
        transaction = self._open_transaction()
        self._transaction, self._is_storing = None, False
        try:
            done.result()
        except StorageError as error:
            self._refuse(replies.FULL if isinstance(error, StorageFullError) else replies.TROUBLE, {"why": error})
        else:
            self.log.accepted(transaction, self._service.spoken(is_esmtp=self._core.is_esmtp))
            text = f"{message_hex(transaction.message_id)} Message accepted for delivery"
            self._core.reply(Reply(code=250, enhanced_status="2.0.0", lines=(text,)))

    def _on_rset(self, _: core.Rset) -> None:
        self._end_transaction()
        self._core.reply(replies.OK)

    def _on_quit(self, _: core.Quit) -> None:
        self._has_quit = True
        self._end_transaction()
        self._core.reply(replies.BYE)

    def _on_noop(self, _: core.Noop) -> None:
        self._core.reply(replies.OK)

    def _on_vrfy(self, _: core.Vrfy) -> None:
        self._core.reply(replies.CANNOT_VERIFY)

    def _on_help(self, _: core.Help) -> None:
        self._core.reply(replies.HELP)

    def _on_refused(self, event: core.Refused) -> None:
        self._exchange = None
        if self._core.state is core.State.BROKEN:
            self._end_transaction()
        self.log.refused(event.command_line, event.reply, {})

    # ------------------------------------------------------------ what several of these need

    def _open_transaction(self) -> Transaction:
        assert self._transaction is not None, "the core lets none of these happen outside of a transaction"
        return self._transaction

    def _end_transaction(self) -> None:
        if self._transaction is not None:
            self._transaction.discard()
            self._transaction = None

    def _refuse(self, reply: Reply, reasons: Mapping[str, object], *, closes: bool = False) -> None:
        self.log.refused(self._core.last_command, reply, reasons)
        (self._core.refuse if closes else self._core.reply)(reply)

    _HANDLERS: ClassVar[Mapping[type, Callable[[Conversation, Any], Waiting | None]]] = {
        core.Connected: _on_connected,
        core.Helo: _on_helo,
        core.Ehlo: _on_helo,
        core.StartTls: _on_start_tls,
        core.XClient: _on_xclient,
        core.Auth: _on_auth,
        core.AuthResponse: _on_auth_response,
        core.Mail: _on_mail,
        core.Rcpt: _on_rcpt,
        core.Data: _on_data,
        core.Bdat: _on_data,
        core.ContentReceived: _on_content,
        core.EndOfContent: _on_end_of_content,
        core.Rset: _on_rset,
        core.Noop: _on_noop,
        core.Quit: _on_quit,
        core.Vrfy: _on_vrfy,
        core.Help: _on_help,
        core.Refused: _on_refused,
    }


def _look_at_result(done: asyncio.Future[None]) -> None:
    """Take notice of a failure; the end of data fails for it."""
    if not done.cancelled():
        done.exception()
