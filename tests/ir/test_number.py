"""Decimal numbers inside other texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.number import read_number


@given(number=st.integers(0, 2000), zeros=st.integers(0, 5))
def test_numbers_up_to_the_maximum_are_read(number: int, zeros: int) -> None:
    """Leading zeros are fine, and one more than the maximum is not."""
    assert read_number("0" * zeros + str(number), number) == number
    assert read_number("0" * zeros + str(number + 1), number) is None


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1 ", "1.0", "0x1", "\u0661", "²", "9" * 9000])
def test_other_texts_are_no_number(text: str) -> None:
    """Digits of ASCII only, no sign, no blank."""
    assert read_number(text, 10**6) is None
