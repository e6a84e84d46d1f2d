"""The forms of statements, and the names of their arguments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.syntax import forms as module
from smtpdsl.tooling.syntax.forms import forms_of, statement_forms, statement_rules
from smtpdsl.tooling.syntax.grammar import grammar
from smtpdsl.tooling.syntax.names import ARGUMENTS, OF_RULES, PARTS
from smtpdsl.tooling.syntax.text import shown


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("include", ["include FILE"]),
        ("table", ["table NAME [BACKEND:]PATH", "table NAME { ENTRY, … }", "table NAME { KEY = VALUE, … }"]),
        ("maildir", ["maildir [PATH] [junk]"]),
        ("match", ["match [[!] CRITERION …] reject", "match [[!] CRITERION …] action NAME"]),
        ("srs", ["srs key TEXT", "srs key backup TEXT", "srs ttl TIME"]),
        ("bounce", ["bounce warn-interval TIME, …", "bounce report-template FILE"]),
        ("_table_ref", ["WORD", "<NAME>", "{ ENTRY, … }", "{ KEY = VALUE, … }"]),
        (
            "mta",
            [
                "mta max-deferred NUMBER",
                "mta limit [for domain DOMAIN] [LIMIT NUMBER | inet4 | inet6 …]",
                "mta retry-after [for domain DOMAIN] [on STATUS] TIME, …",
                "mta trust-resolver ADDRESS, …",
            ],
        ),
        ("legacy_filter", ["filter NAME WORD …", "filterchain NAME FILTER …"]),
    ],
)
def test_a_rule_has_these_forms(rule: str, expected: list[str]) -> None:
    """What the grammar divides for its parser is whole again, and a choice is several forms."""
    assert [shown(form) for form in forms_of(rule)] == expected


def test_a_word_that_may_be_a_number_is_one_argument() -> None:
    """A port is a number or a name, which the grammar tells apart and a reader does not."""
    ports = [shown(form) for form in forms_of("listen_option") if shown(form).startswith("port")]

    assert ports == ["port PORT", "port smtp", "port smtps"]


@pytest.mark.parametrize("dialect", Dialect)
def test_every_argument_has_a_name(dialect: Dialect) -> None:
    """No form says STR or NUM, or lacks a part."""
    texts = [shown(form) for form in statement_forms(dialect)]
    texts += [shown(form) for part in PARTS for form in forms_of(part)]

    assert [text for text in texts if "STR" in text or "NUM " in f"{text} "] == []


class _Asked(dict[str, str]):
    """Remembers the keys that were read."""

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__(names)
        self.keys_read: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.keys_read.add(key)
        return super().__getitem__(key)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Asked]:
    """The names of arguments, read while every form is made anew."""
    found = _Asked(ARGUMENTS)
    monkeypatch.setattr(module, "ARGUMENTS", found)
    forms_of.cache_clear()
    yield found
    forms_of.cache_clear()


def test_every_name_has_an_argument(asked: _Asked) -> None:
    """What the grammar has lost is not in the lists any more."""
    for rule in [*statement_rules(Dialect.MODERN), *statement_rules(Dialect.LEGACY), *PARTS]:
        forms_of(rule)

    assert sorted(set(ARGUMENTS) - asked.keys_read) == []
    assert sorted({*PARTS, *OF_RULES} - set(grammar())) == []
