"""The meaning of a ruleset, written to be read, not to be fast.

    match from any for domain <d> action "in"      rules are tried in order;
    match from local for any action "out"          the first whose conditions all hold decides.

A condition is answered yes, no or unavailable.  `unavailable`, where it is reached,
makes the decision a temporary failure: a later rule might have been the right one, or
not, and mail is never guessed about.  No rule at all refuses the recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from smtpdsl.ir.resolved import Condition, Question, Rule
from smtpdsl.record import Record


class Answer(Enum):
    """What a question about an envelope is answered."""

    YES = "yes"
    NO = "no"
    UNAVAILABLE = "unavailable"
    # A question that has no meaning for this envelope: a rule that asks it does not match,
    # negated or not (the reverse DNS name of a client that has none).
    SENSELESS = "senseless"

    def negate(self) -> Answer:
        """The answer to the question with `!` before it; a failure stays a failure."""
        return {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(self, self)


class Verdict(Enum):
    """What happens to a recipient."""

    ACCEPT = "accept"
    REJECT = "reject"
    TEMPFAIL = "tempfail"


class Step(NamedTuple):
    """A condition that was asked, and its answer with the negation applied."""

    rule: Rule
    condition: Condition
    answer: Answer


class Decision(Record):
    """The verdict, the rule that gave it (none if no rule matched), and everything asked on the way."""

    verdict: Verdict
    rule: Rule | None
    trail: tuple[Step, ...]


def evaluate(rules: Iterable[Rule], answer: Callable[[Question], Answer]) -> Decision:
    """Decide by *rules*; *answer* tells what holds of the envelope at hand."""
    trail: list[Step] = []
    for rule in rules:
        outcome = Answer.YES
        for condition in rule.conditions:
            outcome = answer(condition.question)
            if condition.negated:
                outcome = outcome.negate()
            trail.append(Step(rule, condition, outcome))
            if outcome is not Answer.YES:
                break
        if outcome is Answer.UNAVAILABLE:
            return Decision(verdict=Verdict.TEMPFAIL, rule=rule, trail=tuple(trail))
        if outcome is Answer.YES:
            verdict = Verdict.REJECT if rule.action is None else Verdict.ACCEPT
            return Decision(verdict=verdict, rule=rule, trail=tuple(trail))
    return Decision(verdict=Verdict.REJECT, rule=None, trail=tuple(trail))
