"""SASLprep: names and passwords that look the same become the same (RFC 4013).

    "I<U+00AD>X"    ->  "IX"        what has no width of its own goes
    "<U+2168>"      ->  "IX"        one character for two becomes two
    "a<U+00A0>b"    ->  "a b"       every blank is the same blank
    "<U+0007>"      ->  SaslprepError

What a table stores was prepared by whoever stored it; what a client sends is a query and
may use characters that Unicode 3.2 did not know yet (RFC 3454 §7).
"""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

# RFC 4013 §2.3
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class SaslprepError(ValueError):
    """A text with characters that no name and no password may have; the message repeats none of them."""


def saslprep(text: str) -> str:
    """Return *text* in the form in which names and passwords are compared.

    Raises:
        SaslprepError: *text* has a prohibited character, or mixes directions of writing.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(map(_mapped, text))
    # RFC 4013 §2.2: NFKC, as of Unicode 3.2.
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    if any(is_in(character) for character in prepared for is_in in _PROHIBITED):
        message = "it has a character that is not allowed"
        raise SaslprepError(message)
    _check_direction(prepared)
    return prepared


def _mapped(character: str) -> str:
    # RFC 4013 §2.1
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _check_direction(text: str) -> None:
    """RFC 3454 §6: what is written from right to left begins and ends so, with nothing of the other kind in it."""
    is_leftward = [stringprep.in_table_d1(character) for character in text]
    if not any(is_leftward):
        return
    if any(map(stringprep.in_table_d2, text)) or not (is_leftward[0] and is_leftward[-1]):
        message = "it mixes directions of writing"
        raise SaslprepError(message)
