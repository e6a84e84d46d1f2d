"""The language manual says everything, and its examples are right.

docs/language.md and the pages below docs/language/ hold blocks that are made from the grammar, definitions of
options (`tests.manual`), tables, and examples:

    ```smtpd.conf             a configuration without findings; an excerpt, without a rule, may leave things unused
    ```smtpd.conf explain     the same; the commands that follow are about it
    ```smtpd.conf skip        one that cannot be had here
    ```console excerpt        commands, and lines of what they print, in order
    ```text /etc/mail/x       a file that the configurations after it may name

What they say of defaults, of releases and of this server is for tests/test_language_facts.py.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main
from smtpdsl.compiler.tables import facts
from smtpdsl.ir.matching import service_matches
from smtpdsl.ir.syntax import Dialect
from smtpdsl.ir.table_file import Service
from smtpdsl.tooling.syntax.forms import forms_of, statement_forms
from smtpdsl.tooling.syntax.pages import forms, renewed, syntax_names
from smtpdsl.tooling.syntax.text import inner_parts, shown
from tests.checking import check_meaning, write_files
from tests.conftest import CompareGolden
from tests.manual import ENTRY, FENCE, PAGES, Example, Session, examples, options, page_named, sessions, text

OPTIONS = options()
EXAMPLES = examples()


# ---------------------------------------------------------------- the grammar


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_syntax_is_that_of_the_grammar(page: Path, golden: CompareGolden) -> None:
    """The blocks of syntax are what the grammar makes of them; ``--update-golden`` writes them anew."""
    golden(page, renewed(text(page)))


@pytest.mark.parametrize("dialect", Dialect)
def test_every_statement_has_its_syntax(dialect: Dialect) -> None:
    """No form of any statement is missing from the blocks."""
    blocks = {form for page in PAGES for name in syntax_names(text(page)) for form in forms(name)}

    assert [shown(form) for form in statement_forms(dialect) if form not in blocks] == []


def _forms_of_options() -> list[str]:
    """Return the form of each option, criterion and decision of the modern language."""
    # A phase is a row of a table.
    parts = [part for part in inner_parts(statement_forms(Dialect.MODERN)) if part != "phase"]
    found = [shown(form) for part in parts for form in forms_of(part)]
    # A part inside of a part has forms of its own.
    return [form for form in found if not form.isupper()]


@pytest.mark.parametrize("form", _forms_of_options())
def test_every_option_is_described(form: str) -> None:
    """Each of its forms is a term of a definition."""
    assert [option for option in OPTIONS if form in option.terms]


def test_nothing_else_is_described() -> None:
    """A term is the form of an option, or stands in brackets in its statement."""
    statements = " ".join(map(shown, statement_forms(Dialect.MODERN)))
    known = {*_forms_of_options(), *re.findall(r"(?<=[\[|] )?[a-z-]+ [A-Z]+", statements)}

    assert [term for option in OPTIONS for term in option.terms if term not in known] == []


@pytest.mark.parametrize("dialect", Dialect)
def test_no_keyword_is_missing(dialect: Dialect) -> None:
    """Every keyword of the language stands somewhere in its manual, as a word."""
    pages = [page for page in PAGES if (page.stem == "legacy") is (dialect is Dialect.LEGACY)]
    words = set(re.findall(r"[\w-]+", "\n".join(map(text, pages))))

    assert sorted(facts().keywords[dialect] - words) == []


def test_every_phase_of_a_filter_is_described() -> None:
    """In a row of the table of phases."""
    cells = re.findall(r"^\| (`.*?) \|", text(page_named("filters")), re.MULTILINE)
    described = {name for cell in cells for name in re.findall(r"`(.*?)`", cell)}

    assert {shown(form) for form in forms_of("phase")} <= described


def test_every_statement_is_in_the_index() -> None:
    """The entry names all of them."""
    named = set(re.findall(r"`([a-z-]+)", text(ENTRY)))

    assert sorted(facts().heads[Dialect.MODERN] - named) == []


# ---------------------------------------------------------------- examples


_FOR_ANOTHER_PAGE = ("unused-", "issuer-without-auth")


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_is_right(example: Example, tmp_path: Path) -> None:
    """There is nothing to find in it; what is for another page to complete may be unused."""
    findings = check_meaning(example.whole, tmp_path, options=["--static"])
    told = [(each.code.name, each.message) for each in findings]

    assert [each for each in told if example.is_whole or not each[0].startswith(_FOR_ANOTHER_PAGE)] == []


@pytest.mark.parametrize("session", sessions(), ids=str)
def test_explain_prints_what_is_shown(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines stand in the output in their order, whatever the blanks."""
    write_files(tmp_path, {**session.example.all_files, "/smtpd.conf": session.example.text})
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(session.command)
    result = CliRunner().invoke(main, [*arguments, "--root", str(tmp_path)], catch_exceptions=False)
    printed = iter([" ".join(line.split()) for line in result.stdout.splitlines()])

    assert program == "smtpdsl"
    assert session.lines
    assert [line for line in session.lines if line not in printed] == [], result.output


ENTRIES = [
    (service, *cells)
    for page in PAGES
    for service, rows in re.findall(r"^\| (\w+) \| asked for \|.*\n\|[-|]+\n((?:\|.*\n)+)", text(page), re.MULTILINE)
    for cells in re.findall(r"^\| `(.*?)` \| `(.*?)` \| (yes|no) \|$", rows, re.MULTILINE)
]


@pytest.mark.parametrize(("service", "entry", "asked", "matches"), ENTRIES, ids=" ".join)
def test_an_entry_matches_what_it_is_said_to_match(service: str, entry: str, asked: str, matches: str) -> None:
    """An entry of a table answers as its row says."""
    assert service_matches(Service(service), entry, asked, "+") is (matches == "yes")


def test_every_block_is_executed() -> None:
    """There is no kind of block that the tests do not know."""
    known = {"smtpd.conf", "smtpd.conf explain", "smtpd.conf skip", "console excerpt", "syntax", "words", "text"}
    found = set()
    for page in PAGES:
        for language, words, _ in FENCE.findall(text(page)):
            found.add(language if language in {"syntax", "words", "text"} else f"{language} {words}".strip())

    assert found <= known | {"{toctree}"}
