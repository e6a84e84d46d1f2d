"""The left and the right column of docs/language/legacy.md mean the same.

The head of a table says what its cells are, and so how a configuration is made of them.  ⏎ separates lines; what
begins with ≈ is the nearest that there is, and only compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.tables import facts
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report, Severity
from smtpdsl.ir.resolved import Listener, Mda, Ruleset, Setting, Table
from smtpdsl.ir.syntax import Dialect
from smtpdsl.record import Record
from tests.manual import page_named, text

TEXT = text(page_named("legacy"))
NEAREST = "≈"
# What the cells refer to.
TABLES = """table clients { 192.0.2.0/24 }
table domains { example.org }
table aliases { root = ann }
table users { ann@example.org = ann }
table people { ann = 1000:1000:/home/ann }
table sources { 192.0.2.1 }
table names { 127.0.0.1 = mail.example.org, 192.0.2.1 = mail.example.org }
table secrets { me = "ann:secret" }
table logins { ann = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8pX1cyWvH0aVvYtZ1xY2bC3dE4fG5h" }
table allowed { ann = "@example.org" }
"""
CERTIFICATES = 'pki mail {cert} "/c" key "/k"\npki "*" {cert} "/c" key "/k"\nca authority {cert} "/a"\n'
# Conditions are about people who log in, and about tags; a listener is a row of its own.
LISTENERS = {"Condition": "listen on 192.0.2.1 tls pki mail auth tag inside\n", "Listener": ""}
PLAIN = "listen on 192.0.2.1\n"


class Row(NamedTuple):
    """A row: the head of its table, and the lines of both columns."""

    head: str
    before: list[str]
    since: list[str]
    is_nearest: bool

    def __str__(self) -> str:
        return f"{self.head}: {' ⏎ '.join(self.before)}"

    def legacy(self) -> str:
        """The configuration of the left column."""
        forms = {"Condition": "accept {} relay", "Delivery": "accept for local {}", "Relay": "accept for any {}"}
        lines = [forms.get(self.head, "{}").format(each) for each in self.before]
        return self._whole("certificate", lines, ["accept for any relay"])

    def modern(self) -> str:
        """The configuration of the right column."""
        lines, rule = self.since, 'match {} action "rule1"'
        match self.head:
            case "Condition":
                lines = ['action "rule1" relay', *(rule.format(each) for each in lines)]
            case "Delivery" | "Relay":
                (action,) = lines
                domains = "for local" if self.head == "Delivery" else "for any"
                lines = [f'action "rule1" {action}', rule.format(domains)]
        rest = ['action "rule1" relay', rule.format("for any")]
        # An authenticated client was local.
        rest += (
            [rule.format("from auth for any")]
            if re.search(r" auth(-optional)?( |$)", " ".join(lines)) and self.head == "Listener"
            else []
        )
        return self._whole("cert", lines, rest)

    def _whole(self, cert: str, lines: list[str], rest: list[str]) -> str:
        has_rule = self.head in {"Condition", "Rule", "Delivery", "Relay"}
        all_lines = [*lines, *([] if has_rule else rest)]
        declared = TABLES + CERTIFICATES.format(cert=cert)
        return declared + LISTENERS.get(self.head, PLAIN) + "\n".join(all_lines) + "\n"


def _rows() -> Iterator[Row]:
    for head, rows in re.findall(r"^\| (\w+) \| Since 6\.4 \| \|\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE):
        for line in rows.splitlines():
            before, since, _ = (cell.strip() for cell in line.strip("|").split(" |", 2))
            yield Row(head, _lines(before), _lines(since), since.startswith(NEAREST))


def _lines(cell: str) -> list[str]:
    return [] if cell.endswith("nothing") else cell.removeprefix(NEAREST).replace("`", "").strip().split("⏎")


ROWS = list(_rows())


def resolved(configuration: str, root: Path) -> Ruleset:
    """Return what *configuration*, which has no errors, means."""
    report = Report()
    found = compile_octets("smtpd.conf", configuration.encode(), Machine(str(root), static=True), report)
    errors = [each.message for each in report.diagnostics if each.severity is Severity.ERROR]
    assert errors == [], configuration
    assert found.ruleset is not None
    return found.ruleset


# What a ruleset says, without the way to it.
_SAID: tuple[str, ...] = (
    "settings",
    "tables",
    "actions",
    "rules",
    "listeners",
    "filters",
    "procs",
    "pkis",
    "cas",
    "wrappers",
)


def difference(one: object, other: object, path: str = "") -> str:
    """Return where two values differ in meaning; empty if they do not."""
    match one, other:
        case Ruleset(), Ruleset():
            fields = _SAID
        case Record(), Record() if type(one) is type(other):
            fields = tuple(field for field in one._compared if field not in _incomparable(one))  # noqa: SLF001 - comparing records is what its fields are for
        case (dict(), dict()) | (tuple(), tuple()):
            return _difference_of_many(one, other, path)
        case _:
            return "" if one == other else f"{path}: {one!r}, {other!r}"
    found = (difference(getattr(one, field), getattr(other, field), f"{path}.{field}") for field in fields)
    return next(filter(None, found), "")


def _incomparable(record: Record) -> set[str]:
    """Return the fields that differ between the languages without a difference for the reader."""
    match record:
        case Table(is_anonymous=True):
            # The name tells a place.
            return {"name"}
        case Mda():
            # The page says it, and `explain` shows the same command.
            return {"shells"}
        case Listener(interface=None, tag=Setting(span=None)):
            # Up to 6.3 the socket has a tag without being given one.
            return {"tag"}
    return set()


def _difference_of_many(one: object, other: object, path: str) -> str:
    if isinstance(one, tuple) and isinstance(other, tuple):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    if one.keys() != other.keys():
        return f"{path}: {sorted(one)}, {sorted(other)}"
    found = (difference(one[key], other[key], f"{path}[{key}]") for key in one)
    return next(filter(None, found), "")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_both_columns_mean_the_same(row: Row, tmp_path: Path) -> None:
    """Or the right one says that it is only the nearest."""
    before, since = resolved(row.legacy(), tmp_path), resolved(row.modern(), tmp_path)

    assert (before.dialect, since.dialect) == (Dialect.LEGACY, Dialect.MODERN)
    if not row.is_nearest:
        assert difference(before, since) == ""


@pytest.mark.parametrize("head", ["Condition", "Rule", "Delivery", "Relay", "Listener", "Statement", "Setting"])
def test_there_are_rows_of_each_kind(head: str) -> None:
    """A head that the tests do not know would be passed over."""
    assert [row for row in ROWS if row.head == head]


def test_every_keyword_is_translated() -> None:
    """Each word of the language stands in a left column, unless both languages have it in the same statement."""
    words = set(re.findall(r"[\w-]+", " ".join(line for row in ROWS for line in row.before)))

    assert sorted(facts().keywords[Dialect.LEGACY] - words) == ["include", "table"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("accept for any relay tls", "accept for any relay tls verify"),
        ("accept from local for any relay", "accept from any for any relay"),
        ("accept for any relay\nexpire 2d", "accept for any relay\nexpire 3d"),
        ("accept for any relay\nlisten on 192.0.2.2 mask-source", "accept for any relay\nlisten on 192.0.2.2"),
        ("accept for local alias { a = b } deliver to mbox", "accept for local alias { a = c } deliver to mbox"),
    ],
)
def test_a_difference_is_found(one: str, other: str, tmp_path: Path) -> None:
    """The comparison does not say the same of everything."""
    assert difference(resolved(PLAIN + one, tmp_path), resolved(PLAIN + other, tmp_path))
