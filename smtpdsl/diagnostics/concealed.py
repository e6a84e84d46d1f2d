"""What nobody shall read in a finding: passwords and keys that stand in the files it is about.

    srs key "f2c1d7b09a6e4d53"
    srs key "****************"          an excerpt: as long as it is, so that what is underlined stays in its column

Findings end up in logs and on the pages of other people.  Which characters of a configuration these are, whoever
knows the language tells (`Concealed`); in a file of logins and passwords it is all but the logins
(`ConcealedValues`).  They are looked for only when something is shown.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from smtpdsl.diagnostics.span import Source, Span

_MASK = "*"
# Shorter ones are found in many a word that has nothing to do with them, unless they come behind the same characters.
_LEAST_CHARACTERS = 4
# Of what a finding quotes at most, before it is cut.
_MOST_SHOWN = 64
_MOST_BEFORE = 40
_BEFORE = re.compile(r"[^\s\"'/]*\Z")
_WORD = re.compile(r"[^\s\"']{6,}")
_VALUE_OF_LINE = re.compile(r"[^: \t]+")


class Stretch(NamedTuple):
    """Characters of a text, *end* exclusive."""

    start: int
    end: int


class Secrets(ABC):
    """The secrets of one file, or of several that are read as one."""

    def part(self, source: Source, start: int, end: int) -> str:
        """Return ``source.text[start:end]`` with a mask for each character of a secret."""
        text = source.text[start:end]
        for first, last in self._stretches(source, start, end):
            low, high = max(first, start) - start, min(last, end) - start
            if low < high:
                text = text[:low] + _masked(text[low:high]) + text[high:]
        return text

    def conceal(self, text: str, about: Iterable[Span] = ()) -> str:
        """Return *text*, which is about some places of these files, with a mask for each character of a secret."""
        pattern = self._pattern(about)
        return pattern.sub(lambda found: _masked(found.group()), text) if pattern else text

    @abstractmethod
    def is_in(self, source: Source) -> bool:
        """Whether *source* has any."""

    @abstractmethod
    def _stretches(self, source: Source, start: int, end: int) -> Iterable[Stretch]:
        """Return the secrets that have something in common with ``source.text[start:end]``, and maybe others."""

    @abstractmethod
    def _pattern(self, about: Iterable[Span]) -> re.Pattern[str] | None:
        """Match the secrets that a text *about* these places may repeat."""


class Concealed(Secrets):
    """The secrets of the files of one configuration."""

    def __init__(self, find: Callable[[], Mapping[Source, Sequence[Stretch]]]) -> None:
        """Let *find* look for them when they are needed; those of a file come in order."""
        self._find = find

    @cached_property
    def _found(self) -> Mapping[Source, Sequence[Stretch]]:
        return self._find()

    @cached_property
    def _anywhere(self) -> re.Pattern[str] | None:
        return _any_of((source, each) for source, found in self._found.items() for each in found)

    def is_in(self, source: Source) -> bool:
        """Whether any was found there."""
        return bool(self._found.get(source))

    def _stretches(self, source: Source, start: int, end: int) -> Iterator[Stretch]:
        for found in self._found.get(source, ()):
            if found.start >= end:
                return
            if found.end > start:
                yield found

    def _pattern(self, about: Iterable[Span]) -> re.Pattern[str] | None:
        # A macro brings a text from another line, or from another file.
        del about
        return self._anywhere


class ConcealedValues(Secrets):
    """What stands behind the key of each line; a line of a single word may be a password without its key."""

    def is_in(self, source: Source) -> bool:
        """Be careful."""
        del source
        return True

    def _stretches(self, source: Source, start: int, end: int) -> Iterator[Stretch]:
        for number in range(source.position(start).line, source.position(end).line + 1):
            line, offset = source.line(number), source.line_starts[number - 1]
            if not line.lstrip().startswith("#"):
                words = list(_VALUE_OF_LINE.finditer(line))
                yield from (Stretch(offset + each.start(), offset + each.end()) for each in words[len(words) > 1 :])

    def _pattern(self, about: Iterable[Span]) -> re.Pattern[str] | None:
        # Few lines: there may be a hundred thousand of them.
        mine = [span for span in about if span.source.concealed is self]
        return _any_of(
            (span.source, each) for span in mine for each in self._stretches(span.source, span.start, span.end)
        )


def _any_of(secrets: Iterable[tuple[Source, Stretch]]) -> re.Pattern[str] | None:
    """Match any of *secrets*, the longest one that there is."""
    known = {_spelling(source.text, *each) for source, found in secrets for each in _words(source.text, found)} - {""}
    return re.compile("|".join(sorted(known, key=len, reverse=True))) if known else None


def _words(text: str, secret: Stretch) -> Iterator[Stretch]:
    """Yield *secret*, and its long words: with a wrong quote a part of it is taken for something else."""
    yield secret
    words = _WORD.finditer(text, secret.start, secret.end)
    yield from (Stretch(*each.span()) for each in words if each.span() != secret)


def _spelling(text: str, start: int, end: int) -> str:
    """Return what matches a secret in what is said of it; nothing if that cannot be told from other words."""
    secret = re.escape(text[start:end])
    if end - start >= _LEAST_CHARACTERS:
        # What is long may have been cut before it is looked at here.
        cut = [f"{re.escape(text[start:each])}(?=…)" for each in range(start + _LEAST_CHARACTERS, end)]
        return f"(?:{'|'.join([secret, *reversed(cut[:_MOST_SHOWN])])})"
    before = _BEFORE.search(text, max(0, start - _MOST_BEFORE), start)
    return f"(?<={re.escape(before[0])}){secret}" if before and before[0] and secret else ""


def _masked(secret: str) -> str:
    """Replace every character but the ends of lines."""
    return "".join(each if each == "\n" else _MASK for each in secret)
