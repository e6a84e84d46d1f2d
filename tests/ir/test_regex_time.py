"""Expressions that take exponential time are told from those that only look like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.regex import RegexError, compile_regex
from smtpdsl.ir.regex_time import is_slow


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "^(a|a)*$",
        "(a*)*b",
        "((a*)*)*$",
        "(a{1,255}){1,255}c",
        "(a|aa)+$",
        r"(\w+\s?)*$",
        "([a-z]+)*@",
        "(.*)*x",
    ],
)
def test_slow(pattern: str) -> None:
    """A repetition whose repetitions can be cut in more than one way is slow."""
    assert is_slow(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"([a-z0-9-]+\.)+example\.org$",
        r"^[a-z]+[0-9]*@example\.org$",
        "(foo|bar)*",
        r".*\.dyn\..*",
        r"^(mx|smtp)[0-9]{1,3}\.",
        "(a?b)+",
        "[(a+)+]*",
        r"\(a+\)+",
        "(ab){2,5}c*",
        "",
    ],
)
def test_quick(pattern: str) -> None:
    """What people write for names and addresses is not slow."""
    assert not is_slow(pattern)


@given(st.text("ab|()*+?{},12[]^$.\\-", max_size=20))
def test_every_expression_is_judged(pattern: str) -> None:
    """Whatever is a regular expression can be judged."""
    try:
        compile_regex(pattern)
    except RegexError:
        return
    assert is_slow(pattern) in {True, False}
