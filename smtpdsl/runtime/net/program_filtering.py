"""What filters say in a session if some of them are programs; and what those are told of it.

Connected        ─▶ the programs are ready ─▶ link-connect ─▶ asked
any event        ─▶ a program does not read what it is told: that is waited for
Data, Bdat       ─▶ asked ─▶ 354 ─▶ FilteredMessage, if a program reads messages
ContentReceived  ─▶ there
EndOfContent     ─▶ all of it has come back ─▶ commit
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from smtpdsl.runtime.filters.plan import ProgramPlan
from smtpdsl.runtime.filters.program_session import ProgramFilterSession
from smtpdsl.runtime.net.filter_questions import Heard
from smtpdsl.runtime.net.filtered_message import FilteredMessage
from smtpdsl.runtime.net.filtering import Filtering
from smtpdsl.runtime.net.greeter import Greeter
from smtpdsl.runtime.net.local_socket import PATH
from smtpdsl.runtime.net.reported_session import ReportedSession
from smtpdsl.runtime.net.reporter import Connection
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.transactions import Transactions
from smtpdsl.runtime.net.visitor import Visitor
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core

_Answer = Callable[[Heard], Waiting | None]
_RECEIVING = frozenset({core.State.DATA, core.State.CHUNK})


class ProgramFiltering(Filtering):
    """The filters of one session, programs among them."""

    __slots__ = ("_message", "_programs", "_reporter")

    def __init__(
        self,
        service: Service,
        session_id: str,
        session: core.ServerSession,
        visitor: Visitor,
        transactions: Transactions,
        greeter: Greeter,
        log: SessionLog,
    ) -> None:
        """Ask the filters of *service* about *visitor* and its *transactions*."""
        assert isinstance(session, ReportedSession), "what programs are told of is reported"
        self._message: FilteredMessage | None = None
        self._programs: ProgramFilterSession | None = None
        self._reporter = session.reporter
        self._reporter.transaction = lambda: transactions.open
        super().__init__(service, session_id, session, visitor, transactions, greeter, log)

    def begin_anew(self) -> None:
        """Forget what was said: it is another client from here on."""
        if self._programs is not None:
            self._reporter.end()
        plan = self._service.filters
        assert isinstance(plan, ProgramPlan), "there are programs"
        self._filters = self._programs = plan.program_session(self._id, self._service.shared.log)
        self._filters.listener = self._reporter

    def leave(self) -> None:
        """Answer nothing any more: the client is gone."""
        super().leave()
        self._drop_message()

    # ------------------------------------------------------------ what happens

    def hear(self, event: Heard, answer: _Answer) -> Waiting | None:
        """Ask about *event*, and let *answer* answer it unless it is refused."""
        assert self._programs is not None, "made with this"
        if unread := self._programs.unread():
            return Waiting(unread, lambda _: None if self._has_left else self.hear(event, answer))
        match event:
            case core.Connected():
                return self._arrive(event, answer)
            case core.Data() | core.Bdat():
                return super().hear(event, lambda changed: self._begin_message(changed, answer))
            case core.ContentReceived() if self._message is not None:
                waiting = self._message.write(event.octets)
                return None if waiting is None else Waiting(waiting, lambda _: None)
            case core.EndOfContent() if self._message is not None:
                self._message.end()
                return Waiting(asyncio.shield(self._message.done), lambda _: self._end_message(event, answer))
        return super().hear(event, answer if self._message is None else partial(self._answer_inside, answer))

    def _answer_inside(self, answer: _Answer, event: Heard) -> Waiting | None:
        """Let *answer* answer what comes between two chunks; with its transaction the message ends."""
        waiting = answer(event)
        if self._message is not None and self._transactions.open is not self._message.transaction:
            # What the programs still write of it has nowhere to go.
            self._drop_message()
        return waiting

    def _arrive(self, event: core.Connected, answer: _Answer) -> Waiting | None:
        """Let the programs know the client, when they are there."""
        assert self._programs is not None, "made with this"
        if self._programs.are_ready:
            self._programs.enter()
            return self._arrived(event, answer)
        return Waiting(self._programs.begin(), lambda _: self._arrived(event, answer))

    def _arrived(self, event: core.Connected, answer: _Answer) -> Waiting | None:
        assert self._programs is not None, "made with this"
        if self._has_left:
            self._programs.leave()
            return None
        client = self._visitor.client
        source = f"{client.source}:{self._port()}"
        endpoint = self._service.endpoint
        if client.is_socket or endpoint is None:
            source = dest = f"unix:{PATH}"
        else:
            dest = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
            dest = f"{dest}:{endpoint.port}"
        self._reporter.begin(self._programs.sessions, Connection(client.rdns, self._visitor.is_confirmed, source, dest))
        return super().hear(event, answer)

    def _port(self) -> int:
        assert isinstance(self._session, ReportedSession), "what programs are told of is reported"
        return 0 if self._visitor.is_spoken_for else self._session.peer_port

    # ------------------------------------------------------------ messages

    def _begin_message(self, event: Heard, answer: _Answer) -> Waiting | None:
        """Let *answer* begin the mail data, and send it through the programs that read it."""
        waiting = answer(event)
        transaction = self._transactions.open
        if transaction is None or self._session.state not in _RECEIVING:
            return waiting
        assert self._programs is not None, "made with this"
        readers = self._programs.readers
        if readers:
            self._message = FilteredMessage(readers, transaction)
            self._message.begin(transaction.take_trace())
        return waiting

    def _end_message(self, event: core.EndOfContent, answer: _Answer) -> Waiting | None:
        """Go on with what has come back."""
        message = self._message
        if self._has_left or message is None:
            return None
        self._drop_message()
        if event.problem is None and message.refusal is not None:
            self._commit(message.refusal, event, _never)
            return None
        return answer(event)

    def _drop_message(self) -> None:
        if self._message is not None:
            self._message.close()
            self._message = None


def _never() -> Waiting:
    message = "what is refused is not stored"
    raise AssertionError(message)
