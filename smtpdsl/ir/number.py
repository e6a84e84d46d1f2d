"""Decimal numbers inside other texts: prefix lengths, octets, user ids, repeats."""

from __future__ import annotations


def read_number(text: str, maximum: int) -> int | None:
    """Read digits as a number from 0 to *maximum*; None if *text* is anything else.

    Leading zeros are fine, signs and blanks are not, and thousands of digits cost nothing.
    """
    significant = text.lstrip("0")
    if not text.isascii() or not text.isdecimal() or len(significant) > len(str(maximum)):
        return None
    number = int(significant or "0")
    return number if number <= maximum else None
