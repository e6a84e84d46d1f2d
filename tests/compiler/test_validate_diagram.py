"""A diagram is proven to mean what its rules mean, and a damaged one is found out."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.compiler.validate_diagram import Validity, validate
from smtpdsl.ir.diagram import Diagram, Node
from smtpdsl.ir.resolved import Rule
from smtpdsl.mail.envelope import Envelope
from tests.properties.rulesets import SITE, Elsewhere, elsewhere, envelopes, rulesets
from tests.properties.test_diagram import assert_agrees
from tests.worlds import ruleset_of, site_of

RULES = """table people { "ann", "ben" }
action "in" mbox
match from any for domain { "a.example", "*.a.example" } action "in"
match from local for rcpt-to <people> reject
match from auth for any action "in"
match from rdns regex "^mx" for local action "in"
"""


def diagram_of(text: str) -> tuple[Diagram, tuple[Rule, ...]]:
    """Compile *text*."""
    ruleset = ruleset_of(text)
    return build_diagram(ruleset.rules, site_of(ruleset)), ruleset.rules


@given(rules=rulesets())
def test_every_diagram_is_proven(rules: tuple[Rule, ...]) -> None:
    """Whatever the rules ask."""
    assert validate(build_diagram(rules, SITE), rules) is Validity.PROVEN


@given(rules=rulesets(), envelope=envelopes(), world=elsewhere(), data=st.data())
def test_an_edge_that_leads_elsewhere_is_found(
    rules: tuple[Rule, ...], envelope: Envelope, world: Elsewhere, data: st.DataObject
) -> None:
    """The proof fails if the builder mistakes one class for another, unless that changes nothing for anybody."""
    diagram = build_diagram(rules, SITE)
    root = diagram.root
    assume(isinstance(root, Node) and root.edges)
    assert isinstance(root, Node)
    damaged = data.draw(st.sampled_from(sorted(root.edges)))
    root.edges = {**root.edges, damaged: root.default}

    if validate(diagram, rules) is not Validity.REFUTED:
        assert_agrees(diagram, rules, envelope, world)


def test_a_damaged_edge_is_refuted() -> None:
    """One that matters."""
    diagram, rules = diagram_of(RULES)
    root = diagram.root
    assert isinstance(root, Node)
    refuted = []
    for damaged in sorted(root.edges):
        kept, root.edges = root.edges, {**root.edges, damaged: root.default}
        refuted.append(validate(diagram, rules) is Validity.REFUTED)
        root.edges = kept

    assert any(refuted)


def test_a_diagram_of_other_rules_is_refuted() -> None:
    """One rule less is something else."""
    diagram, rules = diagram_of(RULES)

    assert validate(diagram, rules) is Validity.PROVEN
    assert validate(diagram, rules[1:]) is Validity.REFUTED


def test_what_is_too_large_is_unknown() -> None:
    """Neither proven nor refuted, and no silence."""
    diagram, rules = diagram_of(RULES)

    assert validate(diagram, rules, limit=3) is Validity.UNKNOWN
    assert validate(build_diagram(rules, diagram.site, limit=0), rules) is Validity.UNKNOWN
