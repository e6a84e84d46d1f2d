"""The questions of rules, each once, with the rules that ask it: for one configuration or for two.

    match from any for domain <d> action "in"          bit 0
    match from local for any action "out"              bit 1

A rule is a bit.  Questions to one table are one question, be it asked by rules of two
files.  What a regular expression matches, and what a table elsewhere has, is not worked
out: such a question is a variable, and equal ones are the same variable.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from smtpdsl.ir.aspects import Aspect, aspect_of, is_fallible
from smtpdsl.ir.classes import Uses
from smtpdsl.ir.resolved import AnySource, Condition, InTable, Question, Table
from smtpdsl.ir.table_file import Service


class Variable(NamedTuple):
    """A question whose answer is not worked out, and how it is asked; *aspect* is None where nobody can ask it here."""

    question: Question
    words: str
    plain: int
    negated: int
    aspect: Aspect | None

    @property
    def asking(self) -> int:
        """The rules that ask it."""
        return self.plain | self.negated

    @property
    def table(self) -> Table | None:
        """The table that knows the answer."""
        return self.question.table if isinstance(self.question, InTable) else None


class Questions(NamedTuple):
    """Everything that some rules ask."""

    possible: int
    """The rules that do not contradict what holds of every envelope."""
    every: int
    uses: dict[Aspect, list[Uses]]
    """Questions that are worked out, by what they are about."""
    regexes: tuple[Variable, ...]
    elsewhere: tuple[Variable, ...]
    """Questions to tables that the compiler does not read, and what only a running server can find out."""


def questions_of(rules: Sequence[Iterable[Condition]]) -> Questions:
    """Return the questions of *rules*, each given by its conditions."""
    possible = every = (1 << len(rules)) - 1
    asked: dict[Hashable, tuple[Condition, list[int]]] = {}
    for number, conditions in enumerate(rules):
        for condition in conditions:
            if isinstance(condition.question, AnySource):
                possible &= ~(condition.negated << number)
            else:
                _, masks = asked.setdefault(question_key(condition.question), (condition, [0, 0]))
                masks[condition.negated] |= 1 << number
    uses: dict[Aspect, list[Uses]] = {}
    regexes: list[Variable] = []
    elsewhere: list[Variable] = []
    for condition, (plain, negated) in asked.values():
        question, words = condition.question, condition.words.removeprefix("!")
        if is_fallible(question):
            elsewhere.append(Variable(question, words, plain, negated, None))
        elif isinstance(question, InTable) and question.service is Service.REGEX:
            regexes.append(Variable(question, words, plain, negated, aspect_of(question)))
        else:
            uses.setdefault(aspect_of(question), []).append(Uses(question, words, plain, negated))
    return Questions(possible, every, uses, tuple(regexes), tuple(elsewhere))


def question_key(question: Question) -> Hashable:
    """Return what equal questions have in common."""
    if not isinstance(question, InTable):
        return type(question)
    return question.subject, question.service, _content(question.table, question.service)


def _content(table: Table | None, service: Service) -> Hashable:
    if table is None:
        return None
    if is_unread(table):
        # Two files that name one table mean the same one.
        return table.backend, table.path or table.name
    if service is Service.REGEX:
        return tuple(sorted({entry.key for entry in table.entries}))
    return id(table)


def is_unread(table: Table) -> bool:
    """Whether the content of *table* is not known here."""
    return not table.is_known and table.backend != "built-in"
