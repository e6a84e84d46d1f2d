"""What the server says and does in one session: filters are asked first, then whoever decides.

    event of the core ──▶ filters of the listener ──▶ Login          AUTH
                                                      Transactions   MAIL, RCPT, mail data
                                                      itself         all the rest
                      ◀── a reply to the core, now or when what has to be waited for is there

No transport and no clock: `net.session` moves the octets and knows the time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from smtpdsl.ir.resolved import ListenerTls
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.rewriting import Rewritable, rewritten
from smtpdsl.runtime.filters.rulings import Refuse, Rewrite, Ruling
from smtpdsl.runtime.interfaces import ContentWriter, InlineContent
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.filter_questions import HOOKS, Heard, facts_of
from smtpdsl.runtime.net.login import Login
from smtpdsl.runtime.net.replier import Replier
from smtpdsl.runtime.net.reverse_names import ReverseName
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.net.transactions import Transactions
from smtpdsl.runtime.net.visitor import Visitor, name_given
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core


class Conversation:
    """What is said in one session, from the greeting to the end."""

    __slots__ = (
        "_core",
        "_filters",
        "_greeting",
        "_greets",
        "_has_left",
        "_has_quit",
        "_hooks",
        "_id",
        "_login",
        "_replier",
        "_service",
        "_shared",
        "_transactions",
        "_visitor",
        "log",
    )

    def __init__(self, service: Service, session_id: str, session: core.ServerSession) -> None:
        """Speak through *session* with a client of *service*."""
        self.log = SessionLog(service.shared.log, session_id, service.shared.configuration)
        self._service, self._shared = service, service.shared
        self._id = session_id
        self._core = session
        self._visitor = Visitor(service.listener.tag.value)
        self._replier = Replier(session, self.log)
        self._login = Login(service.logins, self._visitor, self._replier, self.log)
        self._transactions = Transactions(service, session, self._visitor, self._replier, self.log)
        self._greeting: Reply | None = None
        # What answers a client that has come, or that another server speaks for.
        self._greets = session.greet
        self._has_quit = False
        self._has_left = False
        hooks = service.filters.hooks
        self._filters = service.filters.session(session_id, service.shared.log) if hooks else None
        self._hooks = hooks

    # ------------------------------------------------------------ for the session

    @property
    def has_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._transactions.open is not None

    @property
    def held_octets(self) -> int:
        """How much of a message is in memory."""
        return self._transactions.held_octets

    @property
    def why_ended(self) -> str:
        """Why the session is over, if it is not the client who wants that."""
        return "" if self._has_quit else self.log.last_refusal

    def arrive(self, source: str) -> Waiting | None:
        """Receive the client from *source*: find its name, ask the filters, and greet it."""
        self._visitor.came(source)
        self._trust()
        if self._visitor.client.is_socket:
            return self._named(ReverseName(self._service.server_name, is_confirmed=True))
        return self._find_name()

    def _find_name(self) -> Waiting | None:
        found = self._shared.find_name(self._visitor.client.source)
        if isinstance(found, ReverseName):
            return self._named(found)
        return Waiting(found, lambda done: self._named(done.result()))

    def secured(self, facts: TlsFacts) -> None:
        """Take notice that TLS has begun: at once, or after STARTTLS."""
        self._visitor.secured(facts)
        self.log.secured(facts)
        if self._filters is not None:
            self._filters.secured()
        self._core.secured(self._login.mechanisms)
        if self._greeting is not None:
            self._greets(self._greeting)

    def handle(self, event: Heard) -> Waiting | None:
        """Answer *event*, or say what has to be waited for."""
        hook = HOOKS.get(type(event)) if self._filters is not None else None
        if hook is None or hook not in self._hooks:
            return self._HANDLERS[type(event)](self, event)
        return self._filtered(hook, event)

    def leave(self, reason: str, why: str) -> None:
        """Forget everything; a message that is being stored just now, is stored."""
        self._has_left = True
        self._transactions.leave()
        self.log.disconnected(reason, why)

    # ------------------------------------------------------------ the beginning

    def _named(self, name: ReverseName) -> Waiting | None:
        if self._has_left:
            # Nobody is told that it has come, behind the line that it is gone.
            return None
        self._visitor.named(name)
        self.log.connected(self._visitor.client)
        return self.handle(core.Connected())

    def _on_connected(self, _: core.Connected) -> None:
        spoken = self._service.spoken(is_esmtp=True)
        self._greet(Reply(code=220, lines=(f"{self._service.server_name} {spoken} smtpdsl",)))

    def _greet(self, reply: Reply) -> None:
        """Greet the client; where TLS comes first, when that has begun."""
        if self._service.listener.tls is ListenerTls.IMPLICIT and self._visitor.tls is None:
            self._greeting = reply
        else:
            self._greets(reply)

    # ------------------------------------------------------------ who speaks for others

    def _trust(self) -> None:
        # Once a server in front has named its client, it may pass on what that says, word for word.
        is_trusted = self._service.is_trusted
        if is_trusted is not None:
            self._core.trust(is_trusted=is_trusted(self._visitor.client.source) is Answer.YES)

    def _on_xclient(self, event: core.XClient) -> Waiting | None:
        """Begin anew, with the client that a mail server in front of this one names."""
        self._visitor.speaks_for(event)
        self.log.spoken_for(self._visitor.client.source, event.login)
        if self._filters is not None:
            self._filters = self._service.filters.session(self._id, self._shared.log)
        self._greets = self._core.reply
        self._trust()
        if self._visitor.tls is not None:
            self._core.offer_mechanisms(self._login.mechanisms)
        name = name_given(event)
        return self._find_name() if name is None else self._named(name)

    # ------------------------------------------------------------ filters

    def _filtered(self, hook: Hook, event: Heard) -> Waiting | None:
        return self._ruled(hook, event, lambda ruling: self._obey(ruling, event))

    def _ruled(self, hook: Hook, event: Heard, then: Callable[[Ruling], Waiting | None]) -> Waiting | None:
        """Ask the filters at *hook*; what they say goes to *then*."""
        assert self._filters is not None, "where there is a hook there is a filter"
        ruling = self._filters.ask(hook, facts_of(event, self._visitor, self._transactions.open))
        if isinstance(ruling, Awaitable):
            return Waiting(ruling, lambda done: self._heard(done.result(), then))
        return then(ruling)

    def _heard(self, ruling: Ruling, then: Callable[[Ruling], Waiting | None]) -> Waiting | None:
        """Go on with what the filters have said, unless the client has left while it waited."""
        return None if self._has_left else then(ruling)

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
            self._transactions.end()
        # Whoever is spoken for and not let in is not let in as anybody else either.
        if ruling.closes or (isinstance(event, core.Connected) and self._visitor.is_spoken_for):
            self._core.refuse(ruling.reply)
        elif isinstance(event, core.Connected):
            self._greet(ruling.reply)
        else:
            self._core.reply(ruling.reply)

    # ------------------------------------------------------------ who the client is

    def _on_helo(self, event: core.Helo | core.Ehlo) -> None:
        self._transactions.end()
        self._visitor.said_hello(event.domain)
        source = self._visitor.client.source
        address = source if source.startswith("[") else f"[{source}]"
        greeting = f"{self._service.server_name} Hello {event.domain} {address}, pleased to meet you"
        extensions = self._core.extensions if isinstance(event, core.Ehlo) else ()
        self._core.reply(Reply(code=250, lines=(greeting, *extensions)))

    def _on_start_tls(self, _: core.StartTls) -> None:
        self._core.reply(replies.START_TLS)

    def _on_auth(self, event: core.Auth) -> Waiting | None:
        return self._login.begin(event)

    def _on_auth_response(self, event: core.AuthResponse) -> Waiting | None:
        return self._login.go_on(event)

    # ------------------------------------------------------------ the transaction

    def _on_mail(self, event: core.Mail) -> None:
        self._transactions.begin(event)

    def _on_rcpt(self, event: core.Rcpt) -> Waiting | None:
        return self._transactions.add(event)

    def _on_data(self, event: core.Data | core.Bdat) -> None:
        is_junk = self._filters is not None and self._filters.is_junk
        self._transactions.begin_content(event, is_junk=is_junk)

    def _on_content(self, event: core.ContentReceived) -> Waiting | None:
        return self._transactions.write(event)

    def _on_end_of_content(self, event: core.EndOfContent) -> Waiting | None:
        content = self._transactions.end_content(event)
        if content is None:
            return None
        if Hook.COMMIT in self._hooks:
            return self._ruled(Hook.COMMIT, event, lambda ruling: self._commit(ruling, event, content))
        return self._transactions.store(content)

    def _commit(
        self, ruling: Ruling, event: core.EndOfContent, content: InlineContent | ContentWriter
    ) -> Waiting | None:
        if not isinstance(ruling, Refuse):
            return self._transactions.store(content)
        self._transactions.end()
        self._refuse_by_filter(ruling, event)
        return None

    # ------------------------------------------------------------ the other commands

    def _on_rset(self, _: core.Rset) -> None:
        self._transactions.end()
        self._core.reply(replies.OK)

    def _on_quit(self, _: core.Quit) -> None:
        self._has_quit = True
        self._transactions.end()
        self._core.reply(replies.BYE)

    def _on_noop(self, _: core.Noop) -> None:
        self._core.reply(replies.OK)

    def _on_vrfy(self, _: core.Vrfy) -> None:
        self._core.reply(replies.CANNOT_VERIFY)

    def _on_help(self, _: core.Help) -> None:
        self._core.reply(replies.HELP)

    def _on_refused(self, event: core.Refused) -> None:
        self._login.forget()
        if self._core.state is core.State.BROKEN:
            self._transactions.end()
        self.log.refused(event.command_line, event.reply, {})

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
