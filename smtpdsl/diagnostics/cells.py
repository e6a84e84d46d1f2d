r"""How a line of a file looks on a terminal: what is printed for each character, and in which columns.

    listen<TAB>on "東京" <ESC>[2J        the author's characters
    listen  on "東京" \x1b[2J            what is printed: nothing a terminal would obey
                ----                    two columns for each wide character

Columns count from 0 here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

TAB_STOP = 8
_OCTETS = range(0xDC80, 0xDD00)  # what the error handler `surrogateescape` makes of octets that are no text
_LAST_OF_FOUR_DIGITS = 0xFFFF
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


class Drawn(NamedTuple):
    """A line as printed: for each character its *pieces*, and the columns it takes from *lefts* to *rights*.

    A combining character has the columns of the character it sits on.
    """

    pieces: Sequence[str]
    lefts: Sequence[int]
    rights: Sequence[int]

    @property
    def width(self) -> int:
        """The columns the line takes."""
        return self.rights[-1] if self.rights else 0

    def mark(self, start: int, end: int) -> tuple[int, int]:
        """Return the columns of the characters *start* to *end*: at least one, even where there is no character."""
        end = min(end, len(self.pieces))
        left = self.lefts[start] if start < len(self.pieces) else self.width
        return left, max(left + 1, self.rights[end - 1] if end > start else 0)


def visible(text: str) -> str:
    r"""Return *text* with everything unprintable spelt out: ``\x1b``, ``\u202e``, ``\r``.

    Besides control characters these are the ones that deceive the eye: text direction,
    zero width, blanks that are no blanks to the language.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _spelt(character) for character in text)


def draw(line: str) -> Drawn:
    """Lay out *line*, which has no newline."""
    if line.isascii() and line.isprintable():
        return Drawn(line, range(len(line)), range(1, len(line) + 1))
    pieces: list[str] = []
    lefts: list[int] = []
    rights: list[int] = []
    left = right = 0
    for character in line:
        piece = " " * (TAB_STOP - right % TAB_STOP) if character == "\t" else visible(character)
        width = _width(piece)
        if width or not pieces:
            left, right = right, right + width
        pieces.append(piece)
        lefts.append(left)
        rights.append(right)
    return Drawn(pieces, lefts, rights)


def _width(piece: str) -> int:
    """The columns of one printable character, or of an ASCII text."""
    if piece.isascii():
        return len(piece)
    # Most configurations are ASCII, and these tables are a shared library of a megabyte.
    from unicodedata import category, east_asian_width  # noqa: PLC0415

    if category(piece) in {"Mn", "Me"} or "\u1160" <= piece <= "\u11ff":  # the second: vowels and finals of Hangul
        return 0
    return 2 if east_asian_width(piece) in {"W", "F"} else 1


def _spelt(character: str) -> str:
    r"""Spell *character*: ``\xNN`` for ASCII and for octets that are no text, else its code point."""
    code = ord(character)
    if character.isascii():
        return _SHORT.get(character, f"\\x{code:02x}")
    if code in _OCTETS:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= _LAST_OF_FOUR_DIGITS else f"\\U{code:08x}"
