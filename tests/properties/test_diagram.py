"""The diagram means what the reference means, with the freedom that an optimizer has."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping

from hypothesis import given, settings

from smtpdsl.compiler.build_diagram import build_diagram, question_key
from smtpdsl.ir.answers import Lookup, answer, key_of, service_of
from smtpdsl.ir.classes import UNLISTED, NoLookup
from smtpdsl.ir.diagram import Asked, Diagram
from smtpdsl.ir.envelope_examples import OUTSIDER
from smtpdsl.ir.resolved import (
    AnyDestination,
    Condition,
    ConfirmedReverseName,
    InTable,
    Question,
    Rule,
    Slot,
    Subject,
    Table,
)
from smtpdsl.ir.semantics import Answer, Decision, Verdict, evaluate
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Envelope
from tests.properties.parts import SPAN
from tests.properties.rulesets import ACTION, SITE, Elsewhere, Name, elsewhere, envelopes, rulesets

# This is what the optimizer stands on, so it gets more than the others.
EXAMPLES = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 250
_MANY = 10


def reference(rules: tuple[Rule, ...], envelope: Envelope, lookup: Lookup) -> Decision:
    """Decide by the reference."""
    return evaluate(rules, lambda question: answer(question, envelope, SITE, lookup).answer)


def outcome(decision: Decision) -> tuple[Verdict, int | None]:
    """Return the verdict, and which rule gave it."""
    return decision.verdict, id(decision.rule) if decision.rule is not None else None


def assert_agrees(diagram: Diagram, rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere) -> None:
    """Where the reference decides, the diagram does the same; where it fails, that fails or cannot be wrong."""
    expected, found = reference(rules, envelope, world), diagram.decide(envelope, world)

    if expected.verdict is not Verdict.TEMPFAIL:
        assert outcome(found) == outcome(expected)
    elif found.verdict is not Verdict.TEMPFAIL:
        names = dict.fromkeys(names_of(rules, envelope))
        for each in variants(world, [name for name in names if world.answer(name) is Answer.UNAVAILABLE]):
            decided = reference(rules, envelope, each)
            # A question that fails by its nature is no table that could be mended.
            assert outcome(decided) == outcome(found) or decided.verdict is Verdict.TEMPFAIL


@settings(max_examples=EXAMPLES)
@given(rules=rulesets(), envelope=envelopes(), world=elsewhere())
def test_diagram_agrees_with_semantics(rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere) -> None:
    """Compiling and optimizing never changes what happens to an envelope."""
    diagram = build_diagram(rules, SITE)

    assert diagram.root is not None
    assert_agrees(diagram, rules, envelope, world)


@settings(max_examples=EXAMPLES)
@given(rules=rulesets(), envelope=envelopes(), world=elsewhere())
def test_masks_agree_with_semantics(rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere) -> None:
    """A diagram above its limit decides the same on its masks, the second time too."""
    diagram = build_diagram(rules, SITE, limit=0)

    assert_agrees(diagram, rules, envelope, world)
    assert_agrees(diagram, rules, envelope, world)


@settings(max_examples=EXAMPLES)
@given(rules=rulesets(), envelope=envelopes(), world=elsewhere())
def test_fallible_questions_are_asked_once_and_in_order(
    rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere
) -> None:
    """What the diagram asks elsewhere the reference might ask too, in this order, had the answers been so."""
    build_diagram(rules, SITE).decide(envelope, world)
    written = iter(names_of(rules, envelope))

    assert len(set(world.asked)) == len(world.asked)
    assert all(name in written for name in world.asked), "not in source order"
    for place, name in enumerate(world.asked):
        others = [each for each in dict.fromkeys(names_of(rules, envelope)) if each not in world.asked[:place]]
        assert any(
            name in asked_by_reference(rules, envelope, each, hopes)
            for each in variants(world, others)
            for hopes in hopes_of(rules)
        )


def names_of(rules: tuple[Rule, ...], envelope: Envelope) -> Iterator[Name]:
    """Yield what *rules* ask tables elsewhere about *envelope*, in source order."""
    for rule in rules:
        for condition in rule.conditions:
            question = condition.question
            if isinstance(question, InTable) and question.table is not None and not question.table.is_known:
                key = key_of(question.subject, envelope)
                if key is not None:
                    yield question.table.name, service_of(question, key), key


def variants(world: Elsewhere, names: list[Name]) -> Iterator[Elsewhere]:
    """Yield every world that differs from *world* in the answers for *names* only, none of which fails."""
    for answers in itertools.product((Answer.YES, Answer.NO), repeat=len(names)):
        yield world.with_answers(dict(zip(names, answers, strict=True)))


def hopes_of(rules: tuple[Rule, ...]) -> Iterator[Mapping[object, Answer]]:
    """Yield answers to the questions that nobody can answer; had somebody known, it might have been any."""
    keys = {
        question_key(each.question): None
        for rule in rules
        for each in rule.conditions
        if isinstance(each.question, ConfirmedReverseName)
        or (isinstance(each.question, InTable) and each.question.table is None)
    }
    for answers in itertools.product((Answer.YES, Answer.NO), repeat=len(keys)):
        yield dict(zip(keys, answers, strict=True))


def asked_by_reference(
    rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere, hopes: Mapping[object, Answer]
) -> list[Name]:
    """Return what the reference asks elsewhere."""

    def ask(question: Question) -> Answer:
        found = answer(question, envelope, SITE, world).answer
        return hopes.get(question_key(question), found) if found is Answer.UNAVAILABLE else found

    evaluate(rules, ask)
    return world.asked


@settings(max_examples=EXAMPLES // _MANY)
@given(rules=rulesets(), envelope=envelopes(), world=elsewhere())
def test_the_trail_changes_nothing(rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere) -> None:
    """Whoever wants to know what was asked gets the same decision, and no aspect twice on the way through a diagram."""
    diagram = build_diagram(rules, SITE)
    trail: list[Asked] = []

    assert outcome(diagram.decide(envelope, world, trail)) == outcome(diagram.decide(envelope, world))
    assert len(trail) <= len(diagram.dimensions) + len(world.asked) + len(rules) * 2


def test_a_class_that_nobody_foresaw_is_decided_too() -> None:
    """A user without a domain is of no listed class, and none that is listed lets the rule match."""
    people = Table(span=SPAN, name="t", backend="static", kind=Kind.LIST, entries=(TableEntry(span=SPAN, key="joe"),))
    is_joe = InTable(subject=Subject.FORWARD_PATH, table=people, service=Service.MAILADDR)
    conditions = (
        Condition(span=SPAN, slot=Slot.FOR, question=AnyDestination(), negated=True),
        Condition(span=SPAN, slot=Slot.RCPT_TO, question=is_joe),
    )
    rule = Rule(span=SPAN, conditions=conditions, action=ACTION)
    diagram = build_diagram([rule], SITE)
    joe = OUTSIDER.replace(recipient=Mailbox(local_part="joe", domain=""))

    assert [dimension.classify(joe) for dimension in diagram.dimensions] == [UNLISTED]
    assert diagram.decide(joe, NoLookup()).rule is rule
