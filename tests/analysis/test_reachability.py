"""What is said about rules is so: for every envelope that hypothesis can think of."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.analysis import candidates
from smtpdsl.analysis.meaning import Meanings
from smtpdsl.analysis.quick import every_rule_matters
from smtpdsl.analysis.reachability import Contradiction, Finding, Reachability, Redundant, Unreachable
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.witness import Assumed, replay
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.answers import answer
from smtpdsl.ir.resolved import Rule, Ruleset
from smtpdsl.ir.semantics import evaluate
from smtpdsl.mail.envelope import Envelope
from tests.analysis.possible import made_possible
from tests.properties.parts import SPAN
from tests.properties.rulesets import SITE, Elsewhere, elsewhere, envelopes, rulesets
from tests.worlds import ruleset_of

EXAMPLES = 5_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 100
_SOME = st.lists(envelopes(), min_size=1, max_size=20)
_EMPTY = ruleset_of('action "a" mbox\nmatch from any for any action "a"\n')


def asked_rules(rules: tuple[Rule, ...]) -> AskedRules:
    """Ask about *rules*, each of which stands on a line of its own."""
    asked = AskedRules(with_rules(rules), SITE)
    # Drawn rules have no place in a text.
    asked.__class__ = _Apart
    return asked


class _Apart(AskedRules):
    @property
    def groups(self) -> list[list[int]]:
        return [[number] for number in range(len(self.rules))]


def with_rules(rules: tuple[Rule, ...]) -> Ruleset:
    """Return a configuration with *rules*."""
    return _EMPTY.replace(rules=rules)


def findings(rules: tuple[Rule, ...]) -> list[Finding]:
    """Return what is found about *rules*."""
    return list(Reachability(asked_rules(rules), Meanings()).findings())


@settings(max_examples=EXAMPLES)
@given(rules=rulesets(), some=_SOME, world=elsewhere())
def test_what_is_unreachable_decides_nothing(rules: tuple[Rule, ...], some: list[Envelope], world: Elsewhere) -> None:
    """Neither a contradiction nor a shadowed rule is ever the one that decides."""
    never = {id(each.rule) for each in findings(rules) if isinstance(each, Contradiction | Unreachable)}

    for drawn in some:
        envelope = made_possible(drawn, SITE.server_name)
        decision = evaluate(rules, lambda question: answer(question, envelope, SITE, world).answer)  # noqa: B023
        assert decision.verdict.value == "tempfail" or id(decision.rule) not in never


@settings(max_examples=EXAMPLES)
@given(rules=rulesets())
def test_a_rule_that_is_shadowed_is_so_by_those_that_are_named(rules: tuple[Rule, ...]) -> None:
    """The witness fulfils the rule, and one of its shadows decides about it."""
    for each in findings(rules):
        if isinstance(each, Unreachable) and each.witness is not None:
            assert replay([each.rule], each.witness, SITE).rule is each.rule
            decision = replay([*each.shadows, each.rule], each.witness, SITE)
            assert decision.rule in each.shadows or each.witness.assumed


@settings(max_examples=EXAMPLES)
@given(rules=rulesets(fallible=False), some=_SOME)
def test_a_redundant_rule_can_be_taken_out(rules: tuple[Rule, ...], some: list[Envelope]) -> None:
    """And nothing is decided otherwise."""
    for each in findings(rules):
        if not isinstance(each, Redundant):
            continue
        rest = [rule for rule in rules if rule is not each.rule]
        assert replay(rules, each.witness, SITE).rule is each.rule
        for drawn in some:
            envelope = made_possible(drawn, SITE.server_name)
            known = Assumed(())
            verdicts = {
                evaluate(tried, lambda question: known(question, envelope, SITE)).verdict  # noqa: B023
                for tried in (rules, rest)
            }
            assert len(verdicts) == 1


@settings(max_examples=EXAMPLES)
@given(rules=rulesets(fallible=False))
def test_a_rule_without_finding_decides_something(rules: tuple[Rule, ...]) -> None:
    """There is an envelope for it, unless a regular expression keeps it from being found."""
    asked = asked_rules(rules)
    never = {
        id(e.rule) for e in Reachability(asked, Meanings()).findings() if isinstance(e, Contradiction | Unreachable)
    }
    reachability = Reachability(asked, Meanings())
    for number, rule in enumerate(rules):
        found = reachability.reached(number)
        assert (found is None) or id(rule) not in never
        if found is not None and asked.space.examples.is_exact:
            witness = asked.witness(found)
            assert replay(rules, witness, SITE).rule is rule
            assert (
                made_possible(witness.envelope, SITE.server_name) == witness.envelope
                or not witness.envelope.client.helo
            )


@settings(max_examples=EXAMPLES)
@given(rules=rulesets())
def test_a_quick_look_misses_nothing(rules: tuple[Rule, ...]) -> None:
    """Where it says that every rule matters, a search finds nothing either."""
    apart = tuple(rule.replace(span=Span(SPAN.source, number, number)) for number, rule in enumerate(rules))

    assert not every_rule_matters(apart, SITE) or findings(rules) == []


def test_a_rule_that_hides_another_is_not_redundant() -> None:
    """Whoever takes it out, and leaves the hidden one, would refuse what was accepted."""
    ruleset = ruleset_of(
        'action "in" mbox\n'
        'match !from local for any action "in"\n'
        "match !from local for any reject\n"
        'match from any for any action "in"\n'
    )

    assert not [each for each in findings(ruleset.rules) if isinstance(each, Redundant)]


def test_a_rule_with_one_of_very_many_names_can_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names there are: it is not taken for one that nobody can fulfil, for want of an example."""
    monkeypatch.setattr(candidates, "_LIMIT", 10)
    text = "".join(f'match from any for domain "d{number}.example" reject\n' for number in range(30))

    found = findings(ruleset_of(f"{text}match from any for any reject\n").rules)

    assert not [each for each in found if isinstance(each, Contradiction)]
