"""The parser and the files of tests: recorded vectors, what people wrote, mistakes on purpose."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.syntax import Dialect
from tests.compiler.reading import place, read
from tests.conftest import CompareGolden
from tests.corpus_expectations import disagreements, expectations

TESTS = Path(__file__).parent.parent
CORPUS = TESTS / "corpus" / "parse"
VECTORS = [json.loads(line) for line in (TESTS / "vectors" / "configuration.jsonl").read_text("utf-8").splitlines()]
MISTAKES = [
    pytest.param("twenty-mistakes", Dialect.MODERN, id="twenty-mistakes"),
    pytest.param("twenty-others", Dialect.MODERN, id="twenty-others"),
    pytest.param("legacy-mistakes", Dialect.LEGACY, id="legacy-mistakes"),
]


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["ours"] == "accept"], ids=lambda each: each["id"])
@pytest.mark.parametrize("part", ["text", "file"])
def test_vectors_that_are_accepted(vector: dict[str, Any], part: str) -> None:
    """A recorded snippet that has to be accepted is at least grammatical, alone and in its file."""
    assert not read(vector[part], dialect=Dialect[vector["dialect"].upper()]).errors


REFUSED_FOR_SYNTAX = [
    "table-trailing-comma",
    "table-leading-comma",
    "table-empty-braces",
    "table-mixed-kinds",
    "table-newline-before-comma",
    "table-brace-on-next-line",
    "table-number-entries",
    "table-number-value",
    "table-bare-hyphen-word",
    "table-short-network",
    "table-bare-wildcard",
    "table-bare-at-domain",
    "table-keyword-entry",
    "table-bare-path",
    "table-parenthesis",
    "include-bare-path",
    "macro-keyword-value",
    "macro-number-value",
    "macro-bare-keyword-name",
    "macro-no-recursion",
    "two-statements-on-a-line",
    "action-ttl-before-option",
    "action-ttl-bare-number",
    "maildir-bare-tilde",
    "maildir-junk-first",
    "action-keyword-name",
    "match-double-not",
    "match-not-inside-from",
    "match-action-reject",
    "match-tls-verify",
    "listen-secure",
    "chain-empty",
    "bounce-without-comma",
    "bounce-in-braces",
    "delimiter-digit",
    "delimiter-bare-hyphen",
    "limit-with-unit",
    "legacy-condition-after-mapping",
    "legacy-for-all",
    "legacy-table-without-source",
    "legacy-forward-only-before-deliver",
    "legacy-port-smtps",
    "legacy-table-bare-path",
    "legacy-table-reserved-name",
    "legacy-expire-number",
    "legacy-bounce-warn-blanks",
    "legacy-filter-chain-commas",
]


@pytest.mark.parametrize("name", REFUSED_FOR_SYNTAX)
def test_vectors_that_are_refused_for_their_syntax(name: str) -> None:
    """One syntax error, in the snippet and nowhere else in the file around it."""
    (vector,) = (each for each in VECTORS if each["id"] == name)
    dialect = Dialect[vector["dialect"].upper()]

    found = read(vector["text"], dialect=dialect)

    assert vector["ours"] == "refuse"
    assert [each.code.name for each in found.errors] == ["syntax-error"]
    assert len(read(vector["file"], dialect=dialect).errors) == 1


def real_world() -> list[tuple[str, str, str]]:
    """Return name, dialect and notes of each configuration that people wrote."""
    with (TESTS / "real_world" / "index.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["file"], row["dialect"], row["notes"]) for row in rows]


@pytest.mark.parametrize(("name", "dialect", "notes"), real_world())
def test_what_some_release_accepted_is_grammatical(name: str, dialect: str, notes: str) -> None:
    """A file that served mail has no syntax error; a release that refused one says where."""
    found = read(
        (TESTS / "real_world" / f"{name}.conf").read_bytes(),
        dialect=Dialect.LEGACY if dialect == "legacy" else Dialect.MODERN,
    )
    verdict = notes.split(" | ")
    is_refused = any("syntax error" in each or "refused by every" in each for each in verdict)

    assert bool(found.errors) == is_refused
    lines = [each.split(" ")[1].rstrip(":") for each in verdict if "syntax error" in each]
    for line in lines:
        # The original names the line on which it noticed; a quarter of the time that is the next one.
        assert any(abs(int(place(each.span).split(":")[0]) - int(line)) <= 1 for each in found.errors)


@pytest.mark.parametrize(("name", "dialect"), MISTAKES)
def test_each_mistake_is_one_finding(name: str, dialect: Dialect, golden: CompareGolden) -> None:
    """Independent mistakes in one file are reported one by one, each in its line, and nothing else is."""
    path = CORPUS / f"{name}.conf"
    found = read(path.read_bytes(), dialect=dialect)

    assert len(expectations(path)) >= 20
    assert disagreements(path, found.findings) == []
    golden(TESTS / "golden" / "parse" / f"{name}.out", render_text(found.findings, colour=False))
