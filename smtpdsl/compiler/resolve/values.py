"""Words of the text to values, with the caret on the characters that are wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from smtpdsl.diagnostics.codes import UNUSABLE_VALUE
from smtpdsl.diagnostics.diagnostic import Code, Diagnostic, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import Number, Word
from smtpdsl.text_error import TextError

V = TypeVar("V")


def inside(word: Word, start: int, end: int) -> Span:
    """The characters *start* to *end* of what *word* says, or all of it if they cannot be told apart."""
    offsets = _offsets(word.span.text, word.text)
    if offsets is None or not 0 <= start <= end <= len(word.text):
        return word.span
    # Up to the last character, because a backslash before the next one is no part of it.
    last = offsets[end - 1] + 1 if start < end else offsets[start]
    return Span(word.span.source, word.span.start + offsets[start], word.span.start + last)


def _offsets(written: str, text: str) -> Sequence[int] | None:
    """For each character of *text*, and its end, where it stands in *written*; None if it does not."""
    if written == text:
        return range(len(text) + 1)
    if written[1:-1] == text:
        return range(1, len(text) + 2)
    # A quoted string with backslashes or newlines in it: see `syntax.unquote`.
    found, position = [], 1
    for character in text:
        while written.startswith(("\n", "\\\n"), position):
            position += 1 if written[position] == "\n" else 2
        if character != "\\" and written[position : position + 1] == "\\":
            position += 1
        if written[position : position + 1] != character:
            return None
        found.append(position)
        position += 1
    return [*found, position]


def wrong_text(code: Code, word: Word, error: TextError) -> Diagnostic:
    """Build the finding for a word that its reader refused."""
    span = inside(word, error.start, error.end) if error.start < error.end else word.span
    return code.at(span, error.message, help=error.help)


def read_word(word: Word, read: Callable[[str], V], report: Report, code: Code = UNUSABLE_VALUE) -> V | None:
    """Return *read* of the word; None, and a finding, if it refuses."""
    try:
        return read(word.text)
    except TextError as error:
        report(wrong_text(code, word, error))
        return None


def read_size(value: Word | Number, read: Callable[[str], int], report: Report) -> int | None:
    """A size in octets: a number, or a word with a unit."""
    if isinstance(value, Word):
        return read_word(value, read, report)
    if value.value < 0:
        report(UNUSABLE_VALUE.at(value.span, "a size below zero", help="write the number of octets, or `35M`"))
        return None
    return value.value
