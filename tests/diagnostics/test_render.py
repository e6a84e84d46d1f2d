"""The text that people read: each layout as it is printed."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related, Severity
from smtpdsl.diagnostics.excerpt import COMMENT, EXCERPT_COLUMNS, KEYWORD, STRING
from smtpdsl.diagnostics.render import render_text, summary
from smtpdsl.diagnostics.span import Source, Span
from tests.diagnostics.samples import DOUBT, MISTAKE, REMARK, at, with_macro

CONF = Source(
    "smtpd.conf",
    'action "local" maildir alias <aliases>\n'
    "# the outside\n"
    "listen on lo\n"
    'match from any for local action "locl"\n'
    "match from any \\\n"
    "    for any \\\n"
    '    action "relay"\n',
)
BLOCK = Source("smtpd.conf", "table t {\n    a\n    b\n    c\n    d\n}\n")
ALIASES = Source("aliases", "root: alice\nalice: bob\n")


def printed(*diagnostics: Diagnostic) -> str:
    """Render without colour and without the count."""
    text = render_text(diagnostics, colour=False)
    assert text.endswith("\n\n" + summary(diagnostics) + "\n")
    return text.removesuffix("\n" + summary(diagnostics) + "\n")


def drawn(picture: str) -> str:
    """Take a picture out of the indentation of its test."""
    return dedent(picture).removeprefix("\n")


def test_a_finding_shows_both_places_and_says_what_to_do() -> None:
    """The primary place has carets, a related one hyphens; lines between them are skipped."""
    found = MISTAKE.at(
        at(CONF, '"locl"'),
        'no action named "locl"',
        label="not defined anywhere",
        help='use "local"',
        related=(Related(at(CONF, '"local"'), "a similar name is defined here"),),
    )

    assert printed(found) == drawn("""
        error[mistake]: no action named "locl"
         --> smtpd.conf:4:33
          |
        1 | action "local" maildir alias <aliases>
          |        ------- a similar name is defined here
          :
        4 | match from any for local action "locl"
          |                                 ^^^^^^ not defined anywhere
          |
          = help: use "local"
        """)


def test_a_single_line_between_two_places_is_shown() -> None:
    """Skipping one line would take as much room as showing it."""
    found = DOUBT.at(at(CONF, "listen"), "m", label="here", related=(Related(at(CONF, "action"), "there"),))

    assert printed(found) == drawn("""
        warning[doubt]: m
         --> smtpd.conf:3:1
          |
        1 | action "local" maildir alias <aliases>
          | ------ there
        2 | # the outside
        3 | listen on lo
          | ^^^^^^ here
        """)


def test_labels_of_one_line_hang_below_each_other() -> None:
    """Only the last place of a line has its label beside it."""
    related = (Related(at(CONF, "match"), "this rule"), Related(at(CONF, "any"), "is for everybody"))
    found = DOUBT.at(at(CONF, '"locl"'), "m", label="and does this", related=related)

    assert printed(found) == drawn("""
        warning[doubt]: m
         --> smtpd.conf:4:33
          |
        4 | match from any for local action "locl"
          | -----      ---                  ^^^^^^ and does this
          | |          |
          | |          is for everybody
          | this rule
        """)


def test_a_place_inside_another_stays_visible() -> None:
    """The shorter underline is drawn over the longer one, and labels at one place are stacked."""
    related = (Related(at(CONF, "from any"), "inner"), Related(at(CONF, "match from"), "beginning"))
    found = DOUBT.at(at(CONF, "match from any for local"), "m", label="outer", related=related)

    assert printed(found) == drawn("""
        warning[doubt]: m
         --> smtpd.conf:4:1
          |
        4 | match from any for local action "locl"
          | ------------------------ outer
          | |     |
          | |     inner
          | beginning
        """).replace("-" * 24, "------" + "-" * 8 + "^" * 10)


def test_two_labels_for_one_place_are_both_shown() -> None:
    """Where primary and related place are the same, the carets win and no label is lost."""
    found = DOUBT.at(at(CONF, '"locl"'), "m", label="first", related=(Related(at(CONF, '"locl"'), "second"),))

    assert printed(found) == drawn("""
        warning[doubt]: m
         --> smtpd.conf:4:33
          |
        4 | match from any for local action "locl"
          |                                 ^^^^^^ first
          |                                 |
          |                                 second
        """)


def test_hanging_labels_of_one_place_are_stacked() -> None:
    """They share the line that leads up to the place."""
    related = (*(Related(at(CONF, "match"), word) for word in ("second", "third")), Related(at(CONF, "atch"), "inner"))
    found = DOUBT.at(at(CONF, '"locl"'), "m", label="first", related=related)

    assert printed(found) == drawn("""
        warning[doubt]: m
         --> smtpd.conf:4:33
          |
        4 | match from any for local action "locl"
          | -----                           ^^^^^^ first
          | ||
          | |inner
          | second
          | third
        """)


def test_a_statement_of_several_lines_is_underlined_in_each() -> None:
    """Indentation is left out, and the label stands at the end."""
    found = DOUBT.at(at(CONF, CONF.text[CONF.text.rindex("match") : -1]), "m", label="never reached")

    assert printed(found) == drawn(r"""
        warning[doubt]: m
         --> smtpd.conf:5:1
          |
        5 | match from any \
          | ^^^^^^^^^^^^^^^^
        6 |     for any \
          |     ^^^^^^^^^
        7 |     action "relay"
          |     ^^^^^^^^^^^^^^ never reached
        """)


def test_of_a_long_place_the_ends_are_shown() -> None:
    """More than four lines are cut to the first and the last."""
    assert printed(DOUBT.at(at(BLOCK, BLOCK.text[:-1]), "m")) == drawn("""
        warning[doubt]: m
         --> smtpd.conf:1:1
          |
        1 | table t {
          | ^^^^^^^^^ from here
          :
        6 | }
          | ^ to here
        """)


def test_other_files_have_their_own_excerpts() -> None:
    """The line numbers of all excerpts of a finding have one width."""
    tenth = Source("included.conf", "\n" * 9 + "listen on lo\n")
    related = (Related(at(tenth, "lo"), "and here"), Related(at(ALIASES, "bob"), "goes on"))
    found = DOUBT.at(at(ALIASES, "alice"), "m", label="here", related=related)

    assert printed(found) == drawn("""
        warning[doubt]: m
          --> aliases:1:7
           |
         1 | root: alice
           |       ^^^^^ here
         2 | alice: bob
           |        --- goes on
           |
          ::: included.conf:10:11
           |
        10 | listen on lo
           |           -- and here
        """)


def test_text_from_a_macro_is_shown_at_its_use_and_in_its_value() -> None:
    """The author sees what they wrote, and where the trouble comes from."""
    _, expanded = with_macro()

    assert printed(MISTAKE.at(at(expanded, "lo0"), 'no interface "lo0"', label="not here")) == drawn("""
        error[mistake]: no interface "lo0"
         --> smtpd.conf:2:11
          |
        1 | if = "lo0"
          |       --- in the value of macro `if`
        2 | listen on $if port 25
          |           ^^^ not here
        """)


def test_an_empty_place_has_one_caret() -> None:
    """Also behind the last character of a line, and behind the last line."""
    middle, line_end, file_end = Span(ALIASES, 5, 5), Span(ALIASES, 11, 11), Span(ALIASES, 23, 23)

    assert printed(*(DOUBT.at(span, "m") for span in (middle, line_end, file_end))) == drawn("""
        warning[doubt]: m
         --> aliases:1:6
          |
        1 | root: alice
          |      ^

        warning[doubt]: m
         --> aliases:1:12
          |
        1 | root: alice
          |            ^

        warning[doubt]: m
         --> aliases:3:1
          |
        3 |
          | ^
        """)


def test_a_finding_about_a_file_has_no_excerpt() -> None:
    """Its label and related files are said in words."""
    related = (Related(Source("smtpd.conf", "").whole(), "included here"),)
    found = MISTAKE.at(Source("gone.conf", "").whole(), "cannot be read", label="no such file", related=related)

    assert printed(found) == drawn("""
        error[mistake]: cannot be read
         --> gone.conf
         ::: smtpd.conf: included here
          |
          = note: no such file
        """)


def test_remarks_keep_their_lines() -> None:
    """A help of several lines is aligned below its first."""
    found = REMARK.at(at(ALIASES, "bob"), "m", help="write\n  bob", notes=("one", "two"))

    assert printed(found) == drawn("""
        note[remark]: m
         --> aliases:2:8
          |
        2 | alice: bob
          |        ^^^
          |
          = help: write
                    bob
          = note: one
          = note: two
        """)


def test_carets_stand_under_wide_and_combining_characters() -> None:
    """Tabs end at every eighth column, East Asian characters take two, combining ones none."""
    source = Source("t", "a\t東京e\u0301 b\n")
    labels = (Related(at(source, "東京"), "two wide"), Related(at(source, "\u0301"), "combining"))

    assert printed(DOUBT.at(at(source, "b"), "m", label="last", related=labels)) == drawn("""
        warning[doubt]: m
         --> t:1:8
          |
        1 | a       東京e\u0301 b
          |         ----- ^ last
          |         |   |
          |         |   combining
          |         two wide
        """)


def test_nothing_of_a_file_reaches_the_terminal_raw() -> None:
    """Escape sequences, text direction, octets that are no text and strange blanks are spelt out."""
    source = Source("a\x1b.conf", "x \x1b[2J \u202e \udcff \xa0 \r y\n")
    found = DOUBT.at(at(source, "y"), "m\x07", label="l\x1b", help="h\x1b", related=(Related(at(source, "x"), "\n"),))

    assert printed(found) == drawn(r"""
        warning[doubt]: m\x07
         --> a\x1b.conf:1:16
          |
        1 | x \x1b[2J \u202e \xff \u00a0 \r y
          | -                               ^ l\x1b
          | |
          | \n
          |
          = help: h\x1b
        """)


def test_a_long_line_is_cut_around_the_place() -> None:
    """Ellipses tell what is missing; the excerpt has a limited width."""
    source = Source("t", "a" * 500 + "needle" + "b" * 500)

    line, carets = printed(DOUBT.at(at(source, "needle"), "m")).splitlines()[3:]

    assert line == "1 | …" + "a" * 76 + "needle" + "b" * 76 + "…"
    assert len(line) == len("1 | ") + EXCERPT_COLUMNS
    assert carets == "  | " + " " * 77 + "^^^^^^"


def test_places_far_apart_in_a_long_line_are_shown_separately() -> None:
    """Every place is seen, in a window of its own if need be."""
    source = Source("t", "first" + "a" * 5000 + "second")
    found = DOUBT.at(at(source, "second"), "m", label="2", related=(Related(at(source, "first"), "1"),))

    assert printed(found).splitlines()[3:] == [
        "1 | first" + "a" * 153 + "…",
        "  | ----- 1",
        "1 | …" + "a" * 152 + "second",
        "  | " + " " * 153 + "^^^^^^ 2",
    ]


def test_a_place_wider_than_the_window_is_cut() -> None:
    """The carets go on under the ellipsis."""
    source = Source("t", "table t { " + "a" * 5000 + " }")

    line, carets = printed(DOUBT.at(at(source, "a" * 5000), "m", label="long")).splitlines()[3:]

    assert line == "1 | table t { " + "a" * 148 + "…"
    assert carets == "  |           " + "^" * 149 + " long"


def test_findings_come_in_reading_order_once_each() -> None:
    """Files keep the order in which they were first met; equal findings are one."""
    first, second = DOUBT.at(at(CONF, "any"), "1"), DOUBT.at(at(CONF, '"relay"'), "2")
    again = DOUBT.at(at(Source(CONF.name, CONF.text), "any"), "1")
    other = MISTAKE.at(at(ALIASES, "bob"), "3")

    text = render_text([second, other, again, first], colour=False)

    assert [line[-1] for line in text.splitlines() if "[" in line] == ["1", "2", "3"]
    assert text.endswith("\n1 error, 2 warnings\n")


def test_the_same_words_about_different_related_places_stay_two_findings() -> None:
    """Only what would be printed alike is dropped."""
    one, two = (
        DOUBT.at(at(CONF, "any"), "m", related=(Related(at(CONF, words), "r"),)) for words in ("local", "listen")
    )

    assert render_text([one, two], colour=False).endswith("\n2 warnings\n")


@pytest.mark.parametrize(
    ("severities", "count"),
    [
        ("", ""),
        ("E", "1 error"),
        ("EEWN", "2 errors, 1 warning, 1 note"),
        ("NNWW", "2 warnings, 2 notes"),
    ],
)
def test_the_count_names_what_there_is(severities: str, count: str) -> None:
    """Nothing is said about a severity that nothing has."""
    codes = {"E": MISTAKE, "W": DOUBT, "N": REMARK}

    assert summary(codes[letter].at(ALIASES.whole(), "m") for letter in severities) == count


def test_no_findings_print_nothing() -> None:
    """Saying that all is well is the command's task."""
    assert render_text([], colour=False) == ""


@pytest.mark.parametrize(
    ("severity", "sequence"), [(Severity.ERROR, "1;31"), (Severity.WARNING, "33"), (Severity.NOTE, "36")]
)
def test_colours_tell_the_severity(severity: Severity, sequence: str) -> None:
    """Heading and carets have the colour of the severity."""
    text = render_text([MISTAKE.at(at(ALIASES, "bob"), "m", severity=severity)], colour=True)

    assert f"\x1b[{sequence}m{severity.value}[mistake]\x1b[0m" in text
    assert f"\x1b[{sequence}m^^^\x1b[0m" in text


ANY_TEXT = st.text(alphabet=st.characters() | st.sampled_from("\n\t\r\x1b ab東\u0301\udc80"), max_size=60)


@st.composite
def findings(draw: st.DrawFn) -> list[Diagnostic]:
    """Draw findings with any words at any places of up to three files."""
    names = st.text(alphabet=st.characters(), max_size=8)
    sources = draw(
        st.lists(st.builds(Source, names, ANY_TEXT | ANY_TEXT.map(lambda text: text * 20)), min_size=1, max_size=3)
    )

    @st.composite
    def spans(draw: st.DrawFn) -> Span:
        source = draw(st.sampled_from(sources))
        start, end = sorted((draw(st.integers(0, len(source.text))), draw(st.integers(0, len(source.text)))))
        return Span(source, start, end)

    related = st.lists(st.builds(Related, spans(), ANY_TEXT), max_size=4).map(tuple)
    notes = st.lists(ANY_TEXT, max_size=2).map(tuple)
    one = st.builds(
        Diagnostic,
        code=st.just(MISTAKE),
        severity=st.sampled_from(Severity),
        span=spans(),
        message=ANY_TEXT,
        label=ANY_TEXT,
        help=ANY_TEXT,
        related=related,
        notes=notes,
    )
    return draw(st.lists(one, min_size=1, max_size=4))


@given(found=findings())
def test_any_finding_prints_safely(found: list[Diagnostic]) -> None:
    """Whatever the texts and places are, only newlines and printable characters come out."""
    text = render_text(found, colour=False)

    assert text.replace("\n", "").isprintable()


STYLES = ["", "", KEYWORD, KEYWORD, STRING, COMMENT, COMMENT]


def some_colours(source: Source, number: int) -> list[str]:
    """Give a style to each character of a line, and to some lines none."""
    return [STYLES[(number + at // 2) % len(STYLES)] for at in range(len(source.line(number)))] if number % 3 else []


@given(found=findings(), columns=st.sampled_from([None, 40, 80]))
def test_colours_add_only_escape_sequences(found: list[Diagnostic], columns: int | None) -> None:
    """Without its colours, the coloured text is the plain one."""
    coloured = render_text(found, colour=True, columns=columns, colours=some_colours)

    assert re.sub("\x1b\\[[0-9;]+m", "", coloured) == render_text(found, colour=False, columns=columns)


def test_the_language_has_colours() -> None:
    """A line has those that it is given, as far as it is shown, and what is pointed at keeps its own."""
    source = Source("smtpd.conf", "\tlisten on " + "x" * 300 + " # end  \n")
    styles = [""] + [KEYWORD] * 6 + [""] * (len(source.line(1)) - 14) + [COMMENT] * 7
    found = MISTAKE.at(Span(source, 1, 7), "m", label="here")

    text = render_text([found], colour=True, columns=60, colours=lambda _source, _number: styles)

    assert f"\x1b[1;34m1 |\x1b[0m         \x1b[35mlisten\x1b[0m on {'x' * 36}…\n" in text
    assert "        \x1b[1;31m^^^^^^\x1b[0m \x1b[1;31mhere\x1b[0m\n" in text
    end = MISTAKE.at(Span(source, 312, 315), "m")
    assert "x \x1b[90m# end\x1b[0m\n" in render_text([end], colour=True, colours=lambda _source, _number: styles)
    assert "\x1b" not in render_text([end], colour=False, colours=lambda _source, _number: styles)


def width(character: str) -> int:
    """The columns of a printable character."""
    if unicodedata.category(character) in {"Mn", "Me"} or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


@given(found=findings())
def test_excerpts_are_of_limited_width(found: list[Diagnostic]) -> None:
    """No line of a file takes more columns than allowed."""
    lines = render_text(found, colour=False).split("\n")
    excerpts = [match[1] for line in lines if (match := re.match(r" *[0-9]+ \| (.*)", line))]

    assert all(sum(map(width, line)) <= EXCERPT_COLUMNS for line in excerpts)


WORDS = st.text(alphabet="ab \t東京\x1b\u202e\udcff\xa0", max_size=300)


@given(before=WORDS, word=st.text(alphabet="xy \t京\x00", min_size=1, max_size=8), after=WORDS)
def test_carets_stand_under_the_place(before: str, word: str, after: str) -> None:
    """What the excerpt has above the carets is the text of the span, in lines of any length."""
    source = Source("t", before + word + after)
    span = Span(source, len(before), len(before) + len(word))
    spelt = re.escape(word.replace("\x00", "\\x00")).replace("\\\t", " {1,8}")

    line, carets = render_text([DOUBT.at(span, "m")], colour=False).splitlines()[3:5]
    cells = "".join(character + "\0" * (character in "東京") for character in line)
    above = cells.ljust(len(carets))[carets.index("^") : len(carets)]

    assert set(carets[4:]) <= {" ", "^"}
    assert re.fullmatch(spelt, above.replace("\0", "")), (line, carets)


def test_excerpts_fit_into_the_terminal() -> None:
    """In a terminal of eighty columns no line of an excerpt wraps, and the carets stay where they belong."""
    source = Source(
        "smtpd.conf", f"match from any for domain {{ {', '.join(f'a{n}.example' for n in range(40))} }} reject\n"
    )
    start = source.text.index("a30")
    finding = MISTAKE.at(Span(source, start, start + 11), "no such thing", label="here")

    lines = render_text([finding], colour=False, columns=80).splitlines()

    excerpts = [line for line in lines if "|" in line]
    assert max(map(len, excerpts)) <= 80
    shown, carets = next((line, below) for line, below in pairwise(lines) if "^" in below)
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "a30.example"
