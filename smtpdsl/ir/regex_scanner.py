"""What the readers of regular expressions share: a place in the pattern, and the error that points at it."""

from __future__ import annotations

from typing import NoReturn

from smtpdsl.text_error import TextError


class RegexError(TextError):
    """A text that is no regular expression."""


class Scanner:
    """One walk over *pattern*; every method reads at `at` and leaves it behind what it read."""

    def __init__(self, pattern: str, at: int = 0) -> None:
        """Start at the offset *at*."""
        self.pattern = pattern
        self.at = at

    def peek(self, length: int = 1) -> str:
        """Return the next characters, fewer at the end of the pattern."""
        return self.pattern[self.at : self.at + length]

    def fail(self, message: str, start: int, end: int | None = None, advice: str = "") -> NoReturn:
        """Blame the characters *start* to *end*, without *end* one character."""
        raise RegexError(message, start, start + 1 if end is None else end, advice)
