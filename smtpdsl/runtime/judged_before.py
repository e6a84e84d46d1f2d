"""Recipients that were accepted before, for as long as all that was asked about them is answered the same.

    joe@example.org    rules? alias? account? .forward?  ─▶  the expansion walks  ─▶  Accepted(...)   noted
    joe@example.org    rules? alias? account? .forward?  ─▶  all as it was noted  ─▶  the same Accepted

What an expansion comes to follows from the recipient and from the answers alone.  So nothing here
grows old: each question is asked again, and the first one that is answered otherwise ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import methodcaller
from typing import Generic, NamedTuple, TypeVar

from smtpdsl.ir.expansion import Outage, Questions
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account, Entry
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Decision
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Envelope

_T = TypeVar("_T")

# Recipients that are remembered, and what may have been asked about each: some kilobytes.
_MAX_RECIPIENTS = 1024
_MAX_QUESTIONS = 16


class Notes(NamedTuple):
    """What an expansion has asked, in order, and what was answered.

    Of *decisions* each has the address that the rules were asked about, which this host has made of the recipient;
    None is the recipient itself.  The others are asked again by calling them.
    """

    decisions: list[tuple[Mailbox | None, Decision]]
    answers: list[tuple[Callable[[Questions], object], object]]


class Noting:
    """Passes on what an expansion asks, and notes what is answered."""

    def __init__(self, questions: Questions) -> None:
        """Ask *questions*."""
        self._questions = questions
        self.notes = Notes([], [])

    def decide(self, envelope: Envelope) -> Decision:
        """Evaluate the rules for *envelope*."""
        decision = self._questions.decide(envelope)
        self.notes.decisions.append((envelope.recipient if envelope.is_internal else None, decision))
        return decision

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        """Look *key* up in a table of aliases."""
        found = self._questions.entry(table, key)
        self.notes.answers.append((methodcaller("entry", table, key), found))
        return found

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        """Look a user up."""
        found = self._questions.account(userbase, name)
        self.notes.answers.append((methodcaller("account", userbase, name), found))
        return found

    def included(self, path: str) -> tuple[str, ...] | None:
        """Read the lines of a file that an alias includes."""
        found = self._questions.included(path)
        self.notes.answers.append((methodcaller("included", path), found))
        return found

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read the `.forward` of a user."""
        found = self._questions.forward(account)
        self.notes.answers.append((methodcaller("forward", account), found))
        return found


class JudgedBefore(Generic[_T]):
    """What became of recipients."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[Mailbox, tuple[Notes, _T]] = {}

    def note(self, recipient: Mailbox, notes: Notes, result: _T) -> None:
        """Remember that *recipient* came to *result* by what is in *notes*, unless that is too much."""
        if len(notes.decisions) + len(notes.answers) > _MAX_QUESTIONS:
            return
        if len(self._known) >= _MAX_RECIPIENTS:
            self._known.clear()
        self._known[recipient] = notes, result

    def find(self, asked: Envelope, questions: Questions) -> _T | None:
        """Return what the recipient of *asked* came to, if *questions* are answered as they were; else None."""
        known = self._known.get(asked.recipient)
        if known is None:
            return None
        notes, result = known
        return result if _holds(notes, asked, questions) else None


def _holds(notes: Notes, asked: Envelope, questions: Questions) -> bool:
    """Whether *notes* are still true, for the sender and the client of *asked*."""
    for made, decision in notes.decisions:
        again = asked if made is None else asked.replace(recipient=made, is_internal=True)
        found = questions.decide(again)
        # Most answers are the very object that they were.
        if found is not decision and found != decision:
            return False
    for ask, before in notes.answers:
        answer = ask(questions)
        if answer is not before and answer != before:
            return False
    return True
