"""The texts of outcomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.delivery.outcomes import one_line, permanent, temporary
from smtpdsl.runtime.interfaces import Outcome, Result


def test_outcomes_say_what_log_tools_know() -> None:
    """The meaning, and in quotes what was said."""
    assert temporary("disk full") == Outcome(Result.TEMPORARY, 'Error (temporary failure: "disk full")', "4.3.0")
    assert permanent("", meaning="user unknown", status="5.1.1") == Outcome(
        Result.PERMANENT, "Error (user unknown)", "5.1.1"
    )


@given(said=st.one_of(st.text(st.characters(exclude_categories=())), st.binary()))
def test_whatever_is_said_is_one_printable_line(said: str | bytes) -> None:
    """No text of an outcome can break the log, or deceive who reads it."""
    assert one_line(said).isprintable()


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        ("a\nb", "a\\nb"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 500 + " …"),
        ("\x00" * 500, "\\x00" * 125 + " …"),
    ],
)
def test_what_is_said_stays_readable(said: str | bytes, line: str) -> None:
    """Text is text, other octets are spelt out, and there is an end to it."""
    assert one_line(said) == line
