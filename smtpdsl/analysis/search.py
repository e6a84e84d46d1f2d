"""Looking for an envelope, atom by atom: the way that a decision diagram would be walked, without building one.

A search keeps the set of rules that are still possible.  An axis that none of them asks
about is skipped, atoms that they treat alike are one, and what led nowhere once is not
looked at again.  What needs more steps than its budget ends with `OverBudgetError`, and whoever
asked says "unknown".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from smtpdsl.analysis.candidates import HOST
from smtpdsl.analysis.questions import Variable
from smtpdsl.analysis.space import EVERYBODY, KINDS, Axes, Axis, Space, usual, with_value
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.resolved import InTable, Question, Subject
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.envelope import Envelope


class OverBudgetError(Exception):
    """A search needs more steps than it may take."""


class Budget:
    """Steps that searches may take together."""

    def __init__(self, steps: int) -> None:
        """Have *steps* left."""
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps; raises OverBudgetError if there are none left."""
        self.left -= steps
        if self.left < 0:
            raise OverBudgetError


class Found(NamedTuple):
    """A combination: the kind of client, and the atom of each axis that was looked at."""

    kind: int
    path: tuple[tuple[Axis, int], ...]
    alive: int
    """The rules that are left."""

    def envelope(self, space: Space) -> Envelope:
        """Return an envelope that has these values."""
        chosen = {id(axis): number for axis, number in self.path}
        envelope = usual(self.kind, space.site)
        for axis in space.examples.axes:
            number = chosen.get(id(axis), axis.default(self.kind))
            if axis.aspect is not None and axis.variable is None and number is not None:
                envelope = with_value(envelope, axis.aspect, axis.atoms[number].example)
        if envelope.client.rdns is None and any(map(_wants_name, self.assumed)):
            envelope = envelope.replace(client=envelope.client.replace(rdns=HOST))
        return envelope

    @property
    def assumed(self) -> tuple[tuple[Question, Answer], ...]:
        """What this takes for granted about questions that cannot be answered here."""
        return tuple(
            (axis.variable.question, answer)
            for axis, number in self.path
            # A regular expression is asked about the witness like everything that is known here.
            if axis.variable is not None
            and axis.variable.aspect is None
            and (answer := axis.atoms[number].assumed) is not None
        )


Allowed = Mapping[Aspect, Callable[[Envelope], bool]]
"""Which examples of an aspect a search may use; all of those that are not named."""


def _wants_name(assumed: tuple[Question, Answer]) -> bool:
    """Whether a table of reverse DNS names is asked; nobody asks it about a client that has none."""
    question, given = assumed
    return isinstance(question, InTable) and question.subject is Subject.RDNS and given is not Answer.SENSELESS


class Goal(NamedTuple):
    """What is looked for: envelopes of *kinds* for which *holds* is true of the rules that are left.

    The rules in *kept* have to be among them.  Rules behind the first that has no question left
    play no part, unless it is one of *passed*, which decide nothing.
    """

    holds: Callable[[int], bool]
    kept: int = 0
    passed: int = 0
    kinds: int = EVERYBODY
    allowed: Allowed = MappingProxyType({})
    assumes: Callable[[Variable, Answer], bool] | None = None
    """Which answers to variables may be taken for granted; None for all."""
    is_alone: bool = False
    """Whether no rule but those in *kept* may be left; then fewer rules are always better."""

    @classmethod
    def deciding(
        cls,
        number: int,
        *,
        kinds: int = EVERYBODY,
        allowed: Allowed = MappingProxyType({}),
        assumes: Callable[[Variable, Answer], bool] | None = None,
    ) -> Goal:
        """Look for envelopes about which the rule *number* decides; those behind it may not be among the rules."""
        bit = 1 << number
        return cls(lambda alive: alive == bit, kept=bit, kinds=kinds, allowed=allowed, assumes=assumes, is_alone=True)


def find(axes: Axes, alive: int, goal: Goal, budget: Budget) -> Found | None:
    """Return the first combination in *axes* that reaches *goal* with the rules *alive*; None if there is none."""
    return next(find_all(axes, alive, goal, budget), None)


def find_all(axes: Axes, alive: int, goal: Goal, budget: Budget) -> Iterator[Found]:
    """Yield combinations that reach *goal*: one for each kind of client that can."""
    for kind in KINDS:
        if kind & goal.kinds:
            search = _Search(axes.axes, goal, kind, budget)
            if (found := search.run(alive)) is not None:
                yield found


def blockers(axes: Axes, alive: int, goal: Goal, budget: Budget) -> int:
    """Return rules that together keep a search for *goal*, which has found nothing, from reaching it."""
    found = 0
    for kind in KINDS:
        if kind & goal.kinds:
            search = _Search(axes.axes, goal, kind, budget)
            search.run(alive)
            found |= search.blockers
    return found


class _Search:
    """One depth-first walk, for clients of one kind."""

    def __init__(self, axes: tuple[Axis, ...], goal: Goal, kind: int, budget: Budget) -> None:
        self.axes = axes
        self.goal = goal
        self.kind = kind
        self.budget = budget
        self.failed: set[tuple[int, int]] = set()
        self.path: list[tuple[Axis, int]] = []
        self.blockers = 0
        # What no axis from each level on asks about; the rules of `passed` settle nothing.
        settled = ~goal.passed
        self.settled = [settled]
        for axis in reversed(axes):
            settled &= ~axis.asking
            self.settled.insert(0, settled)

    def run(self, alive: int) -> Found | None:
        left = self.visit(alive, 0)
        return None if left is None else Found(self.kind, tuple(self.path), left)

    def visit(self, alive: int, level: int) -> int | None:
        """Return what is left of the rules at the goal, with the way there in `path`; None if none leads there."""
        self.budget.spend()
        alive = self.cut(alive, level)
        while level < len(self.axes) and not self.must_ask(self.axes[level], alive):
            level += 1
            alive = self.cut(alive, level)
        if self.goal.is_alone and (settled := alive & self.settled[level] & ~self.goal.kept):
            self.blockers |= settled & -settled
            return None
        if level == len(self.axes):
            return alive if self.goal.holds(alive) else None
        if (level, alive) in self.failed:
            return None
        axis = self.axes[level]
        for number, left in self.branches(axis, alive):
            self.path.append((axis, number))
            found = self.visit(left, level + 1)
            if found is not None:
                return found
            self.path.pop()
        self.failed.add((level, alive))
        return None

    def must_ask(self, axis: Axis, alive: int) -> bool:
        is_limited = axis.variable is None and axis.aspect in self.goal.allowed
        return bool(alive & axis.asking) or is_limited or axis.default(self.kind) is None

    def cut(self, alive: int, level: int) -> int:
        """Drop the rules behind the first that has nothing left to ask; those that have to be kept stay."""
        settled = alive & self.settled[level] & ~self.goal.kept
        if not settled:
            return alive
        return alive & (((settled & -settled) << 1) - 1 | self.goal.kept | self.goal.passed)

    def branches(self, axis: Axis, alive: int) -> Iterator[tuple[int, int]]:
        """Yield the atoms to go on with, one for each set of rules that they leave, and that set."""
        seen: set[int] = set()
        rest: list[tuple[int, int]] = []
        for number in self.numbers(axis, alive):
            self.budget.spend()
            left = alive & axis.atoms[number].mask
            if left not in seen and left & self.goal.kept == self.goal.kept and self.is_allowed(axis, number):
                seen.add(left)
                rest.append((number, left))
                if not self.goal.is_alone:
                    yield rest.pop()
        # What has another set in it need not be looked at.
        rest.sort(key=lambda each: each[1].bit_count())
        kept: list[int] = []
        for number, left in rest:
            if not any(each & left == each for each in kept):
                kept.append(left)
                yield number, left

    def numbers(self, axis: Axis, alive: int) -> Iterator[int]:
        """Yield the atoms that one of the rules *alive* tells apart, what nobody names first."""
        first = axis.default(self.kind)
        if first is None:
            return
        if axis.aspect in self.goal.allowed and axis.variable is None:
            yield from (number for number, atom in enumerate(axis.atoms) if atom.kinds & self.kind)
            return
        yield first
        named = axis.named(self.kind)
        told = {first}
        asking = alive & axis.asking
        while asking:
            lowest = asking & -asking
            asking ^= lowest
            for number in named.get(lowest.bit_length() - 1, ()):
                if number not in told:
                    told.add(number)
                    yield number

    def is_allowed(self, axis: Axis, number: int) -> bool:
        atom = axis.atoms[number]
        if axis.variable is not None:
            return atom.assumed is None or self.goal.assumes is None or self.goal.assumes(axis.variable, atom.assumed)
        test = self.goal.allowed.get(axis.aspect) if axis.aspect is not None else None
        return test is None or test(atom.example)
