r"""Bracket expressions: which characters they name, for POSIX and for people.

    []abc]  [^a-z]  [a-]             characters and ranges; "]" first and "-" at an end are characters
    [[:alpha:]]  [[.-.]]  [[=a=]]    classes, and single characters by the long way
    [\w.-]  [\]]                     a backslash works as it does outside

POSIX takes the backslash for a character like others.  It stays one before a letter
without meaning, and before the "]" that must close the bracket.
"""

from __future__ import annotations

from smtpdsl.ir.matching import fold
from smtpdsl.ir.regex_scanner import Scanner

Ranges = list[tuple[str, str]]

SHORTHANDS = {"d": "digit", "s": "space", "w": "word"}
CONTROLS = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_LAST = chr(0x10FFFF)
# Each class as the ends of its ranges.
_CLASSES = {
    "alnum": "09AZaz",
    "alpha": "AZaz",
    "blank": "\t\t  ",
    "cntrl": "\x00\x1f\x7f\x7f",
    "digit": "09",
    "graph": "!~",
    "lower": "az",
    "print": " ~",
    "punct": "!/:@[`{~",
    "space": "\t\r  ",
    "upper": "AZ",
    "xdigit": "09AFaf",
    "word": "09AZ__az",
}
# A range longer than this (the first scripts end here) holds both cases of its letters anyway.
_LONGEST_FOLDED_RANGE = 0x600


class Bracket(Scanner):
    """A walk over one bracket expression."""

    def read(self) -> str:
        """Return the set in the syntax that Python and RE2 share, for folded texts."""
        self.start = self.at
        self.at += 1
        negated = self.peek() == "^"
        self.at += negated
        ranges = self.member()
        while self.peek() != "]":
            ranges += self.member()
        self.at += 1
        return _set(ranges, negated=negated)

    def member(self) -> Ranges:
        """Read a character, a range or a class; a "]" is a character here, so the caller looks for it."""
        start = self.at
        low = self.element()
        if isinstance(low, list):
            return low
        if self.peek() != "-" or self.peek(2) in {"-", "-]"}:
            return [(low, low)]
        self.at += 1
        high = self.element()
        if isinstance(high, list):
            # As in [.-\w]: a range cannot end in a class, so the hyphen is meant.
            return [(low, low), ("-", "-"), *high]
        if high < low:
            # OpenSMTPD turns [a-Z] to lower case before it reads it, and so it works there.
            low, high = fold(low), fold(high)
        if high < low:
            written = self.pattern[start : self.at]
            self.fail(f'expected a range from the lower to the higher character, found "{written}"', start, self.at)
        return [(low, high)]

    def element(self) -> str | Ranges:
        """Read one character, however it is written, or one class."""
        character = self.peek()
        if not character:
            self.fail('expected "]" for the "[" that opens here', self.start, advice=r"write `\[` for the character")
        if self.peek(2) in {"[:", "[.", "[="}:
            return self.named_element()
        if character == "\\":
            return self.escaped_element()
        self.at += 1
        return character

    def named_element(self) -> str | Ranges:
        """Read what stands between ``[:`` and ``:]``, or between dots or equals signs."""
        start = self.at
        mark = self.pattern[start + 1]
        end = self.pattern.find(f"{mark}]", start + 2)
        if end < 0:
            self.fail(f'expected "{mark}]" for the "[{mark}" that opens here', start, start + 2)
        name = self.pattern[start + 2 : end]
        self.at = end + 2
        if mark != ":":
            if len(name) != 1:
                self.fail(f'expected one character, found "{name}"', start, self.at)
            return name
        if name not in _CLASSES:
            self.fail(f'no class of characters is named "{name}"', start, self.at, _class_advice(name))
        return _class(name)

    def escaped_element(self) -> str | Ranges:
        r"""Read what a backslash begins: for POSIX a character like others, for people as outside of brackets."""
        character = self.pattern[self.at + 1 : self.at + 2]
        if not character or (character == "]" and not self.closes_later(self.at + 2)):
            self.at += 1
            return "\\"
        if character.isalnum() and character.lower() not in SHORTHANDS and character not in CONTROLS:
            self.at += 1
            return "\\"
        self.at += 2
        return _shorthand(character) if character.lower() in SHORTHANDS else CONTROLS.get(character, character)

    def closes_later(self, start: int) -> bool:
        """Whether a "]" stands after *start* that no other bracket claims, so the one before it may be escaped."""
        end = self.pattern.find("]", start)
        return end >= 0 and "[" not in self.pattern[start:end]


def shorthand_set(letter: str) -> str:
    r"""Return the set that ``\w``, ``\W`` and so on stand for."""
    return _set(_shorthand(letter), negated=False)


def _class(name: str) -> Ranges:
    ends = _CLASSES[name]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _class_advice(name: str) -> str:
    # Only a mistake needs it.
    from smtpdsl.diagnostics.suggest import nearest  # noqa: PLC0415

    near = nearest(name, _CLASSES)
    return f'write "[:{near}:]"' if near else f"use one of {', '.join(_CLASSES)}"


def _shorthand(letter: str) -> Ranges:
    r"""Return the characters of ``\w``, or of ``\W`` and so on."""
    ranges = _class(SHORTHANDS[letter.lower()])
    return _complement(ranges) if letter.isupper() else ranges


def _complement(ranges: Ranges) -> Ranges:
    gaps = []
    following = 0
    for low, high in sorted(ranges):
        if ord(low) > following:
            gaps.append((chr(following), chr(ord(low) - 1)))
        following = ord(high) + 1
    return [*gaps, (chr(following), _LAST)]


def _set(ranges: Ranges, *, negated: bool) -> str:
    members = [
        _set_character(low) + (f"-{_set_character(high)}" if high != low else "")
        for each in ranges
        for low, high in _with_folded(*each)
    ]
    return f"[{'^' if negated else ''}{''.join(members)}]"


def _set_character(character: str) -> str:
    return f"\\{character}" if character in r"\]^-[&~|" else character


def _with_folded(low: str, high: str) -> Ranges:
    """Return the range, and what `fold` makes of its characters where that lies elsewhere."""
    ranges = [(low, high)]
    if low <= "Z" and high >= "A":
        ranges.append((max(low, "A").lower(), min(high, "Z").lower()))
    if high > "\x7f" and ord(high) - ord(low) < _LONGEST_FOLDED_RANGE:
        letters = {fold(chr(code)) for code in range(max(ord(low), 0x80), ord(high) + 1)}
        ranges += [(letter, letter) for letter in sorted(letters) if not low <= letter <= high]
    return ranges
