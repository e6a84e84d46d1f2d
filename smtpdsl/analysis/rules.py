"""The rules of a configuration, to be asked: which can decide, by what are they covered, what comes next.

Rules of the language before 6.4 may be two `match` lines; they are one rule to whoever
wrote them, so they are looked at together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple

from smtpdsl.analysis.search import Budget, Found, Goal, OverBudgetError, find
from smtpdsl.analysis.space import EVERYBODY, INTERNAL, Axes, Space, sum_masks
from smtpdsl.analysis.witness import Assumed, Witness, replay
from smtpdsl.ir.answers import Site
from smtpdsl.ir.classes import bits
from smtpdsl.ir.resolved import LocalAction, Question, Ruleset
from smtpdsl.ir.semantics import Answer, Decision, Verdict, evaluate
from smtpdsl.mail.envelope import Envelope

# Steps of one search, and of all searches of a run: a second or two.
SEARCH_STEPS = 20_000
TOTAL_STEPS = 300_000


class Outcome(NamedTuple):
    """What a search came to: a witness, or none because there is none, or because nobody knows."""

    witness: Witness | None
    is_certain: bool
    """Whether the answer is exact; a witness always is, as far as it assumes nothing."""


class AskedRules:
    """The rules of *ruleset* with their space, and what is found out about them on the way."""

    def __init__(self, ruleset: Ruleset, site: Site, steps: int = TOTAL_STEPS) -> None:
        """Ask nothing yet."""
        self.ruleset = ruleset
        self.rules = ruleset.rules
        self.site = site
        self.space = Space([rule.conditions for rule in ruleset.rules], site)
        self.left = steps

    @cached_property
    def kinds(self) -> int:
        """The kinds of clients that there are; mail is made of other mail where users are looked up."""
        has_users = any(isinstance(rule.action, LocalAction) for rule in self.rules)
        return EVERYBODY if has_users else EVERYBODY & ~INTERNAL

    @property
    def groups(self) -> list[list[int]]:
        """The numbers of the rules, those of one statement together."""
        by_place: dict[object, list[int]] = {}
        for number, rule in enumerate(self.rules):
            by_place.setdefault(rule.span, []).append(number)
        return list(by_place.values())

    def search(self, axes: Axes, alive: int, goal: Goal, steps: int = SEARCH_STEPS) -> Found | None:
        """Look for *goal*; raises OverBudgetError."""
        if self.left <= 0:
            raise OverBudgetError
        budget = Budget(min(steps, self.left))
        try:
            return find(axes, alive & self.space.possible, goal, budget)
        finally:
            self.left -= min(steps, self.left) - max(budget.left, 0)

    def look(self, alive: int, goal: Goal, *, proves: Callable[[Decision], bool] = lambda _: True) -> Outcome:
        """Look for an envelope that can be sent; without one, see whether that is certain.

        Args:
            alive: The rules to look at.
            goal: What to look for.
            proves: Whether what the reference decides is what was looked for.
        """
        try:
            found = self.search(self.space.examples, alive, goal)
            if found is not None:
                witness = self.witness(found)
                if proves(replay(self.rules, witness, self.site)):
                    return Outcome(witness, is_certain=True)
                return Outcome(None, is_certain=False)
            if self.space.examples.is_exact:
                return Outcome(None, is_certain=True)
            bounds = self.space.bounds
            return Outcome(None, is_certain=bounds.is_exact and self.search(bounds, alive, goal) is None)
        except OverBudgetError:
            return Outcome(None, is_certain=False)

    def decide(self, envelope: Envelope, assumed: Iterable[tuple[Question, Answer]] = ()) -> Decision:
        """Decide as the reference does, by the indexes: for envelopes of which there are many."""
        known = Assumed(assumed)
        questions, alive = self.space.questions, self.space.possible
        for aspect in questions.uses:
            dimension = self.space.dimension(aspect)
            assert dimension is not None
            alive &= dimension.mask(envelope)
        for each in questions.regexes:
            found = known(each.question, envelope, self.site)
            alive &= ~(each.plain if found is Answer.NO else each.negated if found is Answer.YES else each.asking)
        doubted = sum_masks(each.asking for each in questions.elsewhere)
        for number in bits(alive):
            rule = self.rules[number]
            if doubted >> number & 1:
                decision = evaluate([rule], lambda question: known(question, envelope, self.site))
            else:
                verdict = Verdict.REJECT if rule.action is None else Verdict.ACCEPT
                decision = Decision(verdict=verdict, rule=rule, trail=())
            if decision.rule is not None:
                return decision
        return Decision(verdict=Verdict.REJECT, rule=None, trail=())

    def witness(self, found: Found) -> Witness:
        """Return the envelope of *found*."""
        return Witness(found.envelope(self.space), found.assumed)


def first_of(mask: int) -> int:
    """Return the number of the lowest bit of *mask*, which is not empty."""
    return (mask & -mask).bit_length() - 1
