"""What a syntax error says: each mistake that people make has words of its own.

Most cases are in `corpus/hints`; what stands between the guillemets is what the finding points at.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.syntax import Dialect
from tests.compiler.reading import place, pointed_at, read

HINTS = Path(__file__).parent.parent / "corpus" / "hints"


class Case(NamedTuple):
    """A few lines of a file, and what is said about them."""

    marked: str
    message: str
    help: str


def cases(name: str) -> list[Case]:
    """Return the cases of a file: blocks of lines, the message after ``--`` and the help after ``==``."""
    found = []
    for block in (HINTS / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        lines = [line for line in block.split("\n") if not line.startswith("# ")]
        said = {line[:3]: line[3:] for line in lines if line[:3] in {"-- ", "== "}}
        marked = "\n".join(line for line in lines if line[:3] not in said)
        if marked:
            found.append(Case(marked, said["-- "], said.get("== ", "")))
    return found


def only_finding(marked: str, dialect: Dialect = Dialect.MODERN) -> Diagnostic:
    """Return the one finding about *marked*, which points at what is marked there."""
    text = marked.replace("«", "").replace("»", "")
    (found,) = read(text + "\n", dialect=dialect).findings
    lines = marked.partition("«")[0].split("\n")
    assert (place(found.span), pointed_at(found)) == (
        f"{len(lines)}:{len(lines[-1]) + 1}",
        marked.partition("«")[2].partition("»")[0],
    )
    return found


def corrected(found: Diagnostic) -> str:
    """Return the text with the fix of *found* in place."""
    assert found.fix is not None
    (edit,) = found.fix.edits
    text = edit.span.source.text
    return (text[: edit.span.start] + edit.replacement + text[edit.span.end :]).rstrip("\n")


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name in ("modern", "older-words", "legacy") for case in cases(name)]
)
def test_each_mistake_is_named(name: str, case: Case) -> None:
    """Where it is, what it is, and what to write instead."""
    found = only_finding(case.marked, Dialect.LEGACY if name == "legacy" else Dialect.MODERN)

    assert (found.message, found.help) == (case.message, case.help)


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("listen«\u00a0»on lo", "a blank that is none to this language: U+00A0"),
        ("listen«\u200b» on lo", "an invisible character: U+200B"),
        ("listen on lo«\x0b»", "a control character: U+000B"),
        ("listen on lo«\x7f»", "a control character: U+007F"),
    ],
)
def test_characters_that_nobody_sees_are_spelt_out(marked: str, message: str) -> None:
    """A reader could not tell them from an ordinary blank, or from nothing."""
    assert only_finding(marked).message == message


@pytest.mark.parametrize(
    ("marked", "right"),
    [
        ("«lisen» on lo", "listen on lo"),
        ("listen «lo»", "listen on lo"),
        ("listen on lo «prot» 25", "listen on lo port 25"),
        ("listen on «[::1]»", "listen on ::1"),
        ("pki x cert «/etc/x.pem»", 'pki x cert "/etc/x.pem"'),
        ("table t { a,«,» b }", "table t { a, b }"),
        ("table t { a, b«,» }", "table t { a, b }"),
        ("admd «“x y”»", 'admd "x y"'),
        ("listen«\u00a0»on lo", "listen on lo"),
        ("table t «file /etc/x»", "table t file:/etc/x"),
        ("listen on lo tls«;»", "listen on lo tls"),
        ("match for domain «a, b» reject", "match for domain { a, b } reject"),
        ("match from «source» <t> reject", "match from src <t> reject"),
        ('match for local «"x"»', 'match for local action "x"'),
        ("match «not» from any reject", "match ! from any reject"),
        ('mda limit max-session «"10"»', "mda limit max-session 10"),
        ('«port» = "25"', '"port" = "25"'),
        ('match for any«»\n  action "x"', 'match for any \\\n  action "x"'),
    ],
)
def test_what_the_fix_makes_is_right(marked: str, right: str) -> None:
    """The corrected text has no syntax error."""
    fixed = corrected(only_finding(marked))

    assert fixed == right.replace("match ! from", "match ! from")
    assert not read(fixed + "\n").messages


@pytest.mark.parametrize(
    "line", ["table t { any }", "lisen on lo", "listen on lo prot 25", "listen lo", "match from all reject"]
)
def test_guesses_are_not_applied_unseen(line: str) -> None:
    """A fix that may not be what was meant is not a safe one."""
    (found,) = read(line + "\n").findings

    assert found.fix is not None
    assert not found.fix.safe


@pytest.mark.parametrize(
    ("definition", "use", "help_text", "fixed"),
    [
        (
            'x = "/etc/y"',
            "pki a cert $x",
            "the value needs quotes of its own: write `x = '\"/etc/y\"'`",
            "x = '\"/etc/y\"'",
        ),
        ("x = '@y'", "table t { $x }", "the value needs quotes of its own: write `x = '\"@y\"'`", "x = '\"@y\"'"),
        ('x = "any"', "admd $x", "the value needs quotes of its own: write `x = '\"any\"'`", "x = '\"any\"'"),
        ('x = "25"', "admd $x", "the value needs quotes of its own: write `x = '\"25\"'`", "x = '\"25\"'"),
        (
            'x = "tls pki /y"',
            "listen on lo $x",
            'write "/y" in the value of the macro, and that in single quotes',
            None,
        ),
        (
            'x = "/etc"',
            "pki a cert $x/y",
            "a text that a macro is a part of cannot be quoted: write it out where it is used",
            None,
        ),
    ],
)
def test_a_value_that_needs_quotes_of_its_own(definition: str, use: str, help_text: str, fixed: str | None) -> None:
    """The quotes of a definition are not part of the value; the finding shows both places."""
    (found,) = read(f"{definition}\n{use}\n").findings
    (shown,) = arrange([found])

    assert found.help == help_text
    assert place(shown.span).startswith("2:")
    assert [(place(each.span).split(":")[0], each.message) for each in shown.related] == [
        ("1", "in the value of macro `x`")
    ]
    assert (shown.fix is None) == (fixed is None)
    if fixed is not None:
        assert corrected(shown) == f"{fixed}\n{use}"
        assert not read(corrected(shown) + "\n").messages


def test_a_value_of_the_command_line_needs_quotes_of_its_own() -> None:
    """There the shell takes one pair away."""
    (found,) = read("pki a cert $x\n", defines={"x": "/etc/y"}).findings

    assert found.help == "the value needs quotes of its own: write `-D x='\"/etc/y\"'`"


def test_many_alternatives_are_a_note() -> None:
    """A message stays short, and what could have been written is listed below."""
    found = only_finding("listen on lo «xyzzy»")

    assert len(found.notes) == 1
    assert found.notes[0].startswith("possible here: auth, auth-optional, bare-lf, ca, ")


def test_few_alternatives_are_in_the_message() -> None:
    """Up to a handful they are read at once."""
    assert only_finding("srs «xyzzy»").message == 'expected `key` or `ttl`, found "xyzzy"'


@pytest.mark.parametrize(
    "text",
    ["listen on 'lo\n# it's\n", 'table t { "a, b }\ntable u { "c" }\n', 'admd "a\nb" c\n'],
)
def test_a_string_over_lines_is_suspect(text: str) -> None:
    """An error behind such a string is most likely its quote, which was to be closed before."""
    found = read(text).findings[0]

    assert "quote" in found.message
    assert place(found.span).startswith("1:")
