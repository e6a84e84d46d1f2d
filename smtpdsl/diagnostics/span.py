"""Where text came from: sources, spans, and the way back through expansions.

A `Source` is a text with a name.  One that was *made* from other texts (lines
joined, macros and includes put in place) has a `SourceMap`; a span of it is
followed back to what the author wrote only when somebody asks.

    smtpd.conf        "listen on $if"                 the author's text
      expanded        "listen on lo"                  a span over `lo` is written at `$if`,
                                                      and passes through `if = "lo"`
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from smtpdsl.diagnostics.concealed import Secrets


class Position(NamedTuple):
    """A place in a text; both numbers start at 1, the column counts characters."""

    line: int
    column: int


class Source:
    """A named text; *origins* tells where its parts came from if it was made from others."""

    def __init__(self, name: str, text: str, origins: SourceMap | None = None) -> None:
        """Keep *text* under *name*, the path as the user gave it."""
        self.name = name
        self.text = text
        self.origins = origins
        # What nobody shall read in a finding about it.
        self.concealed: Secrets | None = None

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset at which each line begins."""
        starts, text = [0], self.text
        while (newline := text.find("\n", starts[-1])) >= 0:
            starts.append(newline + 1)
        return starts

    def position(self, offset: int) -> Position:
        """The line and column of *offset*."""
        if offset == 0:
            # Where findings about a whole file are: one that was refused for its size has millions of lines.
            return Position(1, 1)
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """The text of line *number*, without its end."""
        start, end = self._bounds(number)
        return self.text[start:end]

    def shown_line(self, number: int) -> str:
        """The text of line *number* as anybody may read it."""
        start, end = self._bounds(number)
        return self.shown(start, end)

    def shown(self, start: int, end: int) -> str:
        """The characters *start* to *end* as anybody may read them, with others in the place of secrets."""
        return self.concealed.part(self, start, end) if self.concealed else self.text[start:end]

    def _bounds(self, number: int) -> tuple[int, int]:
        end = self.line_starts[number] - 1 if number < len(self.line_starts) else len(self.text)
        return self.line_starts[number - 1], end

    def whole(self) -> Span:
        """An empty span at the start, for findings about the file itself."""
        return Span(self, 0, 0)


class Span:
    """The characters *start* to *end* (exclusive) of *source*."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        """Point at ``source.text[start:end]``."""
        self.source = source
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        written = self.written().span
        line, column = written.source.position(written.start)
        return f"{written.source.name}:{line}:{column}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Span):
            return NotImplemented
        return (self.source, self.start, self.end) == (other.source, other.start, other.end)

    def __hash__(self) -> int:
        return hash((id(self.source), self.start, self.end))

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    @property
    def shown(self) -> str:
        """The characters as anybody may read them; of a written span (`written`)."""
        return self.source.shown(self.start, self.end)

    def to(self, last: Span) -> Span:
        """From the start of this span to the end of *last*, in the same source."""
        return Span(self.source, self.start, last.end)

    def written(self) -> Written:
        """Follow this span back to a text that somebody wrote."""
        through: list[Passage] = []
        span = self
        while span.source.origins is not None:
            span = span.source.origins.follow(span, through)
        return Written(span, tuple(through))

    @property
    def place(self) -> str:
        """File and line of what somebody wrote, ``smtpd.conf:14``."""
        written = self.written().span
        return f"{written.source.name}:{written.source.position(written.start).line}"


class Passage(NamedTuple):
    """A text that a span passed through on its way: the value of a macro."""

    span: Span
    note: str


class Written(NamedTuple):
    """Where the author wrote something, and which macro values it passed through."""

    span: Span
    through: tuple[Passage, ...]


class Piece(NamedTuple):
    """One stretch of a made text, from *start* to the start of the next piece.

    `origin` is what was written for it.  If `linear`, the two run in step; otherwise
    the whole origin stands for each character of the piece: a macro reference, whose
    `value` is the place that defines the text.
    """

    start: int
    origin: Span
    linear: bool = True
    value: Passage | None = None


class SourceMap:
    """The pieces of a made text, in order and without gaps."""

    def __init__(self, pieces: list[Piece]) -> None:
        """Take *pieces* sorted by start; the first starts at 0."""
        self.pieces = pieces
        self._starts = [piece.start for piece in pieces]

    def follow(self, span: Span, through: list[Passage]) -> Span:
        """One step back towards what was written; macro values passed are added to *through*."""
        final = max(span.end - 1, span.start)
        first, last = self._index(span.start), self._index(final)
        values = (index for index in range(first, last + 1) if self.pieces[index].value is not None)
        through.extend(self._passage(index, span) for index in values)
        start = self._back(self.pieces[first], span.start)
        end = self._back(self.pieces[last], final)
        if end.source is not start.source or end.end < start.start:
            end = start
        if span.start == span.end and self.pieces[first].linear:
            return Span(start.source, start.start, start.start)
        return Span(start.source, start.start, end.end)

    def _index(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1

    @staticmethod
    def _back(piece: Piece, offset: int) -> Span:
        if not piece.linear:
            return piece.origin
        start = piece.origin.start + offset - piece.start
        return Span(piece.origin.source, start, start + 1)

    def _passage(self, index: int, span: Span) -> Passage:
        """The part of a macro's value that *span* covers; all of it if it is not written literally."""
        piece = self.pieces[index]
        assert piece.value is not None
        value, note = piece.value
        following = self._starts[index + 1] if index + 1 < len(self._starts) else None
        if following is None or following - piece.start != value.end - value.start:
            return piece.value
        start = max(span.start, piece.start) - piece.start
        end = min(span.end, following) - piece.start
        return Passage(Span(value.source, value.start + start, value.start + end), note)
