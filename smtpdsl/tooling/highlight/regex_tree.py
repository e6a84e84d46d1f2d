r"""Regular expressions of `grammar.lark` as trees, so that they can be printed for other engines.

    \$[A-Za-z0-9_]*   ->   Sequence(Literal("$"), Repeat(OneOf(A-Z a-z 0-9 _), 0, None))

Only what the grammar's terminals use is understood; anything else is a `RegexError`, so
that a new construct is noticed when the editor files are made and not by who opens a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, NoReturn, TypeAlias

Tree: TypeAlias = "Literal | OneOf | Sequence | Choice | Repeat | Look | End"


class RegexError(ValueError):
    """A construct that this module has not been taught."""


class Literal(NamedTuple):
    """One character."""

    character: str


class OneOf(NamedTuple):
    """One character of several, or none of them; ranges include both ends."""

    ranges: tuple[tuple[str, str], ...]
    is_negated: bool = False

    @property
    def is_anything(self) -> bool:
        """Whether every character will do."""
        return self.is_negated and not self.ranges


class Sequence(NamedTuple):
    """One thing after the other."""

    parts: tuple[Tree, ...]


class Choice(NamedTuple):
    """The first of several that fits."""

    options: tuple[Tree, ...]


class Repeat(NamedTuple):
    """*item* at least *low* times, and without *high* as often as it fits."""

    item: Tree
    low: int
    high: int | None


class Look(NamedTuple):
    """What follows is *item*, or is not; it is not taken."""

    item: Tree
    is_negated: bool


class End(NamedTuple):
    r"""The end of the text, ``\Z``."""


ANYTHING = OneOf((), is_negated=True)
_ESCAPES = {"n": "\n", "t": "\t"}
_SUFFIXES: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def one_of_words(words: Iterable[str]) -> Choice:
    """Match one of *words*, whichever comes first."""
    return Choice(tuple(literally(word) for word in words))


def literally(text: str) -> Sequence:
    """Match *text*, whatever signs are in it."""
    return Sequence(tuple(map(Literal, text)))


def parse_regex(pattern: str) -> Tree:
    """Return the tree of *pattern*.

    Raises:
        RegexError: It uses something else than the grammar did when this was written.
    """
    parser = _Parser(pattern)
    tree = parser.choice()
    if parser.rest:
        parser.refuse()
    return tree


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0

    @property
    def rest(self) -> str:
        return self.pattern[self.position :]

    def refuse(self) -> NoReturn:
        message = f"no other engine is told about {self.rest!r} of {self.pattern!r}"
        raise RegexError(message)

    def take(self, text: str) -> bool:
        """Whether *text* comes next; if so it is taken."""
        found = self.rest.startswith(text)
        self.position += len(text) if found else 0
        return found

    def choice(self) -> Tree:
        options = [self.sequence()]
        while self.take("|"):
            options.append(self.sequence())
        return Choice(tuple(options)) if len(options) > 1 else options[0]

    def sequence(self) -> Tree:
        parts: list[Tree] = []
        while self.rest and self.rest[0] not in "|)":
            item = self.item()
            if (suffix := self.rest[:1]) and suffix in _SUFFIXES:
                self.position += 1
                item = Repeat(item, *_SUFFIXES[suffix])
            parts.append(item)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def item(self) -> Tree:
        for opening, kind in (("(?:", None), ("(?=", False), ("(?!", True)):
            if self.take(opening):
                inner = self.choice()
                if not self.take(")"):
                    self.refuse()
                return inner if kind is None else Look(inner, kind)
        if self.take(r"[\s\S]"):
            return ANYTHING
        if self.take("["):
            return self.one_of()
        if self.take(r"\Z"):
            return End()
        if self.rest[0] in "()*+?.^${}":
            self.refuse()
        return Literal(self.character())

    def one_of(self) -> OneOf:
        is_negated, ranges = self.take("^"), []
        while not self.take("]"):
            low = high = self.character()
            if self.rest[:1] == "-" and self.rest[1:2] != "]":
                self.position += 1
                high = self.character()
            ranges.append((low, high))
        return OneOf(tuple(ranges), is_negated)

    def character(self) -> str:
        """Take one character, escaped or not."""
        if not self.rest:
            self.refuse()
        if code := re.match(r"\\x([0-9a-f]{2})", self.rest):
            self.position += code.end()
            return chr(int(code[1], 16))
        if not self.take("\\"):
            self.position += 1
            return self.pattern[self.position - 1]
        name = self.rest[:1]
        if not name or (name.isalnum() and name not in _ESCAPES):
            self.refuse()
        self.position += 1
        return _ESCAPES.get(name, name)
