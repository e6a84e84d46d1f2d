"""What the filters of a listener say in one session, and what is done about it.

    event ──▶ its hook ──▶ FilterSession ──▶ Proceed   Junk     the event is answered as it is
                                         ──▶ Rewrite            it is answered as another one
                                         ──▶ Refuse             this is the answer

A listener without filters has nothing of this, and a moment that none of them asks for costs a look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.rewriting import Rewritable, rewritten
from smtpdsl.runtime.filters.rulings import Refuse, Rewrite, Ruling
from smtpdsl.runtime.net.filter_questions import HOOKS, Heard, facts_of
from smtpdsl.runtime.net.greeter import Greeter
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.net.transactions import Transactions
from smtpdsl.runtime.net.visitor import Visitor
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core


class Filtering:
    """The filters of one session, which are asked before anything else is."""

    __slots__ = (
        "_filters",
        "_greeter",
        "_has_left",
        "_hooks",
        "_id",
        "_log",
        "_service",
        "_session",
        "_transactions",
        "_visitor",
    )

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
        self._service = service
        self._id = session_id
        self._session = session
        self._visitor = visitor
        self._transactions = transactions
        self._greeter = greeter
        self._log = log
        self._hooks = service.filters.hooks
        self._has_left = False
        self.begin_anew()

    @property
    def is_junk(self) -> bool:
        """Whether the message that is under way is to be marked."""
        return self._filters.is_junk

    def begin_anew(self) -> None:
        """Forget what was said: it is another client from here on."""
        self._filters = self._service.filters.session(self._id, self._service.shared.log)

    def secured(self) -> None:
        """Take notice that TLS has begun."""
        self._filters.secured()

    def leave(self) -> None:
        """Answer nothing any more: the client is gone."""
        self._has_left = True

    def hear(self, event: Heard, answer: Callable[[Heard], Waiting | None]) -> Waiting | None:
        """Ask about *event*, and let *answer* answer it unless it is refused."""
        hook = HOOKS.get(type(event))
        if hook is None or hook not in self._hooks:
            return answer(event)
        return self._ask(hook, event, lambda ruling: self._obey(ruling, event, answer))

    def commit(self, event: core.EndOfContent, store: Callable[[], Waiting]) -> Waiting | None:
        """Ask about a message that is complete, and let *store* store it unless it is refused."""
        if Hook.COMMIT not in self._hooks:
            return store()
        return self._ask(Hook.COMMIT, event, lambda ruling: self._commit(ruling, event, store))

    def _ask(self, hook: Hook, event: Heard, then: Callable[[Ruling], Waiting | None]) -> Waiting | None:
        """Ask the filters at *hook*; what they say goes to *then*."""
        ruling = self._filters.ask(hook, facts_of(event, self._visitor, self._transactions.open))
        if isinstance(ruling, Awaitable):
            return Waiting(ruling, lambda done: self._heard(done.result(), then))
        return then(ruling)

    def _heard(self, ruling: Ruling, then: Callable[[Ruling], Waiting | None]) -> Waiting | None:
        """Go on with what the filters have said, unless the client has left while it waited."""
        return None if self._has_left else then(ruling)

    def _obey(self, ruling: Ruling, event: Heard, answer: Callable[[Heard], Waiting | None]) -> Waiting | None:
        if isinstance(ruling, Rewrite) and isinstance(event, Rewritable):
            changed = rewritten(event, ruling, self._session.dialect)
            if isinstance(changed, Refuse):
                ruling = changed
            else:
                event = changed
        if isinstance(ruling, Refuse):
            self._refuse(ruling, event)
            return None
        return answer(event)

    def _commit(self, ruling: Ruling, event: core.EndOfContent, store: Callable[[], Waiting]) -> Waiting | None:
        if not isinstance(ruling, Refuse):
            return store()
        self._transactions.end()
        self._refuse(ruling, event)
        return None

    def _refuse(self, ruling: Refuse, event: Heard) -> None:
        reasons = {"filter": ruling.filter, "rule": ruling.place} | ({"why": ruling.why} if ruling.why else {})
        self._log.refused(self._session.last_command, ruling.reply, reasons)
        if isinstance(event, core.Bdat):
            # RFC 3030 §2: a message whose first chunk is refused is none, and nor are its other chunks.
            self._transactions.end()
        # Whoever is spoken for and not let in is not let in as anybody else either.
        if ruling.closes or (isinstance(event, core.Connected) and self._visitor.is_spoken_for):
            self._session.refuse(ruling.reply)
        elif isinstance(event, core.Connected):
            self._greeter.greet(ruling.reply)
        else:
            self._session.reply(ruling.reply)
