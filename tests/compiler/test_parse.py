"""Text to a tree, and what an error costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.parse import MAX_SYNTAX_ERRORS
from smtpdsl.diagnostics.render import render_text
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect
from tests.compiler.reading import Reading, pointed_at, read
from tests.properties.strategies import damaged_texts, grammar_texts


def statements(text: str, dialect: Dialect = Dialect.MODERN) -> list[syntax.Statement]:
    """Return the statements of *text*, in which nothing is wrong."""
    found = read(text, dialect=dialect)
    assert not found.messages
    assert found.config is not None
    return list(found.config.statements)


def discarded(found: Reading) -> list[tuple[str | None, str | None]]:
    """Return kind and name of each statement that an error cost."""
    assert found.config is not None
    return [(each.kind, each.name) for each in found.config.statements if isinstance(each, syntax.Discarded)]


# ---------------------------------------------------------------- text that is right


@pytest.mark.parametrize(
    "text",
    [
        "table t { a b c }",
        "table t { a = b c => d }",
        "table t {\n\n a\n # c\n\n b,\n\n c }",
        "table t { a: b }",
        "table t { ::1, fe80::1, 10.0.0.0/8, smtps://l@host:465, ann@example.org }",
        "match for domain < t > reject",
        'match for domain <"a b"> reject',
        "match ! from any reject",
        "match reject",
        "listen on lo port smtps",
        "bounce warn-interval 1h, 2h",
        "scheduler limit",
        "smtp limit max-rcpt -1 max-mails 9223372036854775807",
        "smtp limit max-rcpt -9223372036854775808",
        "mta limit max-rcpt 00000000000000000000000000000025",
        "listen on l'a",
        'listen on a"b"c',
        "listen on lo#comment",
        "\tlisten\ton\tlo\t",
        "table t { 4h, 1000:100:/home, 10.0.0.1 }",
    ],
)
def test_accepted(text: str) -> None:
    """What looks odd, and is legal."""
    assert len(statements(text)) == 1


@pytest.mark.parametrize("dialect", Dialect)
@given(data=st.data())
def test_sentences_of_the_grammar_are_accepted(dialect: Dialect, data: st.DataObject) -> None:
    """Whatever the grammar derives has no syntax error."""
    found = read(data.draw(grammar_texts(dialect)), dialect=dialect)

    assert not [each for each in found.errors if each.code.name == "syntax-error"]


# ---------------------------------------------------------------- text that is wrong


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("table t { a, }", "table", "t"),
        ('action "in" maildri', "action", "in"),
        ('action "in mbox', "action", "in"),
        ("action $undefined mbox", "action", None),
        ("filter f phase connect match rdns reject 550 no", "filter", "f"),
        ("proc p", "proc", "p"),
        ("pki p certificate x", "pki", "p"),
        ("ca c key x", "ca", "c"),
        ('mda wrapper w "x" y', "wrapper", "w"),
        ("table <t> { a }", "table", "t"),
        ("table t\n{ a }", "table", "t"),
        ("table t { a\nlisten on lo", "table", "t"),
        ("listen on", "listen", None),
        ("foo", None, None),
    ],
)
def test_a_discarded_statement_still_declares_its_name(text: str, kind: str | None, name: str | None) -> None:
    """So its uses are no second mistake."""
    found = read(text + "\n")

    assert discarded(found) == [(kind, name)]
    assert len(found.messages) == 1


def test_an_error_costs_its_statement_only() -> None:
    """What stands before and behind is read, in its order."""
    found = read("listen on lo\nlisten on lo prot\nadmd x\n")

    assert found.config is not None
    assert [type(each).__name__ for each in found.config.statements] == ["Listen", "Discarded", "Setting"]


def test_errors_in_the_first_line() -> None:
    """There is no list of statements yet, and nothing is lost."""
    found = read("}\n}\nadmd x\n")

    assert [each.split(" ")[0] for each in found.messages] == ["1:1", "2:1"]
    assert found.config is not None
    assert [type(each).__name__ for each in found.config.statements] == ["Discarded", "Discarded", "Setting"]


@pytest.mark.parametrize(
    ("text", "where", "rest"),
    [
        pytest.param("table t { a,\n, b\n}\nlisten on lo\n", "2:1", 1, id="to-the-closing-brace"),
        pytest.param("table t { a,, b }\nlisten on lo\n", "1:13", 1, id="in-one-line"),
        pytest.param("table t {\n a\nlisten on lo\nadmd x\n", "1:9", 2, id="to-the-next-statement"),
        pytest.param("table t {\n a = b\n c\n}\nlisten on lo\n", "3:2", 1, id="in-a-mapping"),
        pytest.param("table t {\n}\nlisten on lo\n", "1:9", 1, id="empty"),
        pytest.param("table t {\n smtp\n mta\n}\nlisten on lo\n", "2:2", 1, id="statement-words-as-entries"),
        pytest.param('table t {\n include "/x"\n}\nlisten on lo\n', "2:2", 1, id="include-in-braces"),
        pytest.param("table t\n{ a }\nlisten on lo\n", "1:8", 1, id="list-on-the-next-line"),
        pytest.param("table t\n\n{\n a\n}\nlisten on lo\n", "1:8", 1, id="list-further-below"),
        pytest.param("match for any\n  action a\nlisten on lo\n", "1:14", 1, id="no-backslash"),
        pytest.param("match for any\n  reject\nlisten on lo\n", "1:14", 1, id="no-backslash-before-a-keyword"),
        pytest.param("match for any\n  tag a\n  action b\nlisten on lo\n", "1:14", 1, id="no-backslash-twice"),
        pytest.param(" listen on\n lo\n match reject\n admd x\n", "1:11", 2, id="no-backslash-among-indented"),
        pytest.param("listen on\neth0\nlisten on lo\n", "1:10", 1, id="no-backslash-and-no-indent"),
        pytest.param("listen on lo\n  port 25\n  tag x\nadmd x\n", "2:3", 2, id="options-of-the-line-before"),
        pytest.param("table t { {{{ }\nlisten on lo\n", "1:11", 1, id="nested"),
        pytest.param("foo { a\n b }\nlisten on lo\n", "1:1", 1, id="unknown-statement-with-braces"),
    ],
)
def test_where_reading_goes_on(text: str, where: str, rest: int) -> None:
    """One finding, at the mistake; behind the broken statement nothing is lost."""
    found = read(text)

    assert [each.split(" ")[0] for each in found.messages] == [where]
    assert found.config is not None
    assert len([each for each in found.config.statements if not isinstance(each, syntax.Discarded)]) == rest


def test_one_mistake_in_a_macro_is_one_finding() -> None:
    """However often the macro is used: the value has to be mended, not the references."""
    found = read('path = "/etc/cert.pem"\npki a cert $path\npki b cert $path\n')

    assert [each.split(" ")[0] for each in found.messages] == ["2:12"]
    assert discarded(found) == [("pki", "a"), ("pki", "b")]


def test_a_file_of_something_else_is_given_up() -> None:
    """After so many errors the file is not what it was taken for."""
    found = read("foo bar\n" * 1000)

    assert len(found.messages) == MAX_SYNTAX_ERRORS + 1
    assert found.messages[-1].endswith(f"more than {MAX_SYNTAX_ERRORS} syntax errors; the rest of the file is not read")


def test_what_was_read_before_giving_up_is_kept() -> None:
    """The names that were declared above are known."""
    found = read("listen on lo\n" + "foo bar\n" * 1000)

    assert found.config is not None
    assert isinstance(found.config.statements[0], syntax.Listen)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{" * 100_000 + "\n", id="open"),
        pytest.param("table t " + "{" * 50_000 + "}" * 50_000 + "\n", id="nested"),
        pytest.param("table t {\n" * 30_000, id="never-closed"),
        pytest.param("\\" * 100_000 + "\n", id="backslashes"),
        pytest.param("$" * 10_000 + "\n", id="references"),
        pytest.param("foo bar baz\n" * 10_000, id="errors"),
    ],
)
def test_hostile_text_is_answered(text: str) -> None:
    """Deep nesting and masses of errors end with findings, not with an exception or one for each character."""
    assert 0 < len(read(text).errors) <= MAX_SYNTAX_ERRORS + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("mta max-deferred 9223372036854775808", "this number does not fit in 64 bits", id="number"),
        pytest.param("mta max-deferred " + "9" * 5000, "this number does not fit in 64 bits", id="endless-number"),
        pytest.param("admd " + "x" * 8096, "a word of 8096 octets; the limit is 8095", id="word"),
        pytest.param('admd "' + "x" * 8095 + '"', "a string of 8095 octets; the limit is 8094", id="string"),
        pytest.param('admd "' + "ü" * 4048 + '"', "a string of 8096 octets; the limit is 8094", id="octets"),
    ],
)
def test_too_long_or_too_large(text: str, message: str) -> None:
    """Numbers have 64 bits, words and strings a limit in octets."""
    (found,) = read(text + "\n").messages

    assert found.endswith(f": {message}")


@pytest.mark.parametrize(
    "text",
    ["admd " + "x" * 8095, 'admd "' + "x" * 8094 + '"', 'admd "' + '\\"' * 8094 + '"', 'admd "' + "ü" * 4047 + '"'],
)
def test_just_not_too_long(text: str) -> None:
    """The limit itself is fine; what counts is the value and not how it is written."""
    assert not read(text + "\n").messages


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("dialect", Dialect)
@given(data=st.data())
def test_findings_are_placed(dialect: Dialect, data: st.DataObject) -> None:
    """Whatever happens to a text, it is read, and every place of every finding lies in its file."""
    found = read(data.draw(damaged_texts(dialect)), dialect=dialect)

    assert found.config is not None
    spans = [each.span for each in found.findings]
    spans += [related.span for each in found.findings for related in each.related]
    spans += [edit.span for each in found.findings if each.fix for edit in each.fix.edits]
    spans += [each.span for each in found.config.statements]
    for span in spans:
        written = span.written().span
        assert 0 <= span.start <= span.end <= len(span.source.text)
        assert 0 <= written.start <= written.end <= len(written.source.text)


WORDS = ["listen", "on", "action", "match", "accept", "relay", "host", "include", "x", "25", "4h", "[::1]", "/x"]
SIGNS = [
    "{",
    "}",
    ",",
    "=",
    "=>",
    "<",
    ">",
    "!",
    '"',
    "'",
    "#",
    "$",
    "$a",
    "$b",
    "\\",
    "\\\n",
    "\n",
    "\t",
    "-",
    ";",
    "(",
    ")",
]
SCRAPS = st.sampled_from([*WORDS, *SIGNS, 'a = "lo"\n', "b = '\"'\n", "\u201c", "\u00fc", "\udcff", "\u00a0", "\r"])


@pytest.mark.parametrize("dialect", Dialect)
@given(scraps=st.lists(SCRAPS, max_size=30), glue=st.sampled_from(["", " "]))
def test_scraps_of_the_language_are_read(dialect: Dialect, scraps: list[str], glue: str) -> None:
    """Words, signs, quotes and macros in any order give findings, and never anything worse."""
    found = read(glue.join(scraps), dialect=dialect)

    assert found.config is not None
    assert bool(render_text(found.findings, colour=False)) == bool(found.findings)


@pytest.mark.parametrize("dialect", Dialect)
@given(data=st.data())
def test_comments_and_blank_lines_mean_nothing(dialect: Dialect, data: st.DataObject) -> None:
    """What stands between statements, or behind them, does not change the tree."""
    texts = data.draw(st.lists(grammar_texts(dialect), max_size=3))
    before = st.sampled_from(["\n", "# c\n", "  # 'c \"\n", "\t\n", "#c \\\n more\n", ""])
    behind = st.sampled_from(["", " # c", "\t"])
    spread = "".join(data.draw(before) + (text[:-1] + data.draw(behind) + "\n" if text else "") for text in texts)

    plain, commented = read("".join(texts), dialect=dialect), read(spread, dialect=dialect)

    assert plain.config == commented.config


@given(above=grammar_texts(Dialect.MODERN), below=grammar_texts(Dialect.MODERN))
def test_a_mistake_does_not_touch_other_statements(above: str, below: str) -> None:
    """The statements around a broken line are those of the text without it."""
    with_it, without = read(f"{above}listen on lo prot 25\n{below}"), read(above + below)

    assert with_it.config is not None
    assert without.config is not None
    kept = tuple(each for each in with_it.config.statements if not isinstance(each, syntax.Discarded))
    assert kept == without.config.statements
    (error,) = (each for each in with_it.errors if each.code.name == "syntax-error")
    assert pointed_at(error) == "prot"


def test_a_statement_knows_its_place() -> None:
    """The spans of nodes lead to the words that were written."""
    (listen,) = statements('listen on "lo" port 25 tls\n')

    assert isinstance(listen, syntax.Listen)
    assert listen.interface.span.text == '"lo"'
    assert [option.span.text for option in listen.options] == ["port 25", "tls"]
    assert Span(listen.span.source, listen.span.start, listen.span.end).text == 'listen on "lo" port 25 tls'


@pytest.mark.parametrize("text", ["listen on lo tlsport 25", "reject forward-only", "accept for any relaytls"])
def test_a_keyword_is_a_whole_word(text: str) -> None:
    """In the language before 6.4 too, where the lexer asks the parser which words could come."""
    found = read(text + "\n", dialect=Dialect.LEGACY)

    assert len(found.messages) == 1
    assert pointed_at(found.findings[0]) in {"tlsport", "forward-only", "relaytls"}


@pytest.mark.parametrize("name", ["senders", "chroot", "action", "user", "ciphers"])
def test_a_legacy_name_may_be_a_keyword_of_some_release(name: str) -> None:
    """Each release reserved its own words, so most are names where only a name can stand."""
    (table,) = statements(f"table {name} file:/x\n", Dialect.LEGACY)

    assert isinstance(table, syntax.Table)
    assert table.name.text == name
