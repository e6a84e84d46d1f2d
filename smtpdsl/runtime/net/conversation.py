"""What the server says and does in one session: filters are asked first, then whoever decides.

    event of the core ──▶ Filtering, if there is any ──▶ Login          AUTH
                                                         Transactions   MAIL, RCPT, mail data
                                                         itself         all the rest
                      ◀── a reply to the core, now or when what has to be waited for is there

No transport and no clock: `net.session` moves the octets and knows the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from smtpdsl.ir.resolved import ListenerTls
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.filter_questions import Heard
from smtpdsl.runtime.net.filtering import Filtering
from smtpdsl.runtime.net.greeter import Greeter
from smtpdsl.runtime.net.login import Login
from smtpdsl.runtime.net.program_filtering import ProgramFiltering
from smtpdsl.runtime.net.replier import Replier
from smtpdsl.runtime.net.reported_session import session_log
from smtpdsl.runtime.net.reverse_names import ReverseName
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.net.transactions import Transactions
from smtpdsl.runtime.net.visitor import Visitor, name_given
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core


class Conversation:
    """What is said in one session, from the greeting to the end."""

    __slots__ = (
        "_core",
        "_filtering",
        "_greeter",
        "_has_left",
        "_has_quit",
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
        self.log = session_log(service, session_id, session)
        self._service, self._shared = service, service.shared
        self._core = session
        self._visitor = Visitor(service.listener.tag.value)
        self._replier = Replier(session, self.log)
        self._login = Login(service.logins, self._visitor, self._replier, self.log)
        self._transactions = Transactions(service, session, self._visitor, self._replier, self.log)
        self._greeter = Greeter(session, waits_for_tls=service.listener.tls is ListenerTls.IMPLICIT)
        self._filtering: Filtering | None = None
        if service.filters.hooks:
            kind = ProgramFiltering if service.filters.programs else Filtering
            self._filtering = kind(
                service, session_id, session, self._visitor, self._transactions, self._greeter, self.log
            )
        self._has_quit = False
        self._has_left = False

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
        if self._filtering is not None:
            self._filtering.secured()
        self._core.secured(self._login.mechanisms)
        self._greeter.secured()

    def handle(self, event: Heard) -> Waiting | None:
        """Answer *event*, or say what has to be waited for."""
        if self._filtering is not None:
            return self._filtering.hear(event, self._answer)
        return self._HANDLERS[type(event)](self, event)

    def _answer(self, event: Heard) -> Waiting | None:
        return self._HANDLERS[type(event)](self, event)

    def leave(self, reason: str, why: str) -> None:
        """Forget everything; a message that is being stored just now, is stored."""
        self._has_left = True
        if self._filtering is not None:
            self._filtering.leave()
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
        self._greeter.greet(Reply(code=220, lines=(f"{self._service.server_name} {spoken} smtpdsl",)))

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
        if self._filtering is not None:
            self._filtering.begin_anew()
        self._greeter.begin_anew()
        self._trust()
        if self._visitor.tls is not None:
            self._core.offer_mechanisms(self._login.mechanisms)
        name = name_given(event)
        return self._find_name() if name is None else self._named(name)

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

    def _on_mail(self, event: core.Mail) -> Waiting | None:
        return self._transactions.begin(event)

    def _on_rcpt(self, event: core.Rcpt) -> Waiting | None:
        return self._transactions.add(event)

    def _on_data(self, event: core.Data | core.Bdat) -> None:
        is_junk = self._filtering is not None and self._filtering.is_junk
        self._transactions.begin_content(event, is_junk=is_junk)

    def _on_content(self, event: core.ContentReceived) -> Waiting | None:
        return self._transactions.write(event)

    def _on_end_of_content(self, event: core.EndOfContent) -> Waiting | None:
        content = self._transactions.end_content(event)
        if content is None:
            return None
        if self._filtering is not None:
            return self._filtering.commit(event, lambda: self._transactions.store(content))
        return self._transactions.store(content)

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
