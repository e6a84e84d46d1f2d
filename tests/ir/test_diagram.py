"""The walk: what it asks, in words of the rules, and what it leaves out."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.ir.diagram import Asked, Diagram
from smtpdsl.ir.envelope_examples import OUTSIDER
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer, Verdict
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox
from tests.worlds import ruleset_of, site_of

ACTIONS = 'action "in" mbox\naction "out" relay\n'
RULES = """match from any for domain "a.example" action "in"
match from any for domain <t> action "in"
match from auth for any action "out"
"""
TO_B = OUTSIDER.replace(recipient=Mailbox(local_part="joe", domain="b.example"))


class Elsewhere:
    """A table elsewhere with one answer."""

    def __init__(self, answer: Answer) -> None:
        """Give *answer*."""
        self.answer = answer

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Answer."""
        del table, service, key
        return self.answer


def diagram_of(rules: str, limit: int = 1000) -> Diagram:
    """Build the diagram of *rules*."""
    ruleset = ruleset_of(f"table t db:/etc/t.db\n{ACTIONS}{rules}", {"/etc/t.db": ""})
    return build_diagram(ruleset.rules, site_of(ruleset), limit)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(Answer.YES, Verdict.ACCEPT), (Answer.NO, Verdict.REJECT), (Answer.UNAVAILABLE, Verdict.TEMPFAIL)],
)
def test_the_trail_tells_what_was_asked(answer: Answer, verdict: Verdict) -> None:
    """First what cannot fail, with the conditions that hold, then tables elsewhere with their answer."""
    trail: list[Asked] = []
    decision = diagram_of(RULES).decide(TO_B, Elsewhere(answer), trail)

    assert decision.verdict is verdict
    assert trail == [
        Asked("recipient", "joe@b.example", ("for any",)),
        Asked("authentication", "", ()),
        Asked("for domain <t>", "b.example", (answer.value,)),
    ]


def test_on_masks_the_trail_has_every_aspect() -> None:
    """There is no way through a diagram that would leave some out."""
    trail: list[Asked] = []
    diagram = diagram_of('match from any for domain "a.example" action "in"\nmatch tag x from any action "in"\n', 0)
    decision = diagram.decide(TO_B, Elsewhere(Answer.NO), trail)

    assert diagram.root is None
    assert decision.rule is None
    assert trail == [Asked("recipient", "joe@b.example", ()), Asked("listener tag", "", ())]


def test_a_rule_that_decides_hides_what_comes_after_it() -> None:
    """Nobody asks a table elsewhere on behalf of a rule that is not reached."""
    recipient = Mailbox(local_part="joe", domain="a.example")
    trail: list[Asked] = []
    decision = diagram_of(RULES).decide(OUTSIDER.replace(recipient=recipient), Elsewhere(Answer.UNAVAILABLE), trail)

    assert decision.verdict is Verdict.ACCEPT
    assert [each.about for each in trail] == ["recipient"]


def test_forgetting_changes_no_decision() -> None:
    """What is remembered is for speed alone."""
    for limit in (0, 1000):
        diagram = diagram_of(RULES, limit)
        first = diagram.decide(TO_B, Elsewhere(Answer.YES))
        diagram.forget()

        assert diagram.decide(TO_B, Elsewhere(Answer.YES)) is first
