"""The reference meaning: rules in order, first match wins, and a failure on the way decides too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    Condition,
    HasReverseName,
    IsAuthenticated,
    LocalAction,
    LocalDestination,
    LocalSource,
    Mbox,
    Question,
    Rule,
    Setting,
    Slot,
    SocketSource,
    UsesTls,
)
from smtpdsl.ir.semantics import Answer, Decision, Verdict, evaluate
from tests.worlds import ruleset_of

SPAN = Source("smtpd.conf", "").whole()
ACTION = LocalAction(span=SPAN, name="in", method=Mbox(), ttl=Setting(value=1))
QUESTIONS: dict[Slot, tuple[Question, ...]] = {
    Slot.FROM: (AnySource(), LocalSource(), SocketSource(), HasReverseName()),
    Slot.FOR: (AnyDestination(), LocalDestination()),
    Slot.AUTH: (IsAuthenticated(),),
    Slot.TLS: (UsesTls(),),
}
ALWAYS = Rule(span=SPAN, conditions=(), action=ACTION)
YES, NO, SENSELESS, UNAVAILABLE = Answer.YES, Answer.NO, Answer.SENSELESS, Answer.UNAVAILABLE


def condition(slot: Slot, question: Question, *, negated: bool = False) -> Condition:
    """Build a condition that stands nowhere."""
    return Condition(span=SPAN, slot=slot, question=question, negated=negated)


def conditions() -> st.SearchStrategy[tuple[Condition, ...]]:
    """Draw some slots, each with a question that fits, in slot order."""
    slots = st.lists(st.sampled_from(list(QUESTIONS)), unique=True).map(sorted)
    return slots.flatmap(
        lambda chosen: st.tuples(
            *(
                st.builds(
                    lambda question, negated, slot=slot: condition(slot, question, negated=negated),
                    st.sampled_from(QUESTIONS[slot]),
                    st.booleans(),
                )
                for slot in chosen
            )
        )
    )


def rules(max_size: int = 6) -> st.SearchStrategy[list[Rule]]:
    """Draw rules, some of which reject."""
    actions = st.sampled_from([ACTION, None])
    return st.lists(
        st.builds(Rule, span=st.just(SPAN), conditions=conditions(), action=actions),
        max_size=max_size,
    )


def worlds() -> st.SearchStrategy[Mapping[Question, Answer]]:
    """Draw an answer to every question."""
    every = [question for questions in QUESTIONS.values() for question in questions]
    return st.fixed_dictionaries({question: st.sampled_from(Answer) for question in every})


def decide(ruleset: list[Rule], world: Mapping[Question, Answer]) -> Decision:
    """Evaluate *ruleset* where *world* holds."""
    return evaluate(ruleset, world.__getitem__)


def outcome(decision: Decision) -> tuple[Verdict, int | None]:
    """Return the verdict, and which rule gave it."""
    return decision.verdict, id(decision.rule) if decision.rule is not None else None


@given(ruleset=rules(), others=rules(), world=worlds())
def test_nothing_behind_an_unconditional_rule_matters(
    ruleset: list[Rule], others: list[Rule], world: Mapping[Question, Answer]
) -> None:
    """A rule that always matches decides at the latest, so later ones never change a verdict."""
    closed = [*ruleset, ALWAYS]

    assert outcome(decide(closed, world)) == outcome(decide([*closed, *others], world))


@given(ruleset=rules(), others=rules(), world=worlds())
def test_what_decided_before_still_decides(
    ruleset: list[Rule], others: list[Rule], world: Mapping[Question, Answer]
) -> None:
    """Rules appended to a ruleset only speak where no earlier rule did."""
    before = decide(ruleset, world)

    after = decide([*ruleset, *others], world)

    assert before.rule is None or outcome(before) == outcome(after)


@given(slot=st.sampled_from(list(QUESTIONS)), data=st.data(), world=worlds())
def test_a_negated_condition_is_the_opposite_only_of_yes_and_no(
    slot: Slot, data: st.DataObject, world: Mapping[Question, Answer]
) -> None:
    """A failure stays a failure and a senseless question never matches, with `!` or without."""
    question = data.draw(st.sampled_from(QUESTIONS[slot]))
    plain = Rule(span=SPAN, conditions=(condition(slot, question),), action=ACTION)
    negated = Rule(span=SPAN, conditions=(condition(slot, question, negated=True),), action=ACTION)

    verdicts = decide([plain], world).verdict, decide([negated], world).verdict

    assert (
        verdicts
        == {
            YES: (Verdict.ACCEPT, Verdict.REJECT),
            NO: (Verdict.REJECT, Verdict.ACCEPT),
            SENSELESS: (Verdict.REJECT, Verdict.REJECT),
            UNAVAILABLE: (Verdict.TEMPFAIL, Verdict.TEMPFAIL),
        }[world[question]]
    )


@given(ruleset=rules(), world=worlds())
def test_the_trail_is_what_was_asked_in_order(ruleset: list[Rule], world: Mapping[Question, Answer]) -> None:
    """Each rule is asked up to its first condition that does not hold, and none behind the one that decides."""
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return world[question]

    decision = evaluate(ruleset, answer)

    assert asked == [step.condition.question for step in decision.trail]
    last = {id(step.rule): step.answer for step in decision.trail}
    for rule in ruleset:
        answers = [step.answer for step in decision.trail if step.rule is rule]
        assert all(each is YES for each in answers[:-1])
        if rule is decision.rule:
            break
        assert last.get(id(rule)) in {NO, SENSELESS}


@given(ruleset=rules(), world=worlds())
def test_only_a_reached_failure_is_a_temporary_one(ruleset: list[Rule], world: Mapping[Question, Answer]) -> None:
    """The verdict is temporary if and only if the last answer was none."""
    decision = decide(ruleset, world)
    is_reached = bool(decision.trail) and decision.trail[-1].answer is UNAVAILABLE

    assert (decision.verdict is Verdict.TEMPFAIL) is is_reached


def test_no_rule_refuses() -> None:
    """Where nothing matches the recipient is refused, by no rule."""
    assert outcome(evaluate([], lambda _: YES)) == (Verdict.REJECT, None)


def test_a_failure_keeps_later_rules_from_deciding() -> None:
    """A rule behind a table that cannot be asked might have been the right one, so nobody guesses."""
    fails = Rule(span=SPAN, conditions=(condition(Slot.TLS, UsesTls()),))

    assert evaluate([fails, ALWAYS], lambda _: UNAVAILABLE).verdict is Verdict.TEMPFAIL


def _refuse(unasked: type) -> Callable[[Question], Answer]:
    def answer(question: Question) -> Answer:
        assert not isinstance(question, unasked)
        return NO

    return answer


def test_conditions_are_asked_in_the_order_of_their_slots() -> None:
    """`for` comes before `tls`, however the rule is written, so a failing later question is not reached."""
    ruleset = ruleset_of('action "a" relay\nmatch tls from any for local action "a"\n')

    assert evaluate(ruleset.rules, _refuse(UsesTls)).verdict is Verdict.REJECT


@pytest.mark.parametrize(
    ("written", "slots"),
    [
        ("mail-from x tag y for any helo z from any", ["TAG", "FROM", "FOR", "HELO", "MAIL_FROM"]),
        ("rcpt-to x tls auth for any from any", ["FROM", "FOR", "AUTH", "TLS", "RCPT_TO"]),
    ],
)
def test_slot_order_is_that_of_the_manual(written: str, slots: list[str]) -> None:
    """tag, from, for, helo, auth, tls, mail-from, rcpt-to."""
    ruleset = ruleset_of(f'action "a" relay\nmatch {written} action "a"\n')

    assert [each.slot.name for each in ruleset.rules[0].conditions] == slots
