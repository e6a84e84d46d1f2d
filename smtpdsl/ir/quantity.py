"""Sizes and times of the language: text to octets or seconds, and back.

    size   35M   1.5G   4096        a decimal number, then at most one of B K M G T P E (powers of 1024)
    time   4d    90s                a whole number above zero, then exactly one of s m h d

The language has no compound forms; an error offers the spelling it does have.
"""

from __future__ import annotations

import re
from functools import cache

from smtpdsl.text_error import TextError

SIZE_UNITS = "BKMGTPE"
SECONDS_PER_UNIT = {"d": 86400, "h": 3600, "m": 60, "s": 1}
MAX_OCTETS = 2**63 - 1
MAX_SECONDS = 2**31 - 1

# Digits that can matter: one octet is a multiple of 1E-60 of an exbibyte.  More would cost time, not say anything.
_MAX_DIGITS = 60

# What people write for a unit where the language has a letter, or no unit at all.
_FOREIGN_TIME_UNITS = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip


class QuantityError(TextError):
    """A text that is no size or no time."""


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """Compile when first asked: many configurations hold no size and no time."""
    return re.compile(pattern, re.ASCII)


def parse_size(text: str) -> int:
    """Read a size such as ``35M`` and return octets, 0 to 2**63 - 1.

    A part of an octet is dropped (``1.5`` is 1); the empty text is 0.

    Raises:
        QuantityError: *text* is no size, or too large.
    """
    if not text:
        return 0
    number = _pattern(r"(\d+)(?:\.(\d*))?|\.(\d+)").match(text)
    if number is None:
        raise _not_a_size(text)
    unit, rest = text[number.end() : number.end() + 1], text[number.end() + 1 :]
    if unit and (unit.upper() not in SIZE_UNITS or rest):
        raise _after_size(text, number.end())
    bits = 10 * SIZE_UNITS.index(unit.upper()) if unit else 0
    whole = (number[1] or "").lstrip("0")
    fraction = (number[2] or number[3] or "")[:_MAX_DIGITS]
    scale: int = 10 ** len(fraction)
    octets = (int(whole[:_MAX_DIGITS] + fraction or "0") << bits) // scale
    if octets > MAX_OCTETS or len(whole) > _MAX_DIGITS:
        message = f'expected a size of less than 8E, found "{text}"'
        raise QuantityError(message, 0, len(text))
    return octets


def _not_a_size(text: str) -> QuantityError:
    if text.startswith("-"):
        message = f'expected a size that is not negative, found "{text}"'
    else:
        message = f'expected a size such as "35M", found "{text}"'
    return QuantityError(message, 0, len(text))


def _after_size(text: str, end: int) -> QuantityError:
    """Say what is wrong with what follows the number, which ends at *end*."""
    unit = _pattern(r"\s*([BKMGTPE])(?:I?B)?\s*$").match(text[end:].upper())
    advice = f"write `{text[:end]}{unit[1]}`" if unit else ""
    if text[end].upper() in SIZE_UNITS:
        message = f'expected nothing after "{text[: end + 1]}", found "{text[end + 1 :]}"'
        return QuantityError(message, end + 1, len(text), advice)
    message = f'expected one of the units B, K, M, G, T, P and E after "{text[:end]}", found "{text[end:]}"'
    return QuantityError(message, end, len(text), advice)


def parse_time(text: str) -> int:
    """Read a time such as ``4d`` and return seconds, 1 to 2**31 - 1.

    Blanks and a plus sign before the number are accepted, because they always were.

    Raises:
        QuantityError: *text* is no time, is zero, or too long.
    """
    time = _pattern(r"\s*\+?(\d+)([smhd])").fullmatch(text)
    if time is None:
        raise _not_a_time(text)
    number = time[1].lstrip("0")
    if not number:
        message = f'expected a time longer than zero, found "{text}"'
        raise QuantityError(message, 0, len(text))
    seconds = int(number[:_MAX_DIGITS]) * SECONDS_PER_UNIT[time[2]]
    if seconds > MAX_SECONDS:
        message = f'expected a time of at most {MAX_SECONDS} seconds (68 years), found "{text}"'
        raise QuantityError(message, 0, len(text))
    return seconds


def _not_a_time(text: str) -> QuantityError:
    """Say what is wrong with *text*, and how to write the time that it seems to mean."""
    seconds = _meant_seconds(text)
    advice = f"write `{format_time(seconds)}`" if seconds else ""
    number = _pattern(r"\s*\+?\d+").match(text)
    if number is None:
        return QuantityError(f'expected a time such as "4h", found "{text}"', 0, len(text), advice)
    start, rest = number.end(), text[number.end() :]
    if not rest:
        message = f'expected a unit after "{text}"'
        advice = "the units are s (seconds), m (minutes), h (hours) and d (days)"
        return QuantityError(message, 0, len(text), advice)
    if rest[0] in SECONDS_PER_UNIT and not rest[1:2].isalpha():
        message = f'expected one number and one unit, found "{rest[1:].strip()}" after "{text[: start + 1]}"'
        return QuantityError(message, start + 1, len(text), advice)
    message = f'expected one of the units s, m, h and d after "{text[:start]}", found "{rest}"'
    return QuantityError(message, start, len(text), advice)


def _meant_seconds(text: str) -> int | None:
    """Guess the time in ``1d2h``, ``1w``, ``90 min`` or ``1.5h``; None if it cannot be written in the language."""
    steps = _pattern(r"(\d{1,10})(?:\.(\d{1,6}))?\s*([A-Za-z]+)[\s,]*")
    position, microseconds = 0, 0
    wanted = text.strip()
    while position < len(wanted):
        step = steps.match(wanted, position)
        # "M" would be months to some and minutes to others.
        if step is None or step[3] == "M" or step[3].lower() not in _FOREIGN_TIME_UNITS:
            return None
        microseconds += int(step[1] + (step[2] or "").ljust(6, "0")) * _FOREIGN_TIME_UNITS[step[3].lower()]
        position = step.end()
    seconds, rest = divmod(microseconds, 10**6)
    return seconds if rest == 0 and 0 < seconds <= MAX_SECONDS else None


def format_time(seconds: int) -> str:
    """Spell *seconds*, which must be above zero, in the largest unit that is exact: the shortest way."""
    assert seconds > 0, "the language cannot spell this time"
    unit = next(unit for unit, length in SECONDS_PER_UNIT.items() if seconds % length == 0)
    return f"{seconds // SECONDS_PER_UNIT[unit]}{unit}"


def format_size(octets: int) -> str:
    """Spell *octets* exactly and in the fewest characters; among equals without a fraction."""
    assert octets >= 0, "the language cannot spell this size"
    spellings = [_in_unit(octets, exponent) for exponent in range(len(SIZE_UNITS))]
    return min(spellings, key=lambda spelling: (len(spelling), "." in spelling))


def _in_unit(octets: int, exponent: int) -> str:
    """Spell *octets* as an exact decimal number of 1024**exponent; always finite, the divisor being a power of two."""
    bits = 10 * exponent
    whole, rest = divmod(octets, 1 << bits)
    # rest / 2**bits = rest * 5**bits / 10**bits
    fraction = str(rest * 5**bits).rjust(bits, "0").rstrip("0")
    unit = SIZE_UNITS[exponent] if exponent else ""
    return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"
