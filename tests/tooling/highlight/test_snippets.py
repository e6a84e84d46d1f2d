"""The snippets are right: whoever takes one over as it is has no mistake in the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.highlight.snippets import Snippet, as_snipmate, choices, fill, pieces, snippets

ROOT = Path(__file__).parent.parent.parent.parent
MOST_CHOICES = max(map(choices, snippets()))
SNIPPET = Snippet("x", "an example", r"listen on ${1:lo} ${2|tls,smtps|} pki \$p # ${1:lo} \}", (Dialect.MODERN,))


def errors(text: str) -> list[Diagnostic]:
    """Compile *text* without a look at this machine."""
    report = Report()
    compilation = compile_octets("smtpd.conf", text.encode(), Machine(static=True), report)
    assert compilation.config is not None, render_text(report.diagnostics, colour=False)
    return [found for found in report.diagnostics if found.severity is Severity.ERROR]


@pytest.mark.parametrize("choice", range(MOST_CHOICES))
@pytest.mark.parametrize("dialect", Dialect)
def test_snippets_compile(dialect: Dialect, choice: int) -> None:
    """All of a language are one configuration without errors, whatever is chosen where something can be."""
    chosen = [fill(snippet, choice) for snippet in snippets() if dialect in snippet.dialects]

    assert render_text(errors("\n\n".join(chosen) + "\n"), colour=False) == ""


@pytest.mark.parametrize("snippet", snippets(), ids=lambda each: each.prefix)
@pytest.mark.parametrize("choice", range(MOST_CHOICES))
def test_each_snippet_is_grammatical_by_itself(snippet: Snippet, choice: int) -> None:
    """What it refers to is another matter."""
    assert [
        found.code.name for found in errors(fill(snippet, choice) + "\n") if found.code.name == "syntax-error"
    ] == []


def test_every_statement_of_the_examples_has_a_snippet() -> None:
    """The usual ones, that is."""
    heads = {fill(snippet).split()[0] for snippet in snippets()}
    used = {
        line.split()[0]
        for path in (ROOT / "examples").glob("*.conf")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line[:1].isalpha()
    }

    assert {"listen", "action", "match", "table", "pki", "filter", "accept"} <= heads & used


def test_the_document_names_snippets_that_exist() -> None:
    """Who types what is written there gets something."""
    section = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8").partition("## Snippets")[2].partition("##")[0]
    named = set(re.findall(r"`([a-z-]+)`", section))

    assert named
    assert named <= {snippet.prefix for snippet in snippets()}


def test_names_are_unique() -> None:
    """What somebody types means one snippet."""
    assert len({snippet.prefix for snippet in snippets()}) == len(snippets())


def test_filling() -> None:
    """Every place keeps its text; of several to choose from, the one with that number."""
    assert fill(SNIPPET) == "listen on lo tls pki $p # lo }"
    assert fill(SNIPPET, 1) == "listen on lo smtps pki $p # lo }"
    assert (choices(SNIPPET), choices(SNIPPET._replace(body="match"))) == (2, 1)


def test_other_notations() -> None:
    """Vim's engines have no choices, and Emacs gets pieces."""
    assert as_snipmate(SNIPPET) == r"listen on ${1:lo} ${2:tls} pki \$p # ${1:lo} \}"
    assert pieces(SNIPPET) == [
        "listen on ",
        (1, ["lo"]),
        " ",
        (2, ["tls", "smtps"]),
        " pki $p # ",
        (1, ["lo"]),
        " }",
    ]
