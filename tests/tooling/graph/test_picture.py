"""What a picture of the diagram says."""

from __future__ import annotations

import re

from hypothesis import given

from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.ir.resolved import Rule
from smtpdsl.tooling.graph.forms import as_dot, as_mermaid
from smtpdsl.tooling.graph.picture import End, Picture, Question, picture_of
from tests.properties.rulesets import SITE, rulesets
from tests.worlds import ruleset_of, site_of

ACTIONS = 'action "in" maildir\naction "out" relay\n'


def picture(rules: str, tables: str = "") -> Picture:
    """Draw *rules*; they begin on line 3, or after *tables*."""
    ruleset = ruleset_of(tables + ACTIONS + rules, {"/etc/t.db": ""})
    found = picture_of(build_diagram(ruleset.rules, site_of(ruleset)))
    assert found is not None
    return found


def labels(rules: str, tables: str = "") -> list[str]:
    """Return every label of the DOT form."""
    return re.findall(r'label="((?:[^"\\]|\\.)*)"', as_dot(picture(rules, tables)))


def test_boxes_ask_and_decide_in_words_of_the_language() -> None:
    """With the lines they come from; an arrow has its condition, and what is left over is `otherwise`."""
    first, second = 'from any for domain "a.example" action "in"', 'from auth for domain "b.example" action "out"'
    found = labels(f"match {first}\nmatch {second}\n")

    assert found == [
        "recipient?\\n(smtpd.conf:3, 4)",
        'for domain \\"a.example\\"',
        'for domain \\"b.example\\"',
        "otherwise",
        'action \\"in\\"  (smtpd.conf:3)',
        "authentication?\\n(smtpd.conf:4)",
        "from auth",
        "otherwise",
        'action \\"out\\"  (smtpd.conf:4)',
        "reject: no rule matches",
    ]


def test_a_table_elsewhere_stands_where_it_is_asked() -> None:
    """In the box that decides, before what holds without it."""
    tables = "table t db:/etc/t.db\n"
    found = labels('match from any for domain <t> action "in"\nmatch from any for any reject\n', tables)

    asked = 'if for domain <t>: action \\"in\\"  (smtpd.conf:4)'
    assert [label for label in found if label.startswith("if ")] == [
        f"{asked}\\nreject: no rule matches",
        f"{asked}\\nreject  (smtpd.conf:5)",
    ]


def test_an_arrow_with_many_ways_shows_some() -> None:
    """A label is to be read at a glance."""
    rules = "".join(f'match from any for domain "d{n}.example" reject\n' for n in range(3))
    many = "".join(f'match from any for domain "d{n}.example" auth action "in"\n' for n in range(9))

    assert 'for domain \\"d2.example\\"' in labels(rules)
    assert "recipient?\\n(smtpd.conf:3, 4, 5, 6 and 5 more)" in labels(many)


def test_a_rule_for_everything_asks_once() -> None:
    """But for the recipient without a domain, which `for any` is not about."""
    assert [type(each) for each in picture("match from any for any reject\n").boxes] == [Question, End, End]


@given(rules=rulesets())
def test_every_arrow_leads_to_a_box_below(rules: tuple[Rule, ...]) -> None:
    """The first box is the start, names are numbers in the order of a walk, and each box is reached."""
    found = picture_of(build_diagram(rules, SITE))
    assert found is not None
    names = [each.name for each in found.boxes]
    targets = {arrow.target for each in found.boxes if isinstance(each, Question) for arrow in each.arrows}

    assert names == [f"n{number}" for number in range(1, len(names) + 1)]
    assert targets == set(names[1:])
    assert all(each.arrows[-1].cases == () for each in found.boxes if isinstance(each, Question))


@given(rules=rulesets())
def test_the_same_rules_make_the_same_picture(rules: tuple[Rule, ...]) -> None:
    """To the letter."""
    first, second = (picture_of(build_diagram(rules, SITE)) for _ in range(2))
    assert first is not None
    assert second is not None

    assert as_dot(first) == as_dot(second)
    assert as_mermaid(first) == as_mermaid(second)


def test_a_diagram_above_its_limit_has_no_picture() -> None:
    """It is decided on masks."""
    ruleset = ruleset_of(ACTIONS + 'match from any for domain "a.example" action "in"\n')

    assert picture_of(build_diagram(ruleset.rules, site_of(ruleset), limit=0)) is None


def test_mermaid_reads_nothing_of_a_label_as_syntax() -> None:
    """Quotes, brackets and signs are written as numbers."""
    text = as_mermaid(picture('match from any for domain "a]|<b>" action "in"\n'))

    assert '-->|"for domain #34;a#93;#124;#60;b#62;#34;"|' in text
