"""Decisions that depend on tables whose answer is not known: every way in which they can come out.

    if <a> has it: "in"   if <b> has it: "out"   else refused

The tables are asked in this order and only as far as that is needed, as the server does;
one that does not answer ends the matter.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from smtpdsl.ir.semantics import Answer

FAILED: Hashable = "failed"
# Tables that two configurations ask about one envelope; each makes three cases of one.
_MOST = 8


class Contender(NamedTuple):
    """A rule that decides if each of *doubts*, a variable and its sense, holds; *number* is None for no rule."""

    doubts: tuple[tuple[int, bool], ...]
    outcome: Hashable
    number: int | None


class Decided(NamedTuple):
    """What is done, by which rule, and whether that is because a table failed."""

    outcome: Hashable
    number: int | None
    has_failed: bool = False


class Undecided(NamedTuple):
    """What two configurations do, given *answers* of variables."""

    answers: Mapping[int, Answer]
    old: Decided
    new: Decided


def decisions_of(
    old: Sequence[Contender], new: Sequence[Contender], fixed: Mapping[int, Answer] = {}
) -> Iterator[Undecided]:
    """Yield every case of *old* and *new*, the answers in *fixed* given."""
    pending: list[dict[int, Answer]] = [{}]
    while pending:
        answers = pending.pop()
        known = {**fixed, **answers}
        first = _decide(old, known)
        second = _decide(new, known) if isinstance(first, Decided) else first
        if isinstance(second, Decided):
            assert isinstance(first, Decided)
            yield Undecided(answers, first, second)
        elif len(answers) < _MOST:
            pending += [{**answers, second: given} for given in (Answer.UNAVAILABLE, Answer.NO, Answer.YES)]


def _decide(contenders: Sequence[Contender], answers: Mapping[int, Answer]) -> Decided | int:
    """Return the decision, or the variable that has to be asked first."""
    for contender in contenders:
        holds = True
        for variable, is_negated in contender.doubts:
            given = answers.get(variable)
            if given is None:
                return variable
            if given is Answer.UNAVAILABLE:
                return Decided(FAILED, contender.number, has_failed=True)
            if (given is Answer.YES) is is_negated:
                holds = False
                break
        if holds:
            return Decided(contender.outcome, contender.number)
    raise AssertionError(contenders)
