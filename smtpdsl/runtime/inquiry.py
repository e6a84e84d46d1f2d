"""What the expansion of one recipient asks, where this process cannot say everything at once by itself.

    expand ──.forward of ann?──▶ not known: noted, and taken for "nothing" ──▶ a result that nobody uses
      │                                                                                │
      └── again, with what is known now ◀── everything that was noted, asked at once ──┘

The expansion stays pure, and the event loop waits for nobody.  Each round goes one question
deeper with every member, so their number depends on the steps from the recipient and not on the members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account, Entry
from smtpdsl.ir.resolved import RelayAction, Rule, Setting, Table
from smtpdsl.ir.semantics import Answer, Decision, Verdict
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.envelope import Envelope

if TYPE_CHECKING:
    from smtpdsl.runtime.policy import Policy

_T = TypeVar("_T")


class Others(Protocol):
    """Who can read what this process may not."""

    def may_have_forward(self, account: Account) -> bool:
        """Whether it has to be asked: False if anybody can see that there is nothing."""

    async def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read the ``.forward`` of a user."""

    def may_have_lines(self, path: str) -> bool:
        """Whether there is a file of targets that this process cannot read."""

    async def lines(self, path: str) -> tuple[str, ...] | None:
        """Read a file of targets."""


class Elsewhere(Protocol):
    """Who answers for tables that live elsewhere; nothing here raises."""

    def has(self, table: Table) -> bool:
        """Whether it answers for *table*."""

    async def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Whether *table*, asked as *service*, knows *key*."""

    async def value(self, table: Table, service: Service, key: str) -> str | Outage | None:
        """Return what *table* has for *key*, asked as *service*."""

    async def account(self, userbase: Table, name: str) -> Account | Outage | None:
        """Return the user *name*."""

    async def offers(self, table: Table, service: Service) -> bool | Outage:
        """Whether *table* has said that it can be asked as *service*."""

    async def knows_password(self, table: Table, login: str, password: str) -> Answer:
        """Whether *password* is that of *login*."""


def _anywhere() -> Decision:
    """Return what stands for a decision that is not known yet: the way of this member ends here, for this round."""
    nowhere = Span(Source("", ""), 0, 0)
    action = RelayAction(span=nowhere, name="", ciphers=Setting(value=""), ttl=Setting(value=0))
    return Decision(verdict=Verdict.ACCEPT, rule=Rule(span=nowhere, conditions=(), action=action), trail=())


_ANYWHERE = _anywhere()


class Inquiry:
    """Answers what the policy and others know, and notes what nobody knows yet."""

    def __init__(self, policy: Policy, others: Others | None, tables: Elsewhere | None = None) -> None:
        """Ask *policy*, *others* for what it may not read, and *tables* for what it does not have."""
        self._policy = policy
        self._others = others
        self._tables = tables
        self._known: dict[Hashable, object] = {}
        self._unknown: dict[Hashable, Callable[[], Awaitable[object]]] = {}
        self._has_guessed = False
        if tables is None:
            # Nothing stands between.
            self.decide, self.entry, self.account = policy.decide, policy.entry, policy.account  # type: ignore[method-assign]

    @property
    def lacks(self) -> bool:
        """Whether something was asked that is not known; then what came out is worth nothing."""
        return bool(self._unknown)

    async def find_out(self) -> None:
        """Ask for everything that is lacking."""
        unknown = self._unknown.copy()
        answers = await asyncio.gather(*(ask() for ask in unknown.values()))
        self._known.update(zip(unknown, answers, strict=True))
        self._unknown.clear()

    def _find(self, question: Hashable, ask: Callable[[], Awaitable[_T]], guess: _T) -> _T:
        """Return the answer to *question*, or *guess* until it is known by *ask*."""
        if question in self._known:
            return cast("_T", self._known[question])
        self._unknown[question] = ask
        self._has_guessed = True
        return guess

    # ------------------------------------------------------------ tables

    def decide(self, envelope: Envelope) -> Decision:
        """Evaluate the rules for *envelope*."""
        self._has_guessed = False
        decision = self._policy.decide(envelope, self)
        return _ANYWHERE if self._has_guessed else decision

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Whether *table*, which lives elsewhere, knows *key*."""
        tables = self._tables
        if tables is None or not tables.has(table):
            return Answer.UNAVAILABLE
        question = "contains", table.name, service, key
        # No rule behind one that cannot be answered is looked at.
        return self._find(question, lambda: tables.contains(table, service, key), Answer.UNAVAILABLE)

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        """Look *key* up in a table of aliases."""
        tables = self._tables
        if tables is None or not tables.has(table):
            return self._policy.entry(table, key)
        # An entry that leads nowhere ends the search for others.
        guess: str | Outage | None = ""
        found = self._find(("entry", table.name, key), lambda: tables.value(table, Service.ALIAS, key), guess)
        return Entry(key=key, value=found) if isinstance(found, str) else found

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        """Look a user up."""
        tables = self._tables
        if userbase is None or tables is None or not tables.has(userbase):
            return self._policy.account(userbase, name)
        # Somebody who has no home directory has no `.forward`.
        guess: Account | Outage | None = Account(name=name, uid=0, gid=0, home="")
        return self._find(("account", userbase.name, name), lambda: tables.account(userbase, name), guess)

    # ------------------------------------------------------------ files

    def included(self, path: str) -> tuple[str, ...] | None:
        """Return the lines of a file that an alias includes."""
        question = "lines", path
        if question in self._known:
            return cast("tuple[str, ...] | None", self._known[question])
        found = self._policy.included(path)
        others = self._others
        if found is None and others is not None and others.may_have_lines(path):
            self._unknown[question] = lambda: others.lines(path)
        return found

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Return the ``.forward`` of a user."""
        others = self._others
        if others is None:
            return self._policy.forward(account)
        if ("forward", account) not in self._known and not others.may_have_forward(account):
            return None
        guess: ForwardFile | ForwardProblem | None = None
        return self._find(("forward", account), lambda: others.forward(account), guess)
