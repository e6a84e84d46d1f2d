"""A policy judges the same by the diagram and by the rules, what an expansion makes of a recipient included."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.compiler.emit import emit
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.diagram import Diagram
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.runtime.policy import Accepted, Policy
from tests.runtime.policies import OUTSIDER, Outside, judge
from tests.worlds import ruleset_of, site_of

TEXT = """table people { "team" = "ann, ben", "away" = "ann@far.example", "lost" = "ann@nowhere.example" }
action "in" maildir alias <people>
action "out" relay
match from any for domain "here.example" action "in"
match from local for domain "nowhere.example" reject
match from auth for any action "out"
match from local for any action "out"
"""
CLIENTS = [OUTSIDER, Client(source=LOCAL), Client(source="127.0.0.1"), OUTSIDER.replace(login="ann", tls=True)]
RECIPIENTS = ["ann", "team", "away", "lost", "nobody"]


def policies() -> tuple[Policy, Policy]:
    """Return the policy that walks the diagram, and the one that reads the rules."""
    ruleset = ruleset_of(TEXT)
    program, site = emit(ruleset, Source("smtpd.conf", TEXT)), site_of(ruleset)
    with_diagram = program.replace(diagram=build_diagram(program.rules, site))
    return Policy(with_diagram, site, Outside()), Policy(program, site, Outside())


@pytest.mark.parametrize("domain", ["here.example", "far.example", "nowhere.example"])
@pytest.mark.parametrize("name", RECIPIENTS)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.login or client.source)
def test_both_judge_the_same(client: Client, name: str, domain: str) -> None:
    """Envelopes, replies and rules."""
    by_diagram, by_rules = policies()

    assert judge(by_diagram, f"{name}@{domain}", client) == judge(by_rules, f"{name}@{domain}", client)


def test_the_diagram_is_asked_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for the recipient, and once for each address of its expansion, as mail of this host."""
    by_diagram, by_rules = policies()
    asked: list[tuple[str, bool]] = []
    decide = Diagram.decide

    def spy(self: Diagram, envelope, lookup):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as in Diagram
        asked.append((envelope.recipient.domain, envelope.is_internal))
        return decide(self, envelope, lookup)

    monkeypatch.setattr(Diagram, "decide", spy)

    assert isinstance(judge(by_diagram, "away@here.example"), Accepted)
    assert asked == [("here.example", False), ("far.example", True)]
    assert isinstance(judge(by_rules, "away@here.example"), Accepted)
    assert len(asked) == 2
