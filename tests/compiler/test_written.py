r"""Backslashes, quotes that are never closed, and files from other systems.

In these tests a backslash before a newline is written as it stands in a file.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.written import join_lines, join_value
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir import syntax
from tests.compiler.reading import place, pointed_at, read


def joined(text: str) -> str:
    """Join the lines of *text*, in which nothing is wrong."""
    report = Report()
    made = join_lines(Source("smtpd.conf", text), report)
    assert not report.diagnostics
    return made.text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("listen on lo \\\n  port 25\n", "listen on lo   port 25\n", id="between-words"),
        pytest.param("lis\\\nten on lo\n", "listen on lo\n", id="inside-a-word"),
        pytest.param("listen on lo\\\n0\n", "listen on lo0\n", id="at-the-end-of-a-word"),
        pytest.param("listen on \\\n\\\nlo\n", "listen on lo\n", id="twice"),
        pytest.param("table t { a =\\\n> b }\n", "table t { a => b }\n", id="inside-an-arrow"),
        pytest.param("listen on lo \\", "listen on lo ", id="at-the-end-of-the-file"),
        pytest.param("listen on \\lo\n", "listen on lo\n", id="before-a-letter"),
        pytest.param("admd a\\#b\n", "admd a#b\n", id="protects-no-comment"),
        pytest.param("admd a\\ b\n", "admd a b\n", id="protects-no-blank"),
        pytest.param("admd a\\\tb\n", "admd a\tb\n", id="protects-no-tab"),
        pytest.param("admd a\\\\b\n", "admd a\\b\n", id="before-a-backslash"),
        pytest.param("admd \\\\ x\n", "admd \\ x\n", id="before-a-backslash-alone"),
        pytest.param('admd \\"a b"\n', 'admd "a b"\n', id="protects-no-quote"),
        pytest.param('admd a\\"b\n', 'admd a"b\n', id="before-a-quote-in-a-word"),
        pytest.param('admd "a\\\nb"\n', 'admd "a\\\nb"\n', id="in-quotes-left-alone"),
        pytest.param("admd 'a\\'b'\n", "admd 'a\\'b'\n", id="a-protected-quote-left-alone"),
        pytest.param("# a \\\nlisten on lo\n", "# a \\\nlisten on lo\n", id="in-a-comment-left-alone"),
        pytest.param("admd l'a\\\nb\n", "admd l'ab\n", id="a-quote-in-a-word-opens-nothing"),
    ],
)
def test_backslashes_vanish_outside_quotes_and_comments(written: str, meant: str) -> None:
    """A backslash takes the newline after it along, and vanishes alone before any other character."""
    assert joined(written) == meant


@given(text=st.text(alphabet="ab #{}=,$\n\t\u00fc"))
def test_a_text_without_backslashes_and_quotes_is_unchanged(text: str) -> None:
    """Nothing else is touched here; the very same source is returned."""
    source = Source("smtpd.conf", text)

    assert join_lines(source, Report()) is source


@given(words=st.lists(st.sampled_from(["ab", "lo", "'x y'", '"z"', "# c \\"]), min_size=1), data=st.data())
def test_places_lead_back_to_the_file(words: list[str], data: st.DataObject) -> None:
    """Whatever is joined, a word of the result points at the same word of the file."""
    separators = st.sampled_from([" ", " \\\n ", "\\\n", "\n"])
    text = "".join(word + ("\n" if word.startswith("#") else data.draw(separators)) for word in words)
    source = Source("smtpd.conf", text)

    made = join_lines(source, Report())

    for at, character in enumerate(made.text):
        assert Span(made, at, at + 1).written().span.text == character


@pytest.mark.parametrize(
    ("written", "comment"),
    [
        pytest.param("# one \\\ntwo\nlisten on lo\n", "# one \\\ntwo", id="joined"),
        pytest.param("# one \\\\\nlisten on lo\n", "# one \\\\", id="protected-backslash"),
        pytest.param("listen on lo#one\n", "#one", id="behind-a-word"),
    ],
)
def test_a_backslash_continues_a_comment(written: str, comment: str) -> None:
    """A backslash at the end of a comment makes the next line a part of it."""
    found = read(written)

    assert found.expanded is not None
    assert [span.text for span in found.expanded.comments] == [comment]
    assert not found.messages


@pytest.mark.parametrize(
    ("quoted", "meant"),
    [
        pytest.param('"a b"', "a b", id="double"),
        pytest.param("'a b'", "a b", id="single"),
        pytest.param('"a\nb"', "ab", id="newline-dropped"),
        pytest.param('"a\\\nb"', "ab", id="joined"),
        pytest.param('"a\\"b"', 'a"b', id="protected-quote"),
        pytest.param("'a\"b'", 'a"b', id="the-other-quote"),
        pytest.param('"a\\ b"', "a b", id="protected-blank"),
        pytest.param('"a\\\tb"', "a\tb", id="protected-tab"),
        pytest.param('"a\\nb"', "a\\nb", id="other-backslashes-stay"),
        pytest.param('"a#b"', "a#b", id="no-comment"),
        pytest.param('"$a"', "$a", id="no-macro"),
        pytest.param('""', "", id="empty"),
    ],
)
def test_quotes(quoted: str, meant: str) -> None:
    """What a quoted string stands for."""
    found = read(f"admd {quoted}\n")

    assert not found.messages
    assert found.config is not None
    (statement,) = found.config.statements
    assert isinstance(statement, syntax.Setting)
    assert [value.text for value in statement.values if isinstance(value, syntax.Word)] == [meant]


@pytest.mark.parametrize(
    ("text", "where", "behind"),
    [
        pytest.param('listen on "lo\nlisten on lo\n', "1:11", 1, id="before-a-statement"),
        pytest.param('action "a mbox\nmatch for local action "a"\n', "1:8", 1, id="closed-by-the-quote-of-another"),
        pytest.param('a = "x\nb = "y"\nlisten on $b\n', "1:5", 2, id="before-a-macro"),
        pytest.param("listen on 'lo\n  listen on lo\n", "1:11", 1, id="before-an-indented-statement"),
        pytest.param('listen on "lo', "1:11", 0, id="at-the-end-of-the-file"),
        pytest.param('table t { "a", "b\n}\nlisten on lo\n', "1:16", 1, id="in-a-list"),
    ],
)
def test_a_quote_that_is_never_closed_costs_its_statement(text: str, where: str, behind: int) -> None:
    """One finding, at the quote; the statements behind it are read."""
    found = read(text)

    assert found.messages == [f"{where} syntax-error: this quote is never closed"]
    assert found.config is not None
    read_on = [each for each in found.config.statements if not isinstance(each, syntax.Discarded)]
    assert len(read_on) == behind


def test_the_lines_of_a_mapping_may_stand_in_quotes() -> None:
    """A string over several lines is legal, though each line looks like the definition of a macro."""
    found = read('users = "{ ann = a,\nben = b,\ncarl = c }"\ntable t $users\n')

    assert not found.messages
    assert found.text.endswith("table t { ann = a,ben = b,carl = c }\n")


@pytest.mark.parametrize("behind", [" ", "\t", "  \t "])
def test_a_blank_behind_the_backslash(behind: str) -> None:
    """Where the next line can only be a continuation, it is one, and the blank is reported with a safe fix."""
    found = read(f"listen on lo \\{behind}\n  port 25\n")

    assert found.messages == ["1:14 syntax-error: blank after the backslash that should continue this line"]
    assert pointed_at(found.findings[0]) == f"\\{behind}"
    fix = found.findings[0].fix
    assert fix is not None
    assert fix.safe
    assert [(edit.span.text, edit.replacement) for edit in fix.edits] == [(behind, "")]


def test_a_comment_behind_the_backslash() -> None:
    """The same, with another help."""
    found = read("listen on lo \\ # the loopback\n  port 25\n")

    assert found.messages == ["1:14 syntax-error: comment after the backslash that should continue this line"]


@pytest.mark.parametrize("following", ["listen on lo\n", "\n", "# a comment\n", "a = b\n", ""])
def test_a_protected_blank_before_a_statement_is_a_blank(following: str) -> None:
    """A backslash and a blank are a blank; if the next line is a statement of its own, nothing is wrong."""
    assert not read(f"listen on lo \\ \n{following}").messages


def test_the_value_of_a_macro_loses_its_backslashes_too() -> None:
    """A value is read like the text of a file, but its quotes may be closed where it is used."""
    assert join_value(Source("smtpd.conf", 'a\\#b "c')).text == 'a#b "c'


def test_carriage_returns_are_one_error() -> None:
    """A file from another system has one finding, with a safe fix for all its lines."""
    found = read('listen on lo \\\r\n  port 25\r\nadmd "a"\r\n')

    assert found.messages == ["1:15 carriage-returns: lines end in carriage return and newline"]
    fix = found.findings[0].fix
    assert fix is not None
    assert fix.safe
    assert [edit.replacement for edit in fix.edits] == ['listen on lo \\\n  port 25\nadmd "a"\n']


def test_carriage_returns_hide_no_other_mistake() -> None:
    """The lines are read as if they ended in newlines, and columns are those of the file."""
    found = read("listen on lo\r\nlisten on lo prot 25\r\n")

    assert [each.split(" ")[0] for each in found.messages] == ["1:13", "2:14"]
    assert pointed_at(found.findings[1]) == "prot"


def test_a_carriage_return_alone_is_a_stray_character() -> None:
    """Within a line it separates nothing."""
    assert read("listen on lo\rlisten on lo\n").messages == ["1:13 syntax-error: a carriage return within a line"]


def test_a_byte_order_mark_is_one_error() -> None:
    """The mark is reported with a safe fix, and the file is read without it."""
    found = read("\ufefflisten on lo\n")

    assert found.messages == ["1:1 byte-order-mark: the file begins with a byte order mark"]
    assert found.text == "listen on lo\n"
    assert place(Span(found.expanded.source, 0, 1) if found.expanded else found.findings[0].span) == "1:2"


def test_a_mark_and_carriage_returns_are_mended_together() -> None:
    """Neither fix touches what the other one writes."""
    found = read("\ufefflisten on lo\r\n")

    first, second = (each.fix for each in found.findings)
    assert first is not None
    assert second is not None
    assert first.edits[0].span.written().span.end <= second.edits[0].span.written().span.start
