"""A proof is about all mail, and its opposite has an example."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.analysis.prove import Proof, Result, prove
from smtpdsl.analysis.witness import replay
from smtpdsl.compiler.properties import read_property
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.answers import answer
from smtpdsl.ir.properties import Pattern
from smtpdsl.ir.resolved import Rule
from smtpdsl.ir.semantics import evaluate
from smtpdsl.mail.envelope import Envelope
from tests.analysis.possible import made_possible
from tests.properties.parts import SPAN
from tests.properties.rulesets import SITE, Elsewhere, envelopes, rulesets
from tests.worlds import Bench, ruleset_of, site_of

EXAMPLES = 3_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 60
TEXT = """table ours { "our.example" }
table far db:/etc/t.db
action "in" mbox
action "out" relay
match from any mail-from "@spam.example" for any reject
match from any for domain <ours> action "in"
match from any for domain <far> action "in"
match from local for any action "out"
match from auth for any action "out"
"""


def proven(asked: str, text: str = TEXT) -> Result:
    """Read a property, and find out."""
    ruleset = ruleset_of(text, {"/etc/t.db": ""})
    report = Report()
    read = read_property(asked, 1, ruleset, Bench(), report)
    assert read is not None, [each.message for each in report.diagnostics]
    return prove(read, ruleset, site_of(ruleset))


@pytest.mark.parametrize(
    ("asked", "proof"),
    [
        ("no-open-relay", Proof.HOLDS),
        ("always-tls-for-auth", Proof.HOLDS),
        ('rejects from mail-from "@spam.example"', Proof.HOLDS),
        ("rejects \"from mail-from '@spam.example'\"", Proof.HOLDS),
        ('rejects from mail-from "@example.net"', Proof.FAILS),
        ("accepts for domain <ours>", Proof.FAILS),
        ('accepts for domain <ours> !mail-from "@spam.example"', Proof.HOLDS),
        ("accepts for domain <far>", Proof.UNKNOWN),
        ("rejects !auth !from local !for domain <ours>", Proof.UNKNOWN),
        ('never match from any for any action "out" unless auth', Proof.FAILS),
        ('never match !from local for any action "out" unless auth', Proof.HOLDS),
        ('never match for domain <ours> action "out"', Proof.HOLDS),
        ("never match for domain <ours> reject", Proof.FAILS),
        ('never match for domain <ours> reject unless mail-from "@spam.example"', Proof.HOLDS),
        ("never match !from any", Proof.HOLDS),
    ],
)
def test_what_is_proven(asked: str, proof: Proof) -> None:
    """And what is not."""
    assert proven(asked).proof is proof


def test_a_failure_has_an_example_and_an_unknown_its_table() -> None:
    """To paste, and to look into."""
    failing = proven("rejects for domain <ours>")
    assert failing.witness is not None
    assert failing.decision is not None
    assert str(failing.witness.envelope.recipient) == "somebody@our.example"

    assert proven("rejects !auth !from local !for domain <ours>").why == "what <far> has is not known here"


def test_a_table_of_clients_is_not_taken_on_trust() -> None:
    """`check` does so; a proof does not."""
    text = 'table t db:/etc/t.db\naction "out" relay\nmatch from src <t> for any action "out"\n'

    assert proven("no-open-relay", text).proof is Proof.UNKNOWN
    assert proven("no-open-relay", text.replace("from src <t>", "from any")).proof is Proof.FAILS


@settings(max_examples=EXAMPLES)
@given(
    rules=rulesets(fallible=False),
    pattern=rulesets(fallible=False),
    accepts=st.booleans(),
    some=st.lists(envelopes(), max_size=20),
)
def test_a_proof_is_about_everybody(
    rules: tuple[Rule, ...],
    pattern: tuple[Rule, ...],
    accepts: bool,  # noqa: FBT001 - a parameter of the test
    some: list[Envelope],
) -> None:
    """No envelope is against what holds, and the example is against what fails."""
    conditions = pattern[0].conditions if pattern else ()
    ruleset = ruleset_of('action "a" mbox\nmatch from any for any action "a"\n').replace(rules=rules)

    result = prove(Pattern(span=SPAN, accepts=accepts, conditions=conditions), ruleset, SITE)

    if result.proof is Proof.FAILS:
        assert result.witness is not None
        assert (replay(rules, result.witness, SITE).verdict.value == "accept") is not accepts
    if result.proof is Proof.HOLDS:
        world = Elsewhere({}, [], {})
        sample = Rule(span=SPAN, conditions=conditions)
        for drawn in some:
            # A property is about what clients send, not about what becomes of it.
            envelope = made_possible(drawn, SITE.server_name).replace(is_internal=False)
            ask = lambda question: answer(question, envelope, SITE, world).answer  # noqa: B023, E731
            if evaluate([sample], ask).rule is not None:
                assert (evaluate(rules, ask).verdict.value == "accept") is accepts
