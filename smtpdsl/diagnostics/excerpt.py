"""The excerpt of a diagnostic: the lines it is about, with its places underlined.

    1 | action "local" maildir alias <aliases>
      |        ------- a similar name is defined here
      :
    4 | match from any for local action "locl"
      | -----                           ^^^^^^ not defined anywhere
      | |
      | in this rule

The label of the place that ends last stands behind it, the others hang below, the
rightmost first.  A place of several lines is underlined in each of them; of a long
one the first and the last line are shown, and the label stands at its end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from smtpdsl.diagnostics.cells import Drawn, draw, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from smtpdsl.diagnostics.span import Source, Span

    Labelled: TypeAlias = tuple[Span, str, str]  # a span with its label and style
    Paint: TypeAlias = Callable[[str, str], str]  # a text and its style to what is sent to the terminal
    Colours: TypeAlias = Callable[[Source, int], Sequence[str]]  # the style of each character of a line, if it has any

PRIMARY, RELATED, GUTTER = "primary", "related", "gutter"
# What the language is made of; who wants these tells them apart, see `Colours`.
KEYWORD, OPTION, VALUE, STRING, NUMBER = "keyword", "option", "value", "string", "number"
COMMENT, REFERENCE, TABLE = "comment", "reference", "table"

EXCERPT_COLUMNS = 160  # the widest excerpt line, without the line number
MIN_COLUMNS = 40  # in a narrower terminal lines wrap
_NEARBY = 1_000  # characters of an endless line that are looked at around a mark
_CONTEXT = 20  # columns shown before a mark that fills the whole excerpt
_WHOLE_LINES = 4  # a span of more lines is cut to its first and last


class Mark(NamedTuple):
    """A stretch of one line to underline, in characters of the line; once it is drawn, in columns."""

    start: int
    end: int
    label: str
    style: str


_Row: TypeAlias = list[tuple[int, str, str]]  # from left to right: column, text, style


def marked_lines(spans: Iterable[Labelled]) -> Mapping[int, list[Mark]]:
    """Return what to underline, by line number in order."""
    lines: dict[int, list[Mark]] = {}
    for span, label, style in spans:
        for number, mark in _marks(span, label, style):
            if mark not in lines.setdefault(number, []):
                lines[number].append(mark)
    return dict(sorted(lines.items()))


def excerpt(
    source: Source,
    lines: Mapping[int, Sequence[Mark]],
    digits: int,
    paint: Paint,
    columns: int = EXCERPT_COLUMNS,
    colours: Colours | None = None,
) -> Iterator[str]:
    """Yield the printed lines for the marked *lines* of *source*.

    Line numbers take *digits* columns, what stands behind them at most *columns*.
    """

    def line(number: int, marks: Sequence[Mark]) -> Iterator[str]:
        text = _Text(source.shown_line(number), colours(source, number) if colours else (), paint)
        return _line(text, number, marks, digits, paint, columns)

    previous = next(iter(lines), 1) - 1
    for number, marks in lines.items():
        if number == previous + 2:
            yield from line(number - 1, ())
        elif number > previous + 2:
            yield paint(f"{'':{digits}} :", GUTTER)
        yield from line(number, marks)
        previous = number


class _Text(NamedTuple):
    """A line of a file, or a part of it, and the style of each of its characters; without any it is plain."""

    line: str
    styles: Sequence[str]
    paint: Paint

    def part(self, low: int, high: int) -> _Text:
        return _Text(self.line[low:high], self.styles[low:high], self.paint)

    def printed(self, pieces: Sequence[str], begin: int, end: int) -> str:
        """Put together the *pieces* from *begin* to *end*, one for each character."""
        if not any(self.styles):
            return "".join(pieces[begin:end])
        runs = groupby(range(begin, end), lambda at: self.styles[at] if at < len(self.styles) else "")
        return "".join(self._painted("".join(pieces[at] for at in run), style) for style, run in runs)

    def _painted(self, text: str, style: str) -> str:
        """Paint what can be seen of *text*, so that blanks at the end of the line are still seen to be some."""
        seen = text.rstrip()
        return self.paint(seen, style) + text[len(seen) :] if style and seen else text


def _marks(span: Span, label: str, style: str) -> Iterator[tuple[int, Mark]]:
    """Cut *span* into the lines it covers, numbered; leave out the middle of a long one."""
    source = span.source
    first, last = source.position(span.start), source.position(max(span.start, span.end - 1))
    if first.line == last.line:
        start = first.column - 1
        yield first.line, Mark(start, start + span.end - span.start, label, style)
        return
    is_cut = last.line - first.line >= _WHOLE_LINES
    for number in (first.line, last.line) if is_cut else range(first.line, last.line + 1):
        text = source.line(number)
        indent = len(text) - len(text.lstrip())
        if number == first.line:
            yield number, Mark(first.column - 1, len(text.rstrip()), "from here" if is_cut else "", style)
        elif number == last.line:
            ending = label or ("to here" if is_cut else "")
            yield number, Mark(min(indent, last.column - 1), last.column, ending, style)
        elif text.strip():
            yield number, Mark(indent, len(text.rstrip()), "", style)


def _line(text: _Text, number: int, marks: Sequence[Mark], digits: int, paint: Paint, columns: int) -> Iterator[str]:
    """Yield line *number* and what stands below it; once for each window that its marks need."""
    blank = paint(f"{'':{digits}} |", GUTTER)
    for shown, placed in _windows(text, marks, columns):
        yield (paint(f"{number:>{digits}} |", GUTTER) + " " + shown).rstrip()
        for row in _annotations(placed):
            yield blank + " " + _painted(row, paint)


def _windows(text: _Text, marks: Sequence[Mark], columns: int) -> Iterator[tuple[str, Sequence[Mark]]]:
    """Yield what to print of the line *text*, with marks in columns: all of it, or each part that has marks.

    A line may have megabytes: only what is near a mark is laid out.
    """
    for group in _clusters(marks, _NEARBY):
        start = group[0].start if group else 0
        low, high = max(0, start - _NEARBY), start + 2 * _NEARBY
        part = text.part(low, high)
        drawn = draw(part.line)
        placed = []
        for mark in group:
            left, right = drawn.mark(mark.start - low, mark.end - low)
            placed.append(mark._replace(start=left, end=right))
        for near in _clusters(placed, columns - 2):
            yield _window(part, drawn, near, columns, is_first=low == 0, is_last=high >= len(text.line))


def _clusters(marks: Sequence[Mark], room: int) -> list[list[Mark]]:
    """Group *marks* so that those of a group lie within *room*; no marks are one empty group."""
    groups: list[list[Mark]] = [[]]
    for mark in sorted(marks):
        if groups[-1] and mark.end - groups[-1][0].start > room:
            groups.append([])
        groups[-1].append(mark)
    return groups


def _window(
    text: _Text, drawn: Drawn, marks: Sequence[Mark], columns: int, *, is_first: bool, is_last: bool
) -> tuple[str, Sequence[Mark]]:
    """Cut *text*, as *drawn*, to the columns around *marks*, which lie close together, and move them along.

    The drawn part is the beginning of its line, its end, both or neither; whatever is
    not shown leaves an ellipsis.
    """
    if drawn.width <= columns and is_first and is_last:
        return text.printed(drawn.pieces, 0, len(drawn.pieces)), marks
    room = columns - 2
    start = marks[0].start if marks else 0
    margin = max(_CONTEXT, (room - max((mark.end for mark in marks), default=0) + start) // 2)
    low = max(0, min(start - margin, drawn.width - room))
    begin, end = bisect_left(drawn.lefts, low), bisect_right(drawn.rights, low + room)
    before = "" if is_first and begin == 0 else "…"
    after = "" if is_last and end == len(drawn.pieces) else "…"
    shift = len(before) - (drawn.lefts[begin] if begin < end else 0)
    limit = drawn.rights[end - 1] + shift if begin < end else 0
    moved = []
    for mark in marks:
        left = min(mark.start + shift, limit)
        moved.append(mark._replace(start=left, end=max(left + 1, min(mark.end + shift, limit + len(after)))))
    return before + text.printed(drawn.pieces, begin, end) + after, moved


def _annotations(marks: Sequence[Mark]) -> Iterator[_Row]:
    """Yield the rows below a line: underlines with one label behind them, then the labels that hang."""
    if not marks:
        return
    last = max(marks, key=lambda mark: (mark.end, bool(mark.label), mark.start, mark.style == PRIMARY))
    row = _underlines(marks)
    yield [*row, (last.end + 1, visible(last.label), last.style)] if last.label else row
    hanging = [mark for mark in marks if mark.label and mark is not last]
    hanging.sort(key=lambda mark: mark.start, reverse=True)
    if hanging:
        yield _threads(hanging)
    for index, mark in enumerate(hanging):
        left = [other for other in hanging[index + 1 :] if other.start < mark.start]
        yield [*_threads(left), (mark.start, visible(mark.label), mark.style)]


def _underlines(marks: Iterable[Mark]) -> _Row:
    """Underline *marks*: a short one is seen on a longer one, the primary on a related of equal length."""
    styles: dict[int, str] = {}
    for mark in sorted(marks, key=lambda mark: (mark.start - mark.end, mark.style == PRIMARY)):
        styles.update(dict.fromkeys(range(mark.start, mark.end), mark.style))
    row: _Row = []
    for column, style in sorted(styles.items()):
        stroke = "^" if style == PRIMARY else "-"
        if row and row[-1][2] == style and row[-1][0] + len(row[-1][1]) == column:
            row[-1] = (row[-1][0], row[-1][1] + stroke, style)
        else:
            row.append((column, stroke, style))
    return row


def _threads(hanging: Iterable[Mark]) -> _Row:
    """Lead from each of the *hanging* labels, given from right to left, up to its underline."""
    return [(start, "|", next(same).style) for start, same in groupby(reversed(list(hanging)), lambda mark: mark.start)]


def _painted(row: _Row, paint: Paint) -> str:
    """Put the texts of *row* into their columns."""
    line, column = "", 0
    for start, text, style in row:
        line += " " * (start - column) + paint(text, style)
        column = start + len(text)
    return line
