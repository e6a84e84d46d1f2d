"""Where something stands, for people: file, line and the text itself."""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.diagnostics.span import Span


class Place(NamedTuple):
    """What somebody wrote, on one line, and where it begins."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(span: Span) -> Place:
    """Return the place in a file that *span* leads back to."""
    written = span.written().span
    text = " ".join(written.shown.replace("\\\n", "").split())
    return Place(written.source.name, written.source.position(written.start).line, text)
