r"""Which expressions take exponential time in an engine that tries one way after the other.

    (a+)+$          a run of letters can be cut into repetitions in ever more ways
    (a|aa)*$        and so can it by alternatives that begin alike
    ([a-z]+\.)+$    here the dot says where a repetition ends: one way only

What is judged is the form of a repetition inside of a repetition, so a rare harmless
expression is taken for a slow one, and a rare slow one is missed.  RE2 needs no such
judgement: it takes linear time for every expression.
"""

from __future__ import annotations

from functools import cache
from math import inf
from typing import NamedTuple

from smtpdsl.ir.regex_syntax import Dialect, translate

# A repetition up to this often costs little, whatever it repeats.
_FEW = 9
_SIGNS = {"*": (0, inf), "+": (1, inf), "?": (0, 1)}


class _Shape(NamedTuple):
    """Whether a part can match nothing, and whether repeating it leaves open where each repetition ends."""

    is_nullable: bool
    is_open: bool


@cache
def is_slow(pattern: str) -> bool:
    """Whether a search for *pattern*, which is a regular expression, can take exponential time."""
    reader = _Reader(translate(pattern, Dialect.PYTHON))
    reader.alternatives()
    return reader.found


class _Reader:
    """One walk over an expression in Python's syntax, as `translate` writes it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = False

    def alternatives(self) -> _Shape:
        shapes, beginnings = [], []
        while True:
            start = self.at
            shapes.append(self.branch())
            beginnings.append(self.text[start : start + 1] if self.at > start else "")
            if self.text[self.at : self.at + 1] != "|":
                break
            self.at += 1
        begin_alike = len(set(beginnings)) < len(beginnings)
        return _Shape(any(each.is_nullable for each in shapes), begin_alike or any(each.is_open for each in shapes))

    def branch(self) -> _Shape:
        """A sequence is open if one part of it is, and no other part must be there."""
        parts: list[_Shape] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.repeated(self.atom()))
        needed = [each for each in parts if not each.is_nullable]
        is_open = any(each.is_open and all(other is each for other in needed) for each in parts)
        return _Shape(not needed, is_open)

    def atom(self) -> _Shape:
        character = self.text[self.at]
        if character == "(":
            self.at += len("(?:") if self.text.startswith("(?:", self.at) else 1
            inside = self.alternatives()
            self.at += 1
            return inside
        if character == "[":
            self.at = self.end_of_set()
        else:
            self.at += 2 if character == "\\" else 1
        return _Shape(is_nullable=character in "^$", is_open=False)

    def end_of_set(self) -> int:
        at = self.at + 1
        while self.text[at] != "]":
            at += 2 if self.text[at] == "\\" else 1
        return at + 1

    def repeated(self, part: _Shape) -> _Shape:
        least, most = self.repeat()
        is_many = most > _FEW
        if is_many and part.is_open:
            self.found = True
        return _Shape(part.is_nullable or least == 0, part.is_open or is_many)

    def repeat(self) -> tuple[int, float]:
        """How often what stands before is repeated, at least and at most."""
        sign = self.text[self.at : self.at + 1]
        if sign != "{":
            self.at += sign in _SIGNS
            return _SIGNS.get(sign, (1, 1))
        end = self.text.index("}", self.at)
        least, comma, most = self.text[self.at + 1 : end].partition(",")
        self.at = end + 1
        return int(least), int(most) if most else inf if comma else int(least)
