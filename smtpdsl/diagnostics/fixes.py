"""Put the fixes of diagnostics into the texts they are about.

    smtpd.conf    action "locl"
                         ^^^^^^ -> "local"        one edit; a fix is applied as a whole or not at all

Two fixes may want the same characters.  The one that comes first is applied; the other
is left for the next round, when the compiler has looked at the new text and may have
another opinion.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.cells import visible
from smtpdsl.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
    from smtpdsl.diagnostics.span import Source


_CONTEXT_LINES = 3


class Change(NamedTuple):
    """What a round of fixes makes of one file; *file* is the name of its sources."""

    file: str
    before: str
    after: str
    has_secrets: bool = False


class FixResult(Record):
    """A round of fixes: the files it changes, what it mended, and what had to wait for another round."""

    changes: tuple[Change, ...]
    applied: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]


class _Cut(NamedTuple):
    """Characters of a page to be replaced; *number* keeps insertions at one place in the order of their fixes."""

    start: int
    end: int
    number: int
    replacement: str


class _Page:
    """A file's text with the cuts accepted so far: sorted, and no two share a character."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.has_secrets = source.concealed is not None and source.concealed.is_in(source)
        self.cuts: list[_Cut] = []

    def has_room(self, cut: _Cut) -> bool:
        index = max(0, bisect_left(self.cuts, (cut.start,)) - 1)
        while index < len(self.cuts) and self.cuts[index].start <= cut.end:
            if _clash(self.cuts[index], cut):
                return False
            index += 1
        return True

    def edited(self) -> str:
        parts, done = [], 0
        for cut in self.cuts:
            parts += [self.text[done : cut.start], cut.replacement]
            done = cut.end
        return "".join([*parts, self.text[done:]])


def apply_fixes(diagnostics: Iterable[Diagnostic], *, unsafe: bool = False) -> FixResult:
    """Apply the safe fixes of *diagnostics*, with *unsafe* all of them, to the texts of their sources.

    Fixes are taken in reading order.  One that cannot be written into a file, because a
    macro brought the text, is passed over; see `arrange.written_fix`.
    """
    pages: dict[str, _Page] = {}
    applied: list[Diagnostic] = []
    left: list[Diagnostic] = []
    for found in arrange(diagnostics):
        if found.fix and (found.fix.safe or unsafe) and _does_something(found.fix):
            (applied if _accept(found.fix, pages) else left).append(found)
    changes = tuple(
        Change(file, page.text, page.edited(), page.has_secrets) for file, page in pages.items() if page.cuts
    )
    return FixResult(changes=changes, applied=tuple(applied), left=tuple(left))


def unified_diff(changes: Iterable[Change]) -> str:
    """Return *changes* in the form that ``patch -p0`` reads, with the characters of the files as they are."""
    # Only `--diff` needs it.
    from difflib import unified_diff as compare  # noqa: PLC0415

    lines: list[str] = []
    for file, before, after, has_secrets in changes:
        # As diff(1) does: without the tab, patch(1) takes a name up to its first blank.
        name = visible(file) + ("\t" if " " in file else "")
        # The lines around a change would show the secrets that stand there; patch(1) finds its place without them.
        context = 0 if has_secrets else _CONTEXT_LINES
        compared = compare(list(_lines(before)), list(_lines(after)), name, name, n=context)
        lines.extend(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in compared)
    return "".join(lines)


def _does_something(fix: Fix) -> bool:
    """Whether *fix* changes a text; one that does not would be found again in every round."""
    return any(edit.span.text != edit.replacement for edit in fix.edits)


def _accept(fix: Fix, pages: dict[str, _Page]) -> bool:
    """Add the edits of *fix* to *pages*, or change nothing if one of them has no room."""
    wanted: dict[str, list[_Cut]] = {}
    for span, replacement in fix.edits:
        page = pages.setdefault(span.source.name, _Page(span.source))
        cuts = wanted.setdefault(span.source.name, [])
        cut = _Cut(span.start, span.end, len(page.cuts) + len(cuts), replacement)
        if page.text != span.source.text or not page.has_room(cut):
            return False
        cuts.append(cut)
    if any(_clash(first, second) for cuts in wanted.values() for first, second in pairwise(sorted(cuts))):
        return False
    for file, cuts in wanted.items():
        for cut in cuts:
            insort(pages[file].cuts, cut)
    return True


def _clash(first: _Cut, second: _Cut) -> bool:
    """Whether two cuts share a character, one inserts into the other, or both insert the same.

    Two findings that ask for the same insertion often have one cause; the next round
    shows whether it is wanted twice.
    """
    if first.start < second.end and second.start < first.end:
        return True
    inserts = first.start == first.end == second.start == second.end
    return inserts and first.replacement == second.replacement


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of *text* with their ends; only a newline ends one."""
    *whole, rest = text.split("\n")
    yield from (line + "\n" for line in whole)
    if rest:
        yield rest
