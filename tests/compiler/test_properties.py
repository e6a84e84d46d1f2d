"""Properties are read as the conditions of rules are, and their mistakes have a place."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.properties import read_property
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.properties import Never, NoOpenRelay, Pattern, Property, TlsForAuth
from tests.worlds import Bench, describe, ruleset_of

TEXT = """table ours { "our.example" }
action "in" mbox
action "out" relay
match from any for domain <ours> action "in"
match for any action "out"
"""


def read(text: str) -> tuple[Property | None, list[str]]:
    """Read a property; returns it, and what is wrong."""
    report = Report()
    found = read_property(text, 1, ruleset_of(TEXT), Bench(), report)
    return found, [describe(each) for each in report.diagnostics]


def words(text: str) -> tuple[str, ...]:
    """Return the conditions of a pattern."""
    found, wrong = read(text)
    assert wrong == []
    assert isinstance(found, Pattern)
    return tuple(each.words for each in found.conditions)


def test_the_kinds_of_properties() -> None:
    """Each is a value of its own."""
    kinds = [
        ("no-open-relay", NoOpenRelay),
        ("always-tls-for-auth", TlsForAuth),
        ("accepts for any", Pattern),
        ("never match for any", Never),
    ]
    for text, kind in kinds:
        assert isinstance(read(text)[0], kind)


def test_nothing_is_implied() -> None:
    """`from any` says nothing, and what is not said is not asked."""
    assert words("rejects from any for domain <ours>") == ("for domain <ours>",)
    assert words("rejects auth") == ("auth",)


def test_a_pattern_may_stand_in_quotes() -> None:
    """With quotes of the other kind in it, or protected ones."""
    assert words("rejects \"mail-from '@a.example' !auth\"") == ("mail-from '@a.example'", "!auth")
    assert words('rejects "for domain \\"a.example\\""') == ('for domain "a.example"',)


def test_an_exception() -> None:
    """Conditions after `unless`."""
    found, wrong = read('never match from any for any action "out" unless auth tls')

    assert wrong == []
    assert isinstance(found, Never)
    assert [each.words for each in found.exception] == ["auth", "tls"]
    assert found.action is not None
    assert (found.action.name, found.rejects) == ("out", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nver match", ["1:1 syntax-error"]),
        ("rejects", ["1:8 syntax-error"]),
        ("rejects foo", ["1:9 syntax-error"]),
        ('rejects "from anny"', ["1:15 syntax-error"]),
        ("accepts for domain <theirs>", ["1:21 unknown-table"]),
        ('never match for any action "ot"', ["1:28 unknown-action"]),
        ("never match for any\nunless", ["1:20 syntax-error"]),
        ("never match for any unless §", ["1:28 syntax-error"]),
        ('rejects "from', ["1:9 syntax-error"]),
    ],
)
def test_a_mistake_has_its_place(text: str, expected: list[str]) -> None:
    """Line, column and code."""
    found, wrong = read(text)

    assert found is None
    assert [each.partition(":")[0] + ":" + each.partition(":")[2].partition(":")[0] for each in wrong] == expected
