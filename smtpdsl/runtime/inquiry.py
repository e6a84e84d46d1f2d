"""What the expansion of one recipient asks, where this process cannot read everything itself.

    expand ──.forward of ann?──▶ not known: noted, and taken for "nothing" ──▶ a result that nobody uses
      │                                                                                │
      └── again, with what is known now ◀── everything that was noted, asked at once ──┘

The expansion stays pure, and the event loop waits for nobody.  Each round goes one ``.forward``
deeper, so there are no more rounds than steps from the recipient.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account

if TYPE_CHECKING:
    from smtpdsl.runtime.policy import Policy


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


class Inquiry:
    """Answers what the policy and others know, and notes what nobody knows yet."""

    def __init__(self, policy: Policy, others: Others) -> None:
        """Ask *policy*, and *others* for what it may not read."""
        self.decide, self.entry, self.account = policy.decide, policy.entry, policy.account
        self._read = policy.included
        self._others = others
        self._forwards: dict[Account, ForwardFile | ForwardProblem | None] = {}
        self._lines: dict[str, tuple[str, ...] | None] = {}
        self._unknown_forwards: dict[Account, None] = {}
        self._unknown_lines: dict[str, None] = {}

    @property
    def lacks(self) -> bool:
        """Whether something was asked that is not known; then what came out is worth nothing."""
        return bool(self._unknown_forwards or self._unknown_lines)

    def included(self, path: str) -> tuple[str, ...] | None:
        """Return the lines of a file that an alias includes."""
        if path in self._lines:
            return self._lines[path]
        found = self._read(path)
        if found is None and self._others.may_have_lines(path):
            self._unknown_lines[path] = None
        return found

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Return the ``.forward`` of a user."""
        if account in self._forwards:
            return self._forwards[account]
        if self._others.may_have_forward(account):
            self._unknown_forwards[account] = None
        return None

    async def find_out(self) -> None:
        """Ask for everything that is lacking."""
        accounts, paths = list(self._unknown_forwards), list(self._unknown_lines)
        forwards = await asyncio.gather(*map(self._others.forward, accounts))
        lines = await asyncio.gather(*map(self._others.lines, paths))
        self._forwards.update(zip(accounts, forwards, strict=True))
        self._lines.update(zip(paths, lines, strict=True))
        self._unknown_forwards.clear()
        self._unknown_lines.clear()
