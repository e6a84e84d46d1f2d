"""What aliases lead to."""

from __future__ import annotations

import pytest

from smtpdsl.analysis.alias_graph import AliasGraph, Circle, Dangling, Forward, Hidden, Unasked
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.walk import Anybody, Walker
from tests.runtime.policies import Outside
from tests.worlds import ruleset_of, site_of

BASE = 'userbase { "ann" = "1:1:/home/ann", "ben" = "2:2:/home/ben" }'
OUT = 'action "out" relay\nmatch from local for any action "out"\n'


def found(text: str, *, is_anybody: bool = True) -> list[tuple[str, str]]:
    """Return the kinds of findings, and the key of the entry."""
    ruleset = ruleset_of(text)
    site = site_of(ruleset)
    walker = Walker(ruleset, site, Anybody() if is_anybody else Outside())
    findings = AliasGraph(AskedRules(ruleset, site), walker).findings()
    return [(type(each).__name__, each.entry.key) for each in findings]


def local(entries: str, *, kind: str = "alias", base: str = BASE) -> str:
    """Write a configuration with a table of aliases for our.example."""
    action = f'action "in" mbox {kind} {{ {entries} }} {base}'
    return f'listen on eth0\n{action}\nmatch from any for domain "our.example" action "in"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (local('"info" = "ann"'), []),
        (local('"info" = "ann, ann"'), []),
        (local('"ann" = "ann, ben"'), []),
        (local('"a" = "b", "b" = "a"'), [(Circle, "a"), (Circle, "b")]),
        (local('"a" = "b", "b" = "a, ann"'), []),
        (local('"a" = "nobody-here"'), [(Dangling, "a")]),
        (local('"a" = "nobody-here"', base=""), []),
        (local('"a" = "b", "b" = "nobody-here"'), [(Dangling, "b")]),
        (local('"a" = "error:550 gone"'), []),
        (local('"a" = "x@gone.example"'), [(Dangling, "a")]),
        (local('"a" = "b@our.example", "b" = "a@our.example"'), [(Circle, "a"), (Circle, "b")]),
        (OUT + local('"a" = "x@far.example"'), [(Forward, "a")]),
        (OUT.replace("relay", "relay srs", 1) + "srs key secret\n" + local('"a" = "x@far.example"'), []),
        (OUT + local('"a" = "x@lists.our.example"'), []),
        (OUT + local('"a" = "x@far.example"').replace("listen on eth0", "listen on lo"), []),
        (OUT + local('"a" = "x@far.example"').replace("from any", "from local"), []),
        (local('"ann@our.example" = "ann", "@our.example" = "ann"', kind="virtual"), [(Hidden, "@our.example")]),
        (local('"ben" = "ben", "@our.example" = "ann"', kind="virtual"), []),
        (local('"ann@other.example" = "ann"', kind="virtual"), [(Unasked, "ann@other.example")]),
        (local('"ann@our.example" = "ann", "ben" = "ben"', kind="virtual"), []),
    ],
)
def test_what_a_table_leads_to(text: str, expected: list[tuple[type, str]]) -> None:
    """Each entry that is wrong, once, and no other."""
    assert found(text) == [(kind.__name__, key) for kind, key in expected]


def test_users_of_the_system_are_asked_for_where_that_can_be_known() -> None:
    """Here there are three accounts."""
    text = local('"info" = "ann, cleo"', base="")

    assert found(text) == []
    assert found(text, is_anybody=False) == [("Dangling", "info")]


def test_a_forward_is_told_once_for_each_relay() -> None:
    """With the number of the others."""
    ruleset = ruleset_of(OUT + local('"a" = "x@far.example", "b" = "y@far.example", "c" = "ann"'))
    site = site_of(ruleset)

    (forward,) = AliasGraph(AskedRules(ruleset, site), Walker(ruleset, site, Anybody())).findings()

    assert isinstance(forward, Forward)
    assert (forward.entry.key, forward.target, forward.others) == ("a", "x@far.example", 1)
