"""Which generation of the language a file is written in."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.dialect import detect_dialect
from smtpdsl.compiler.expand import expand
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report
from smtpdsl.ir.syntax import Dialect
from tests.compiler.reading import Files, describe, place, pointed_at

REAL_WORLD = Path(__file__).parent.parent / "real_world"


class Detected(NamedTuple):
    """A dialect, and what was found on the way."""

    dialect: Dialect | None
    findings: list[Diagnostic]


def detect(
    text: str | bytes, files: Mapping[str, str | bytes] | None = None, forced: Dialect | None = None
) -> Detected:
    """Return the dialect of *text*, and the findings of the detection alone."""
    source = decode("smtpd.conf", text.encode() if isinstance(text, str) else text, Report())
    assert source is not None
    expanded = expand(source, Files(files or {}), Report())
    assert expanded is not None
    report = Report()
    return Detected(detect_dialect(expanded, report, forced), report.diagnostics)


def judged() -> list[tuple[str, str]]:
    """Return the configurations that people wrote, and the dialect that a person saw in each."""
    with (REAL_WORLD / "index.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["file"], row["dialect"]) for row in rows]


@pytest.mark.parametrize(("name", "dialect"), judged())
def test_real_world(name: str, dialect: str) -> None:
    """The dialect is the one that a person sees; where nothing tells, any will do."""
    found = detect((REAL_WORLD / f"{name}.conf").read_bytes())

    if dialect == "mixed":
        assert found.dialect is None
        assert [each.code.name for each in found.findings] == ["mixed-dialects"]
    else:
        assert dialect == "unclear" or found.dialect is Dialect[dialect.upper()]
        assert not found.findings


@pytest.mark.parametrize(
    "statement",
    [
        "accept from any for local deliver to mbox",
        "accept",
        "reject from any",
        "expire 4d",
        "bounce-warn 4h",
        "max-message-size 35M",
        "max-mta-deferred 10",
        "limit session max-rcpt 10",
        "ciphers x",
        "curve x",
        "subaddressing-delimiter +",
        "enqueuer filter x",
        "filterchain x a b",
    ],
)
def test_statements_of_the_older_language(statement: str) -> None:
    """One of them decides."""
    assert detect(f"listen on lo\n{statement}\n") == (Dialect.LEGACY, [])


@pytest.mark.parametrize(
    "statement",
    [
        'action "x" mbox',
        "match for any reject",
        "admd x",
        "bounce warn-interval 1h",
        "mda limit max-session 1",
        "mta max-deferred 1",
        "proc x y",
        "scheduler limit",
        "smtp ciphers x",
        "srs key x",
        "queue ttl 4d",
        "filter x phase connect match rdns junk",
        "filter x proc y",
        'filter x proc-exec "y"',
        "filter x chain { a, b }",
        "filter x chain {\n a\n b\n}",
    ],
)
def test_statements_of_the_newer_language(statement: str) -> None:
    """One of them decides."""
    assert detect(f"{statement}\npki x certificate y\n") == (Dialect.MODERN, [])


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("", Dialect.MODERN),
        ("listen on lo\n", Dialect.MODERN),
        ("listen on lo mask-source\n", Dialect.LEGACY),
        ("listen on lo secure\n", Dialect.LEGACY),
        ("pki x certificate y\n", Dialect.LEGACY),
        ("pki x dhparams y\n", Dialect.LEGACY),
        ("listen on lo dsn-notify disable\n", Dialect.LEGACY),
        ("queue encryption key x\n", Dialect.LEGACY),
        ("queue encryption x\n", Dialect.MODERN),
        ("queue encryption\n", Dialect.MODERN),
        ("filter x y\n", Dialect.LEGACY),
        ("filter x chain a b\n", Dialect.LEGACY),
        ("listen on lo mask-src\n", Dialect.MODERN),
        ("listen on lo mask-source\npki x cert y\n", Dialect.MODERN),
        ("table mask-source { a }\nlisten on lo\n", Dialect.LEGACY),
        ('table "mask-source" { a }\nlisten on lo\n', Dialect.MODERN),
    ],
)
def test_options_decide_where_no_statement_does(text: str, dialect: Dialect) -> None:
    """If those of one language alone occur, it is that one; otherwise the newer."""
    assert detect(text) == (dialect, [])


def test_options_never_make_a_file_mixed() -> None:
    """`cert` beside `accept` is a file of the older language, half converted."""
    assert detect('pki x cert "y"\nlisten on lo mask-src\naccept for any relay\n') == (Dialect.LEGACY, [])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('accept = "x"\nexpire="y"\nlimit => z\nmatch for any reject\n', id="names-of-macros"),
        pytest.param('"accept" = "x"\nmatch for any reject\n', id="quoted-name-of-a-macro"),
        pytest.param("# accept for any relay\nmatch for any reject\n", id="comment"),
        pytest.param("table t {\n accept\n expire\n}\nmatch for any reject\n", id="entries"),
        pytest.param('admd "\naccept"\nmatch for any reject\n', id="quoted"),
        pytest.param("match for any \\\nreject\n", id="continued"),
        pytest.param("match for any\n  reject\n", id="continued-without-a-backslash"),
        pytest.param("accept.example.org\nmatch for any reject\n", id="longer-word"),
        pytest.param('action "x" relay host a\nhostname x\n', id="ancient-word-in-a-modern-file"),
    ],
)
def test_words_that_are_no_statements_prove_nothing(text: str) -> None:
    """Only the first word of a statement counts, and a definition is none."""
    assert detect(text) == (Dialect.MODERN, [])


def test_a_macro_may_begin_a_statement() -> None:
    """What counts is the text, wherever it comes from."""
    assert detect('rule = "accept for any"\n$rule relay\n') == (Dialect.LEGACY, [])


def test_included_files_count() -> None:
    """A configuration with its includes is in one language."""
    found = detect('match for any reject\ninclude "/a"\n', {"/a": "\naccept for any relay\n"})

    assert found.dialect is None
    assert [place(each.span) for each in found.findings] == ["/a:2:1"]
    assert [place(each.span) for each in found.findings[0].related] == ["1:1"]


def test_a_mixed_file_is_one_finding() -> None:
    """At the first statement of the second kind, with the first one of the other kind beside it."""
    found = detect('listen on lo\n  expire 4d\naccept for any relay\nmatch for any reject\naction "x" relay\n')

    assert found.dialect is None
    (finding,) = found.findings
    assert describe(finding) == (
        "4:1 mixed-dialects: `match` is the language of 6.4 and later, and `expire` above the one of 5.3 to 6.3"
    )
    assert pointed_at(finding) == "match"
    assert [(place(each.span), each.span.text) for each in finding.related] == [("2:3", "expire")]
    assert finding.notes == ("`expire` is renamed in 6.4: write `queue ttl`",)


@pytest.mark.parametrize("statement", ['map "a" { source db "/x" }', "hostname mx.example.org", "size 10M"])
@pytest.mark.parametrize("others", ["", "accept for all relay\n", "listen on lo\n"])
def test_the_language_of_5_2(statement: str, others: str) -> None:
    """It is recognised and refused: nothing reads it any more."""
    found = detect(f"{others}{statement}\n")

    assert found.dialect is None
    (finding,) = found.findings
    assert finding.code.name == "ancient-dialect"
    assert pointed_at(finding) == statement.split(maxsplit=1)[0]


@pytest.mark.parametrize("forced", Dialect)
@pytest.mark.parametrize("text", ["match for any reject\n", "accept\n", "accept\nmatch for any reject\n", "map x\n"])
def test_the_command_line_may_force_a_dialect(forced: Dialect, text: str) -> None:
    """It holds against everything that the file says."""
    assert detect(f"# smtpdsl: dialect modern\n{text}", forced=forced) == (forced, [])


@pytest.mark.parametrize(
    ("line", "dialect"),
    [
        ("# smtpdsl: dialect legacy", Dialect.LEGACY),
        ("#smtpdsl: dialect  legacy  ", Dialect.LEGACY),
        ("\ufeff# smtpdsl: dialect legacy\r", Dialect.LEGACY),
        ("# smtpdsl: dialect modern", Dialect.MODERN),
    ],
)
def test_the_first_line_may_force_a_dialect(line: str, dialect: Dialect) -> None:
    """A comment there decides without a look at the statements."""
    assert detect(f"{line}\naccept for any relay\nmatch for any reject\n") == (dialect, [])


@pytest.mark.parametrize(
    "text", ["\n# smtpdsl: dialect legacy\nmatch for any reject\n", "match reject # smtpdsl: dialect legacy\n"]
)
def test_only_the_first_line_may(text: str) -> None:
    """Elsewhere the comment is a comment."""
    assert detect(text) == (Dialect.MODERN, [])


def test_an_unknown_dialect_is_a_finding() -> None:
    """A directive that cannot be followed must not be passed over."""
    found = detect("# smtpdsl: dialect modren\naccept for any relay\n")

    assert found.dialect is Dialect.LEGACY
    assert [describe(each) for each in found.findings] == ['1:20 syntax-error: no dialect is named "modren"']
