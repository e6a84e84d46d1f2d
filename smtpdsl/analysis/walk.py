"""What an expansion asks, answered by the rules and tables of a configuration as the analysis knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from smtpdsl.analysis.witness import Assumed
from smtpdsl.ir.answers import Site
from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account, Entry
from smtpdsl.ir.resolved import Question, Ruleset, Table
from smtpdsl.ir.semantics import Answer, Decision, evaluate
from smtpdsl.ir.table_index import TableIndex, is_system_userbase
from smtpdsl.mail.envelope import Envelope


class Accounts(Protocol):
    """What lies outside the configuration."""

    def system_account(self, name: str) -> Account | None:
        """An account of this system."""

    def lines(self, path: str) -> tuple[str, ...] | None:
        """The lines of a file of targets; None if it cannot be read."""


class Anybody:
    """A system on which every user has an account, and no file can be read: for those who may not look."""

    def system_account(self, name: str) -> Account | None:
        """Have an account for everybody."""
        return Account(name=name, uid=65534, gid=65534, home="")

    def lines(self, path: str) -> tuple[str, ...] | None:
        """Read nothing."""
        del path
        return None


class Walker:
    """Answers the questions of `ir.expansion.expand`; nobody has a `.forward`."""

    def __init__(
        self,
        ruleset: Ruleset,
        site: Site,
        accounts: Accounts,
        assumed: Iterable[tuple[Question, Answer]] = (),
        decide: Callable[[Envelope], Decision] | None = None,
    ) -> None:
        """Decide by *ruleset* at *site*, by the reference unless there is another way to *decide*."""
        self._decide = decide
        self.ruleset = ruleset
        self.site = site
        self.accounts = accounts
        self.assumed = Assumed(assumed)
        self.index = TableIndex()

    def decide(self, envelope: Envelope) -> Decision:
        """Evaluate the rules for *envelope*."""
        if self._decide is not None:
            return self._decide(envelope)
        return evaluate(self.ruleset.rules, lambda question: self.assumed(question, envelope, self.site))

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        """Look *key* up in a table of aliases."""
        return self.index.entry(table, key) if table.is_known else Outage.UNAVAILABLE

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        """Look a user up."""
        if userbase is None or is_system_userbase(userbase):
            return self.accounts.system_account(name)
        return self.index.account(userbase, name) if userbase.is_known else Outage.UNAVAILABLE

    def included(self, path: str) -> tuple[str, ...] | None:
        """Return the lines of a file that an alias includes."""
        return self.accounts.lines(path)

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Find none."""
        del account
        return None
