"""A short text that does not say what it should, and which of its characters are to blame.

The readers of sizes, URLs, format strings and replies know nothing of files: they
raise a `TextError`, and the caller, which knows where the text was written, adds its
own offset and draws the caret.
"""

from __future__ import annotations


class TextError(ValueError):
    """What is wrong with the characters *start* to *end* (exclusive) of a text.

    `message` stands alone, starts lower-case and has no final stop; `help`, if any,
    says what to write instead.
    """

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:  # noqa: A002 - as in a diagnostic
        """Blame the characters *start* to *end*."""
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.help = help
