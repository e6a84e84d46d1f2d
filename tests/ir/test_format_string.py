"""Reading format strings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.format_string import Range, Specifier, parse_format


def specifier(token: str, modifiers: tuple[str, ...] = (), chosen: Range | None = None) -> Specifier:
    """Build a specifier; where it stands is no part of what it means."""
    return Specifier(token=token, modifiers=modifiers, range=chosen)


def test_a_format_string_is_text_and_specifiers() -> None:
    """Names and modifiers ignore case; `%%` is one percent sign."""
    found = parse_format("/v/%{Dest.Domain}/100%%/%{dest.user:LOWERCASE|strip}%{rcpt[0:2]}x")

    assert found.parts == (
        "/v/",
        specifier("dest.domain"),
        "/100%/",
        specifier("dest.user", ("lowercase", "strip")),
        specifier("rcpt", chosen=Range(0, 2)),
        "x",
    )
    assert found.problems == ()


def test_each_specifier_knows_where_it_stands() -> None:
    """Start and end are offsets in the text, so that a failed delivery can be explained."""
    text = "a %{sender} %% %{dest[0]}"

    assert [text[part.start : part.end] for part in parse_format(text).specifiers] == ["%{sender}", "%{dest[0]}"]


@pytest.mark.parametrize("text", ["", "plain", "50%", "%", "% {x}", "%x", "a%b%c", "$HOME/{a}", "date +%d", "%Y-%d"])
def test_other_percent_signs_are_literal(text: str) -> None:
    """Only a percent sign before a brace or another percent sign is special."""
    assert "".join(map(str, parse_format(text).parts)) == text
    assert parse_format(text).problems == ()


def test_a_leading_tilde_is_the_home_directory() -> None:
    """It is one only at the very start, before a slash, and where the shell does not read it."""
    assert parse_format("~/M").parts == (specifier("user.directory"), "/M")
    assert parse_format("~/M", tilde=False).parts == ("~/M",)
    assert parse_format("~joe/M").parts == ("~joe/M",)
    assert parse_format("x ~/M").parts == ("x ~/M",)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("[0]", Range(0, 0)),
        ("[:]", Range(0, None)),
        ("[3:]", Range(3, None)),
        ("[:3]", Range(0, 3)),
        ("[2:2]", Range(2, 2)),
        ("[-3:]", Range(-3, None)),
        ("[-3:-2]", Range(-3, -2)),
        ("[0:-4]", Range(0, -4)),
        ("[-4:2]", Range(-4, 2)),
    ],
)
def test_ranges_are_numbers_around_a_colon(written: str, found: Range) -> None:
    """Either side may be left out; a number alone is one character."""
    assert parse_format(f"%{{rcpt{written}}}").parts == (specifier("rcpt", chosen=found),)


@pytest.mark.parametrize(
    ("text", "blamed", "message", "advice"),
    [
        ("a %{sendr} b", "%{sendr}", 'found "sendr"', "write `%{sender}`"),
        ("%{user}", "%{user}", 'found "user"', "write `%{user.username}`"),
        ("%{ dest }", "%{ dest }", 'found " dest "', "write `%{dest}`"),
        ("%{}", "%{}", 'found ""', "the values are sender,"),
        ("%{elephant}", "%{elephant}", 'found "elephant"', "the values are sender,"),
        ("%{mda}", "%{mda}", "only in the command of a wrapper", ""),
        ("%{rcpt:lower}", "lower", "expected one of the modifiers", ""),
        ("%{rcpt:lowercas|strip}", "lowercas", "expected one of the modifiers", "write `lowercase`"),
        ("%{rcpt:strip|x}", "x", 'found "x"', ""),
        ("%{rcpt:}", "}", 'found ""', ""),
        ("%{rcpt[]}", "[]", "expected a range", ""),
        ("%{rcpt[x]}", "[x]", "expected a range", ""),
        ("%{rcpt[1:x]}", "[1:x]", "expected a range", ""),
        ("%{rcpt[1:2:3]}", "[1:2:3]", "expected a range", ""),
        ("%{rcpt[--1:]}", "[--1:]", "expected a range", ""),
        ("%{rcpt[0:2}", "[0:2", 'expected "]"', ""),
        ("%{rcpt[-3]}", "[-3]", "no text has", "write `[-3:-2]`"),
        ("%{rcpt[-1]}", "[-1]", "no text has", "write `[-1:]`"),
        ("%{rcpt[3:1]}", "[3:1]", "no text has", ""),
        ("%{rcpt.user[0:2]:lowercase}", "%{rcpt.user[0:2]:lowercase}", "exclude each other", "keep one"),
        ("%{rcpt.user:lowercase[0:2]}", "%{rcpt.user:lowercase[0:2]}", "exclude each other", "keep one"),
    ],
)
def test_what_fails_each_delivery_is_a_fatal_problem(text: str, blamed: str, message: str, advice: str) -> None:
    """The problem points at the part of the specifier that is wrong."""
    (problem,) = parse_format(text).problems

    assert text[problem.start : problem.end] == blamed
    assert message in problem.message
    assert problem.help.startswith(advice)
    assert problem.is_fatal


@pytest.mark.parametrize(
    ("text", "blamed", "message", "advice"),
    [
        ("/m/%{rcpt", "%{rcpt", 'expected "}"', ""),
        ("/m/%{" + "x" * 128 + "}", "%{" + "x" * 128 + "}", "at most 127", ""),
        ("/m/%u@%d", "%u", "`%u` is used as it stands", "write `%{user.username}`"),
        ("%{rcpt[0]x}", "x", 'nothing may follow a range: "x"', ""),
    ],
)
def test_what_is_not_expanded_is_a_problem_to_look_at(text: str, blamed: str, message: str, advice: str) -> None:
    """Deliveries do not fail of it, but go elsewhere than it reads."""
    problem = parse_format(text).problems[0]

    assert text[problem.start : problem.end] == blamed
    assert message in problem.message
    assert problem.help.startswith(advice)
    assert not problem.is_fatal


def test_an_open_brace_leaves_the_whole_text_unexpanded() -> None:
    """Not only the specifier that is not closed."""
    assert parse_format("%{rcpt} %% %{sender").parts == ("%{rcpt} %% %{sender",)


def test_several_problems_are_told_at_once() -> None:
    """One run of the check shows all there is to mend, in order."""
    text = "%{x:y} %u %{rcpt[z]} %{sender"

    assert [text[found.start : found.end] for found in parse_format(text).problems] == [
        "%{x:y}",
        "y",
        "%u",
        "[z]",
        "%{sender",
    ]


def test_a_wrapper_should_use_its_command() -> None:
    """`%{mda}` is the command that is wrapped; it has a value nowhere else."""
    wrapper = parse_format("nice %{MDA}", wrapper=True)

    assert wrapper.problems == ()
    assert wrapper.uses_mda
    assert not parse_format("nice", wrapper=True).uses_mda


def test_the_legacy_language_has_fewer_values() -> None:
    """`%{mbox.from}` and `%{mda}` came with the modern one."""
    assert parse_format("%{mbox.from}").problems == ()
    (problem,) = parse_format("%{mbox.from}", legacy=True).problems

    assert problem.is_fatal
    assert "younger" in problem.help


@given(st.text(alphabet="%{}[]:|-01ruawdestnprc. ~/", max_size=40))
def test_every_text_is_read(text: str) -> None:
    """Whatever is written, problems blame characters of the text, and what is read has a place in it."""
    found = parse_format(text)

    assert all(0 <= problem.start < problem.end <= len(text) for problem in found.problems)
    assert all(0 <= part.start < part.end <= len(text) for part in found.specifiers)


@given(st.text())
def test_any_text_can_be_written_literally(text: str) -> None:
    """Doubling its percent signs takes away their meaning."""
    assert "".join(map(str, parse_format(text.replace("%", "%%"), tilde=False).parts)) == text
