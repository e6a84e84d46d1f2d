"""How trees are written; that they come back is in tests/properties/test_round_trip.py."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.expand import expand
from smtpdsl.compiler.parse import parse
from smtpdsl.compiler.tables import lexicon
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.printing import print_config, print_statement
from smtpdsl.ir.syntax import Dialect, Word

SPAN = Source("smtpd.conf", "").whole()


class IncludedFiles(Machine):
    """A world in which every file has one table."""

    def read(self, path: str) -> bytes:
        """Return the table."""
        return f"table t file:{path}\n".encode()


def read(text: str, dialect: Dialect = Dialect.MODERN) -> syntax.Config:
    """Return the tree of *text*."""
    expanded = expand(Source("smtpd.conf", text), IncludedFiles(), report := Report())
    assert expanded is not None
    config = parse(expanded, dialect, report)
    assert report.diagnostics == []
    return config


def printed(text: str, dialect: Dialect = Dialect.MODERN) -> str:
    """Return *text* as it is printed."""
    return print_config(read(text, dialect), lexicon(dialect)).removesuffix("\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("table  t {\n a\n b }", "table t { a, b }"),
        ("table t { a => b }", "table t { a = b }"),
        ("table 't' 'file:/x'", "table t file:/x"),
        ('table "action" "587"', 'table "action" "587"'),
        ('table "10/8" "4h"', 'table "10/8" 4h'),
        ('table "" "a b"', 'table "" "a b"'),
        ('table t "it\'s \\"x\\""', 'table t "it\'s \\"x\\""'),
        (r"table t a\\b", r"table t a\\b"),
        ("listen on lo port 25 port smtps", "listen on lo port 25 port smtps"),
        ("listen on lo auth < t >", "listen on lo auth <t>"),
        ("listen on lo filter { f }", "listen on lo filter f"),
        ('action "a" relay backup mx m tls no-verify ttl 4h # x', "action a relay backup mx m tls no-verify ttl 4h"),
        ("match ! from src regex <t> reject", "match !from src regex <t> reject"),
        ("bounce warn-interval 1h,2h", "bounce warn-interval 1h, 2h"),
        ("mta limit max-conn-per-host 1 inet4", "mta limit inet4 max-conn-per-host 1"),
        ('m = "x"\nlisten on $m', "m = x\nlisten on x"),
    ],
)
def test_tree_is_written_plainly(text: str, expected: str) -> None:
    """One blank, one kind of quotes and of separators; quotes only where they are needed."""
    assert printed(text + "\n") == expected


@pytest.mark.parametrize(
    "text",
    [
        "expire 4d",
        "bounce-warn",
        "bounce-warn 1h, 2h",
        "max-mta-deferred 5",
        "limit session max-rcpt 5",
        "limit mta for domain d max-conn-per-host 5",
        "queue encryption key k",
        "subaddressing-delimiter :",
        "enqueuer filter f",
        "filterchain f a b",
        "filter f chain a b",
        "ca x certificate y",
        "table action { data }",
        'listen on lo port "smtps"',
        "accept ! authenticated from ! local tagged ! T recipient ! { a, b } alias <a> deliver to mda x as u expire 1d",
        "accept for any relay via tls://h auth <t> verify",
        "reject from <t>",
    ],
)
def test_legacy_statement_keeps_its_words(text: str) -> None:
    """The words of the language before 6.4 come back, with its own idea of what needs quotes."""
    assert printed(text + "\n", Dialect.LEGACY) == text


INCLUDING = 'listen on lo\ninclude "/other"\nadmd x\n'


def test_include_stays_an_include() -> None:
    """The text of a file has its own statements only."""
    assert printed(INCLUDING) + "\n" == INCLUDING


def test_includes_can_be_put_in_place() -> None:
    """A text that needs no other file has the statements of all of them, in order."""
    text = print_config(read(INCLUDING), lexicon(Dialect.MODERN), inline_includes=True)
    assert text == "listen on lo\ntable t file:/other\nadmd x\n"


WORD = Word(span=SPAN, text="x")


@pytest.mark.parametrize(
    ("statement", "dialect"),
    [
        (syntax.Discarded(span=SPAN), Dialect.MODERN),
        (syntax.LegacyFilter(span=SPAN, name=WORD, words=(WORD,)), Dialect.MODERN),
        (syntax.FilterProc(span=SPAN, name=WORD, proc=WORD), Dialect.LEGACY),
        (syntax.Setting(span=SPAN, words=("curve",), values=(WORD,)), Dialect.MODERN),
        (syntax.Setting(span=SPAN, words=("srs", "key"), values=(WORD,)), Dialect.LEGACY),
        (syntax.Setting(span=SPAN, words=("bounce", "warn-interval")), Dialect.MODERN),
        (syntax.Table(span=SPAN, name=WORD, content=syntax.InlineList(span=SPAN, entries=())), Dialect.MODERN),
        (syntax.Include(span=SPAN, path=WORD.replace(text="/x\\")), Dialect.MODERN),
        (syntax.Include(span=SPAN, path=WORD.replace(text="a\nb")), Dialect.MODERN),
    ],
)
def test_what_the_grammar_cannot_say_is_refused(statement: syntax.Statement, dialect: Dialect) -> None:
    """A tree that no text has is an error of the caller, not a text that says something else."""
    with pytest.raises(ValueError, match="has no text"):
        print_statement(statement, lexicon(dialect))
