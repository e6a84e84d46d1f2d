"""Sizes and times of the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.quantity import (
    MAX_OCTETS,
    MAX_SECONDS,
    QuantityError,
    format_size,
    format_time,
    parse_size,
    parse_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("", 0),
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("35k", 35 * 1024),
        ("35M", 36_700_160),
        ("1.5G", 3 * 2**29),
        ("1.5", 1),
        (".5K", 512),
        ("5.m", 5 * 2**20),
        ("7.999E", 7 * 2**60 + 999 * 2**60 // 1000),
        ("0" * 9000 + "1P", 2**50),
        ("0." + "9" * 9000, 0),
    ],
)
def test_sizes_are_decimal_numbers_with_one_unit(text: str, octets: int) -> None:
    """A size is a decimal number, its unit a power of 1024 in either case."""
    assert parse_size(text) == octets


@pytest.mark.parametrize(
    ("text", "blamed", "advice"),
    [
        ("35MB", "B", "write `35M`"),
        ("35MiB", "iB", "write `35M`"),
        ("35 M", " M", "write `35M`"),
        ("35M ", " ", "write `35M`"),
        ("35mb", "b", "write `35M`"),
        ("35x", "x", ""),
        ("35MM", "M", ""),
        ("1.2.3", ".3", ""),
        ("-1", "-1", ""),
        ("M", "M", ""),
        (".", ".", ""),
        (" 35M", " 35M", ""),
        ("8E", "8E", ""),
        ("9" * 9000, "9" * 9000, ""),
    ],
)
def test_a_wrong_size_is_blamed_where_it_goes_wrong(text: str, blamed: str, advice: str) -> None:
    """The error points at the first characters that do not belong, and offers the spelling that was meant."""
    with pytest.raises(QuantityError) as caught:
        parse_size(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert caught.value.help == advice


@given(st.integers(0, MAX_OCTETS))
def test_a_printed_size_reads_back(octets: int) -> None:
    """Printing a size loses nothing."""
    assert parse_size(format_size(octets)) == octets


@given(st.integers(0, MAX_OCTETS).map(str), st.sampled_from(["", *"BKMGTPE"]))
def test_a_size_is_printed_in_its_shortest_spelling(number: str, unit: str) -> None:
    """No whole number with a unit says the same in fewer characters."""
    try:
        octets = parse_size(number + unit)
    except QuantityError:
        return
    assert len(format_size(octets)) <= len(number + unit)


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0"), (1000, "1000"), (1024, "1K"), (36_700_160, "35M"), (3 * 2**29, "1.5G"), (1536, "1536"), (2**19, "512K")],
)
def test_sizes_are_printed_as_people_write_them(octets: int, text: str) -> None:
    """A fraction is used only where it makes the text shorter."""
    assert format_size(octets) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90m", 5400), ("4h", 14400), (" +4h", 14400), ("007d", 604_800), ("2147483647s", MAX_SECONDS)],
)
def test_times_are_a_number_and_one_unit(text: str, seconds: int) -> None:
    """Blanks and a plus sign before the number slip through, as they always did."""
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "blamed", "advice"),
    [
        ("1d2h", "2h", "write `26h`"),
        ("1d 2h", " 2h", "write `26h`"),
        ("1w", "w", "write `7d`"),
        ("1.5h", ".5h", "write `90m`"),
        ("4H", "H", "write `4h`"),
        ("90 min", " min", "write `90m`"),
        ("2 days, 12 hours", " days, 12 hours", "write `60h`"),
        ("4", "4", "the units are s (seconds), m (minutes), h (hours) and d (days)"),
        ("4x", "x", ""),
        ("6M", "M", ""),
        ("0s", "0s", ""),
        ("0000w", "w", ""),
        ("-4h", "-4h", ""),
        ("", "", ""),
        ("soon", "soon", ""),
        ("24856d", "24856d", ""),
        ("2147483648s", "2147483648s", ""),
        ("9" * 9000 + "s", "9" * 9000 + "s", ""),
        ("9" * 9000 + "w", "w", ""),
    ],
)
def test_a_wrong_time_is_blamed_where_it_goes_wrong(text: str, blamed: str, advice: str) -> None:
    """The error points at the first characters that do not belong, and offers the time that was meant."""
    with pytest.raises(QuantityError) as caught:
        parse_time(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert caught.value.help == advice


@given(st.integers(1, MAX_SECONDS))
def test_a_printed_time_reads_back(seconds: int) -> None:
    """Printing a time loses nothing."""
    assert parse_time(format_time(seconds)) == seconds


@given(st.integers(1, 10_000), st.sampled_from("smhd"))
def test_a_time_is_printed_in_its_shortest_spelling(number: int, unit: str) -> None:
    """No other number and unit say the same in fewer characters."""
    assert len(format_time(parse_time(f"{number}{unit}"))) <= len(f"{number}{unit}")


@given(st.text(alphabet="0123456789.smhdwKMB +-", max_size=12), st.sampled_from([parse_size, parse_time]))
def test_every_text_is_a_quantity_or_teaches(text: str, read: Callable[[str], int]) -> None:
    """Whatever is written, the reader returns a value or blames characters of the text."""
    try:
        found = read(text)
    except QuantityError as error:
        found = error.start if error.start <= error.end <= len(text) and error.message[0].islower() else -1

    assert found >= 0
