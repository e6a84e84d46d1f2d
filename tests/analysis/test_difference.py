"""Two configurations are the same exactly if nobody is treated differently."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.analysis.difference import Comparison, compare
from smtpdsl.analysis.meaning import Meanings
from smtpdsl.analysis.witness import replay
from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.ir.answers import answer
from smtpdsl.ir.resolved import Rule, Ruleset
from smtpdsl.ir.semantics import Answer, Decision, Verdict, evaluate
from smtpdsl.mail.envelope import Envelope
from tests.analysis.possible import made_possible
from tests.properties.rulesets import SITE, Elsewhere, envelopes, rulesets
from tests.worlds import ruleset_of, site_of

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
EXAMPLES = 5_000 if IS_NIGHTLY else 50
_SOME = st.lists(envelopes(), min_size=1, max_size=1_000 if IS_NIGHTLY else 20)
_EMPTY = ruleset_of('action "a" mbox\nmatch from any for any action "a"\n')


def with_rules(rules: tuple[Rule, ...]) -> Ruleset:
    """Return a configuration with *rules*."""
    return _EMPTY.replace(rules=rules)


def outcome(decision: Decision) -> object:
    """Return what is done."""
    if decision.verdict is Verdict.TEMPFAIL:
        return "failed"
    return Meanings().of(decision.rule.action if decision.rule else None)


def decide(rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere) -> Decision:
    """Decide by the reference."""
    return evaluate(rules, lambda question: answer(question, envelope, SITE, world).answer)


@settings(max_examples=EXAMPLES)
@given(rules=rulesets())
def test_a_configuration_is_the_same_as_itself(rules: tuple[Rule, ...]) -> None:
    """Whatever it asks."""
    assert compare(with_rules(rules), with_rules(rules), (SITE, SITE)).is_same


@settings(max_examples=EXAMPLES)
@given(old=rulesets(fallible=False), new=rulesets(fallible=False), some=_SOME)
def test_what_is_the_same_treats_everybody_alike(
    old: tuple[Rule, ...], new: tuple[Rule, ...], some: list[Envelope]
) -> None:
    """And where somebody is treated differently, there is a difference."""
    found = compare(with_rules(old), with_rules(new), (SITE, SITE))

    world = Elsewhere({}, [], {})
    for drawn in some:
        envelope = made_possible(drawn, SITE.server_name)
        is_alike = outcome(decide(old, envelope, world)) == outcome(decide(new, envelope, world))
        assert is_alike or not found.is_same
        if found.is_same:
            decided = (build_diagram(rules, SITE).decide(envelope, world) for rules in (old, new))
            assert len(set(map(outcome, decided))) == 1


@settings(max_examples=EXAMPLES)
@given(old=rulesets(), new=rulesets())
def test_a_difference_is_one(old: tuple[Rule, ...], new: tuple[Rule, ...]) -> None:
    """Its witness is treated as it says, by the reference; without regular expressions each has a witness."""
    for each in compare(with_rules(old), with_rules(new), (SITE, SITE)).differences:
        assert outcome(each.old) != outcome(each.new)
        if each.witness is not None:
            for rules, expected in ((old, each.old), (new, each.new)):
                decision = replay(rules, each.witness, SITE)
                assert (decision.verdict, id(decision.rule)) == (expected.verdict, id(expected.rule))


@settings(max_examples=EXAMPLES)
@given(old=rulesets(fallible=False), new=rulesets(fallible=False))
def test_there_is_somebody_to_show(old: tuple[Rule, ...], new: tuple[Rule, ...]) -> None:
    """Unless a regular expression matches nobody that could be thought of."""
    has_regex = any("regex" in repr(condition.question) for rule in (*old, *new) for condition in rule.conditions)
    for each in compare(with_rules(old), with_rules(new), (SITE, SITE)).differences:
        assert each.witness is not None or has_regex


def compared(old: str, new: str, files: dict[str, str] | None = None) -> Comparison:
    """Compare two texts."""
    rulesets = ruleset_of(old, files), ruleset_of(new, files)
    return compare(*rulesets, (site_of(rulesets[0]), site_of(rulesets[1])))


OLD = 'action "in" mbox\nmatch from any for domain "a.example" action "in"\n'


@pytest.mark.parametrize(
    "new",
    [
        'action "box" mbox\ntable d { "a.example" }\nmatch from any for domain <d> action "box"\n',
        'action "in" mbox\nmatch from any for domain { "A.example", "a.example" } action "in"\n',
        f'{OLD}match from any for domain "a.example" reject\nmatch from any for any reject\n',
        'action "in" mbox\nmatch from any for rcpt-to "@a.example" action "in"\n',
        'accept from any for domain "a.example" deliver to mbox\n',
    ],
)
def test_names_and_ways_to_say_it_make_no_difference(new: str) -> None:
    """Neither of actions and tables, nor the generation of the language."""
    assert compared(OLD, new).is_same


def test_a_difference_in_words() -> None:
    """What differs, for whom, and who is an example."""
    found = compared(OLD, 'action "in" mbox\nmatch from any for domain { "a.example", "b.example" } action "in"\n')

    (difference,) = found.differences
    assert difference.conditions == ((('for domain { "a.example", "b.example" }', '!for domain "a.example"'),),)
    assert (difference.old.verdict, difference.new.verdict) == (Verdict.REJECT, Verdict.ACCEPT)
    assert difference.witness is not None
    assert str(difference.witness.envelope.recipient) == "somebody@b.example"


def test_another_action_is_a_difference() -> None:
    """What it does counts, down to the content of its tables."""
    found = compared(
        OLD, 'action "in" mbox alias { "root" = "ann" }\nmatch from any for domain "a.example" action "in"\n'
    )

    assert [(each.old.verdict, each.new.verdict) for each in found.differences] == [(Verdict.ACCEPT, Verdict.ACCEPT)]


def test_a_table_elsewhere_is_compared_while_it_answers_and_while_it_does_not() -> None:
    """Three cases: it has the value, it does not, it fails."""
    files = {"/etc/t.db": ""}
    new = f'table t db:/etc/t.db\n{OLD}match from any for domain <t> action "in"\n'

    found = compared(OLD, new, files)

    answers = [dict(each.witness.assumed) for each in found.differences if each.witness]
    assert [list(each.values()) for each in answers] == [[Answer.YES], [Answer.UNAVAILABLE]]
    assert compared(new, new.replace("<t>", "<u>").replace("table t", "table u"), files).is_same
