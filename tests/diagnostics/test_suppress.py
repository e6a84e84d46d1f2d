"""Comments that silence findings, and what is said about such comments."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from smtpdsl.diagnostics.codes import (
    CODES,
    DUPLICATE_KEY,
    UNKNOWN_CODE,
    UNKNOWN_TABLE,
    UNUSED_ACTION,
    UNUSED_SUPPRESSION,
    UNUSED_TABLE,
)
from smtpdsl.diagnostics.fixes import apply_fixes
from smtpdsl.diagnostics.render import render_text
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.diagnostics.suppress import suppress
from tests.diagnostics.samples import at, with_macro

if TYPE_CHECKING:
    from smtpdsl.diagnostics.diagnostic import Code, Diagnostic


def conf(text: str) -> Source:
    """Build a file from the indented *text* of a test."""
    return Source("smtpd.conf", dedent(text).removeprefix("\n"))


def comments(source: Source) -> list[Span]:
    """Find the comments of *source*, which has no ``#`` elsewhere."""
    return [Span(source, *match.span()) for match in re.finditer("#.*", source.text)]


def left(source: Source, *found: Diagnostic) -> list[Diagnostic]:
    """Return what is reported of *found*; statements begin in the first column, comments are none."""
    statement = re.search(r"^[^#\s]", source.text, re.MULTILINE)
    first = {source: statement.start()} if statement else {}

    def statement_start(span: Span) -> int:
        until = range(1, span.source.position(span.start).line + 1)
        return max((line for line in until if re.match(r"[^#\s}]", span.source.line(line))), default=1)

    return suppress(found, comments(source), first, statement_start)


def unused(source: Source, words: str, code: Code = UNUSED_TABLE, occurrence: int = 0) -> Diagnostic:
    """Build a finding at *words*."""
    return code.at(at(source, words, occurrence), f"{words} is not used")


def test_a_comment_silences_its_own_line() -> None:
    """It does so for the code it names, and for no other line."""
    source = conf("""
        table a file:/a  # smtpdsl: allow unused-table -- the installer fills it
        table b file:/b
        """)

    kept = left(source, unused(source, "a file"), unused(source, "b file"))

    assert kept == [unused(source, "b file")]


def test_a_comment_silences_only_the_code_it_names() -> None:
    """Another finding of the same line stays."""
    source = conf("table a file:/a  # smtpdsl: allow unused-table -- reason\n")
    other = unused(source, "a file", DUPLICATE_KEY)

    assert left(source, unused(source, "a file"), other) == [other]


def test_a_comment_alone_silences_the_next_line() -> None:
    """Other comments may stand between the two; a further line is not meant."""
    source = conf("""
        listen on lo
        # smtpdsl: allow unused-table -- the installer fills it
        # It comes from the package.
        table a file:/a
        table b file:/b
        """)

    kept = left(source, unused(source, "a file"), unused(source, "b file"))

    assert kept == [unused(source, "b file")]


def test_a_comment_alone_silences_all_of_a_statement() -> None:
    """A finding may be on a later line of the statement that begins below the comment."""
    source = conf(r"""
        listen on lo
        # smtpdsl: allow unused-table -- the installer fills it
        table a {
            b
        }
        table c {
            d
        }
        """)

    kept = left(source, unused(source, "    b"), unused(source, "    d"))

    assert kept == [unused(source, "    d")]


def test_a_comment_behind_a_line_does_not_reach_the_next_one() -> None:
    """Only a comment that stands alone looks forward."""
    source = conf("""
        listen on lo  # smtpdsl: allow unused-table
        table a file:/a
        """)

    assert [found.code for found in left(source, unused(source, "a file"))] == [UNUSED_TABLE, UNUSED_SUPPRESSION]


def test_a_blank_line_separates_a_comment_from_what_follows() -> None:
    """The comment has to stand on the line before."""
    source = conf("""
        listen on lo
        # smtpdsl: allow unused-table

        table a file:/a
        """)

    assert [found.code for found in left(source, unused(source, "a file"))] == [UNUSED_TABLE, UNUSED_SUPPRESSION]


def test_a_comment_behind_a_place_of_several_lines_silences_it() -> None:
    """The comment may be on any line of the place itself."""
    source = conf("""
        table a {
            b  # smtpdsl: allow unused-table -- the installer fills it
        }
        """)

    assert left(source, UNUSED_TABLE.at(Span(source, 0, len(source.text) - 1), "m")) == []


def test_a_comment_before_the_first_statement_silences_the_file() -> None:
    """Wherever in the file the finding is, but not in another file."""
    source = conf("""
        # Our mail server.
        # smtpdsl: allow unused-table -- tables are shared between machines

        listen on lo
        table a file:/a
        """)
    other = Source("other.conf", "table a file:/a\n")

    kept = left(source, unused(source, "a file"), unused(other, "a file"))

    assert kept == [unused(other, "a file")]


def test_a_file_without_statements_is_silenced_by_any_comment() -> None:
    """There is no first statement that a comment could stand behind."""
    source = conf("\n# smtpdsl: allow no-listener -- a template\n")

    assert left(source, CODES["no-listener"].at(source.whole(), "m")) == []


def test_a_finding_in_a_macro_is_silenced_where_the_macro_is_used() -> None:
    """The line of a finding is the one that is shown first."""
    written, expanded = with_macro("  # smtpdsl: allow unused-table -- reason")

    assert suppress([unused(expanded, "lo0")], comments(written), {written: 0}) == []


@pytest.mark.parametrize(
    "comment",
    [
        "# smtpdsl: allow unused-table, unused-action -- reason",
        "# smtpdsl: allow unused-table unused-action -- reason, duplicate-key",
        "#smtpdsl:allow unused-table,unused-action",
        "## smtpdsl:\tallow\tunused-action ,\tunused-table --",
    ],
)
def test_several_codes_are_separated_by_commas_or_blanks(comment: str) -> None:
    """The reason ends the list."""
    source = conf(f"table a file:/a  {comment}\n")

    assert left(source, unused(source, "a file"), unused(source, "table a", UNUSED_ACTION)) == []


@pytest.mark.parametrize(
    "comment",
    [
        "# allow unused-table",
        "# see smtpdsl: allow unused-table",
        "# smtpdsl: format off",
        "# smtpdsl allow unused-table",
    ],
)
def test_other_comments_are_not_ours(comment: str) -> None:
    """Nothing is silenced, and nothing is said about them."""
    source = conf(f"table a file:/a  {comment}\n")

    assert left(source, unused(source, "a file")) == [unused(source, "a file")]


def test_a_comment_carried_over_by_a_backslash_is_read_to_its_first_end() -> None:
    """What follows the backslash is a comment too, and belongs to the reason."""
    source = conf("""
        listen on lo
        # smtpdsl: allow unused-table -- a long \\
        story
        table a file:/a
        """)
    comment = at(source, source.text[source.text.index("#") : source.text.index("\ntable")])

    assert suppress([unused(source, "a file")], [comment], {source: 0}) == []


def test_an_error_cannot_be_silenced() -> None:
    """It is still reported, and so is the attempt."""
    source = conf("match from any for domain <a> action b  # smtpdsl: allow unknown-table -- later\n")
    error = unused(source, "<a>", UNKNOWN_TABLE)

    assert render_text(left(source, error), colour=False) == dedent("""\
        error[unknown-table]: <a> is not used
         --> smtpd.conf:1:27
          |
        1 | match from any for domain <a> action b  # smtpdsl: allow unknown-table -- later
          |                           ^^^

        warning[unused-suppression]: `unknown-table` is an error here, and errors cannot be allowed
         --> smtpd.conf:1:58
          |
        1 | match from any for domain <a> action b  # smtpdsl: allow unknown-table -- later
          |                           ---                            ^^^^^^^^^^^^^ has no effect
          |                           |
          |                           the error is here
          |
          = note: an error keeps the server from starting, with or without this comment

        1 error, 1 warning
        """)


def test_severity_is_that_of_the_finding() -> None:
    """A warning that `--target` has made an error is an error."""
    source = conf("table a file:/a  # smtpdsl: allow unused-table\n")
    raised = unused(source, "a file").replace(severity=UNKNOWN_TABLE.severity)

    assert [found.code for found in left(source, raised)] == [UNUSED_TABLE, UNUSED_SUPPRESSION]


def test_a_suppression_that_silences_nothing_is_reported() -> None:
    """The fix takes it out, and leaves the other codes of the comment alone."""
    source = conf("""
        # smtpdsl: allow duplicate-key -- for the file
        table a file:/a  # smtpdsl: allow duplicate-key, unused-table, unused-action -- reason
        listen on lo  # smtpdsl: allow unused-table
        """)

    kept = sorted(left(source, unused(source, "a file")), key=lambda found: found.message)

    assert [found.message for found in kept] == [
        "`duplicate-key` is not found in this file",
        "`duplicate-key` is not found on this line",
        "`unused-action` is not found on this line",
        "`unused-table` is not found on this line",
    ]
    assert [change.after for change in apply_fixes(kept, unsafe=True).changes] == [
        "table a file:/a  # smtpdsl: allow unused-table -- reason\nlisten on lo\n"
    ]


@pytest.mark.parametrize("last", ["", "\n", "\nlisten on lo\n"])
def test_the_last_code_takes_the_comment_with_it(last: str) -> None:
    """A comment that stood alone leaves no empty line."""
    source = conf(f"table a file:/a\n  # smtpdsl: allow unused-table -- reason{last}")

    (change,) = apply_fixes(left(source), unsafe=True).changes

    assert change.after == "table a file:/a\n" + last.removeprefix("\n")


def test_nothing_is_called_unused_while_there_are_errors() -> None:
    """After an error some passes do not look, so the finding may be there once it is mended."""
    source = conf("""
        table a file:/a  # smtpdsl: allow unused-table
        table b file:/b
        """)
    error = unused(source, "b file", UNKNOWN_TABLE)

    assert left(source, error) == [error]


def test_an_unknown_code_is_reported_with_what_may_be_meant() -> None:
    """The other codes of the comment hold."""
    source = conf("table a file:/a  # smtpdsl: allow unused-tabel, unused-action -- reason\n")

    (kept,) = left(source, unused(source, "table a", UNUSED_ACTION))

    assert (kept.code, kept.span.text, kept.message, kept.help) == (
        UNKNOWN_CODE,
        "unused-tabel",
        'no finding has the code "unused-tabel"',
        "write `unused-table`",
    )
    (change,) = apply_fixes([kept], unsafe=True).changes
    assert change.after == source.text.replace("tabel", "table")


def test_an_unknown_code_like_no_other_is_reported_too() -> None:
    """There is nothing to propose, and so no fix."""
    source = conf("table a file:/a  # smtpdsl: allow everything -- reason\n")

    (kept,) = left(source)

    assert (kept.code, kept.fix) == (UNKNOWN_CODE, None)
    assert kept.help == "copy the code from the brackets of the finding"


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# smtpdsl: allow", "this comment does not say which code it allows"),
        ("# smtpdsl: allow -- reason", "this comment does not say which code it allows"),
        ("# smtpdsl: alow unused-table", 'expected `allow`, found "alow"'),
        ("# smtpdsl: disable unused-table", 'expected `allow`, found "disable"'),
        ("# smtpdsl: Allow: unused-table", 'expected `allow`, found "Allow:"'),
    ],
)
def test_a_misspelt_suppression_is_reported(comment: str, message: str) -> None:
    """Its author believes that something is silenced."""
    source = conf(f"table a file:/a  {comment}\n")

    kept = left(source, unused(source, "a file"))

    assert [(found.code, found.message) for found in kept[1:]] == [(UNUSED_SUPPRESSION, message)]


@pytest.mark.parametrize(
    "comment",
    [
        "# smtpdsl: allow unused-table, unused-suppression -- only other targets report it",
        "# smtpdsl: allow unusable-table, unknown-code -- a later release has it",
    ],
)
def test_findings_about_suppressions_can_be_silenced(comment: str) -> None:
    """Behind a line and alone, in the same comment."""
    source = conf(f"listen on lo  {comment}\n{comment}\ntable a file:/a\n")

    assert left(source) == []


def test_silencing_such_findings_must_be_of_use_too() -> None:
    """There is no end of it otherwise, and here it ends."""
    source = conf("listen on lo  # smtpdsl: allow unused-suppression\n")

    assert [found.message for found in left(source)] == ["`unused-suppression` is not found on this line"]


def test_a_file_that_is_included_twice_has_its_comments_once() -> None:
    """Findings of both passages are silenced by them, and complaints are not doubled."""
    text = "listen on lo\ntable a file:/a  # smtpdsl: allow unused-table, unused-action\n"
    twice = [conf(text), conf(text)]
    found = [unused(source, "a file") for source in twice]

    kept = suppress(found, [*comments(twice[0]), *comments(twice[1])], dict.fromkeys(twice, 0))

    assert [each.message for each in kept] == ["`unused-action` is not found on this line"]
