"""Classes know of each envelope what `ir.answers` answers, and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.ir.answers import answer
from smtpdsl.ir.classes import UNLISTED, NoLookup, bits
from smtpdsl.ir.envelope_examples import OUTSIDER
from smtpdsl.ir.resolved import Rule
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.envelope import Envelope
from tests.properties.rulesets import SITE, envelopes, rulesets
from tests.worlds import ruleset_of, site_of


@settings(max_examples=settings().max_examples * 5)
@given(rules=rulesets(fallible=False), asked=st.lists(envelopes(), min_size=1, max_size=4))
def test_classes_agree_with_the_answers(rules: tuple[Rule, ...], asked: list[Envelope]) -> None:
    """For every question of every dimension: it holds, does not, or has no meaning, as the reference says."""
    for dimension in build_diagram(rules, SITE).dimensions:
        for envelope in asked:
            found = dimension.answers(envelope)
            for number, use in enumerate(dimension.uses):
                expected = answer(use.question, envelope, SITE, NoLookup()).answer
                assert (number in found.holding) is (expected is Answer.YES)
                assert (number in found.senseless) is (expected is Answer.SENSELESS)


@settings(max_examples=settings().max_examples * 5)
@given(rules=rulesets(fallible=False), asked=st.lists(envelopes(), min_size=1, max_size=4))
def test_a_class_allows_the_rules_whose_conditions_hold(rules: tuple[Rule, ...], asked: list[Envelope]) -> None:
    """All masks together leave the rules that match, and a listed class has the mask of its values."""
    diagram = build_diagram(rules, SITE)
    for envelope in asked:
        alive = diagram.alive
        for dimension in diagram.dimensions:
            number = dimension.classify(envelope)
            assert number == UNLISTED or dimension.masks[number] == dimension.mask(envelope)
            assert dimension.classify(envelope) == number
            alive &= dimension.mask(envelope)

        assert list(bits(alive)) == [number for number, rule in enumerate(rules) if _matches(rule, envelope)]


def _matches(rule: Rule, envelope: Envelope) -> bool:
    answers = [(answer(each.question, envelope, SITE, NoLookup()).answer, each.negated) for each in rule.conditions]
    return all((found.negate() if negated else found) is Answer.YES for found, negated in answers)


def test_values_that_no_rule_tells_apart_are_one_class() -> None:
    """A hundred domains of one table are one class, and all others another; the empty domain is a third."""
    domains = ", ".join(f'"d{n}.example"' for n in range(100))
    ruleset = ruleset_of(f'action "a" relay\nmatch from any for domain {{ {domains} }} action "a"\n')

    (dimension,) = build_diagram(ruleset.rules, site_of(ruleset)).dimensions

    assert len(dimension.masks) == 2
    numbers = [
        dimension.classify(OUTSIDER.replace(recipient=OUTSIDER.recipient.replace(domain=domain)))
        for domain in ("d1.example", "D99.EXAMPLE", "d100.example")
    ]
    assert numbers[0] == numbers[1] != numbers[2] == 0


def test_what_strangers_send_does_not_fill_the_memory() -> None:
    """Values are remembered up to a number."""
    ruleset = ruleset_of('action "a" relay\nmatch from any for domain "a.example" action "a"\n')
    (dimension,) = build_diagram(ruleset.rules, site_of(ruleset)).dimensions

    for n in range(10_000):
        dimension.classify(OUTSIDER.replace(recipient=OUTSIDER.recipient.replace(domain=f"{n}.example")))

    assert len(dimension._remembered) < 10_000  # noqa: SLF001 - what must not grow
