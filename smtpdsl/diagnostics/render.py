"""Diagnostics as text for people, with the lines they are about.

    error[unknown-action]: no action named "locl"
     --> smtpd.conf:4:33
      |
    4 | match from any for local action "locl"
      |                                 ^^^^^^ not defined anywhere
      |
      = help: use "local"

    1 error

Nothing of a configuration reaches the terminal unfiltered: `cells.visible` spells out
control characters in names and messages, `cells.draw` in excerpts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.diagnostics.arrange import arrange, covers_file
from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity
from smtpdsl.diagnostics.excerpt import (
    COMMENT,
    EXCERPT_COLUMNS,
    GUTTER,
    KEYWORD,
    MIN_COLUMNS,
    NUMBER,
    OPTION,
    PRIMARY,
    REFERENCE,
    RELATED,
    STRING,
    TABLE,
    VALUE,
    excerpt,
    marked_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smtpdsl.diagnostics.excerpt import Colours, Labelled, Paint
    from smtpdsl.diagnostics.span import Span

HEADING = "heading"  # a style besides those of the excerpt
_SEVERITY_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "33", Severity.NOTE: "36"}
# Of the text itself; nothing is as loud as what is underlined.
_LANGUAGE_COLOURS = {
    KEYWORD: "35",
    OPTION: "36",
    VALUE: "34",
    STRING: "32",
    NUMBER: "34",
    COMMENT: "90",
    REFERENCE: "33",
    TABLE: "33",
}


def render_text(
    diagnostics: Iterable[Diagnostic], *, colour: bool, columns: int | None = None, colours: Colours | None = None
) -> str:
    """Return *diagnostics* in reading order and a count; empty without any.

    Every line ends with a newline.  The only control characters besides are the escape
    sequences of *colour*, with which *colours* may tell the words of the language apart.
    Excerpts fit into a terminal of *columns*; without it they are as wide as is good to
    read.
    """
    found = arrange(diagnostics)
    if not found:
        return ""
    look = _Look(columns, colour, colours if colour else None)
    return "\n".join([*(_one(diagnostic, look) for diagnostic in found), summary(found) + "\n"])


class _Look(NamedTuple):
    """How findings are printed."""

    columns: int | None
    is_coloured: bool
    colours: Colours | None


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """Count *diagnostics*: ``2 errors, 1 warning``."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = [(severities.count(severity), severity.value) for severity in Severity]
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count)


def _one(diagnostic: Diagnostic, look: _Look) -> str:
    """Render one diagnostic whose spans are written ones."""
    paint = _painter(diagnostic.severity) if look.is_coloured else _plain
    heading = f"{diagnostic.severity.value}[{diagnostic.code.name}]"
    lines = [paint(heading, PRIMARY) + paint(f": {visible(diagnostic.message)}", HEADING)]
    lines.extend(_body(diagnostic, look, paint))
    return "".join(line + "\n" for line in lines)


def _body(diagnostic: Diagnostic, look: _Look, paint: Paint) -> Iterator[str]:
    """Yield the excerpts, file by file, and what is said below them."""
    blocks = [(places, marked_lines(places)) for places in _by_file(diagnostic)]
    digits = max((len(str(number)) for _, lines in blocks for number in lines), default=1)
    margin = paint(f"{'':{digits}} |", GUTTER)
    room = EXCERPT_COLUMNS
    if look.columns:
        room = min(EXCERPT_COLUMNS, max(MIN_COLUMNS, look.columns - digits - len(" | ")))
    home = diagnostic.span.source
    yield _arrow("-->", diagnostic.span, digits, paint)
    for places, lines in blocks:
        source = places[0][0].source
        yield margin
        if (source.name, source.text) != (home.name, home.text):
            yield _arrow(":::", places[0][0], digits, paint)
            yield margin
        yield from excerpt(source, lines, digits, paint, room, look.colours)
    for span, message in diagnostic.related:
        if covers_file(span):
            yield _arrow(":::", span, digits, paint) + f": {visible(message)}"
    remarks = list(_remarks(diagnostic))
    if remarks:
        yield margin
    for title, text in remarks:
        yield from _remark(title, text, digits, paint)


def _by_file(diagnostic: Diagnostic) -> list[list[Labelled]]:
    """Group the places to underline by file, that of the primary one first."""
    files: dict[tuple[str, str], list[Labelled]] = {}
    primary = (diagnostic.span, diagnostic.label, PRIMARY)
    related = ((span, message, RELATED) for span, message in diagnostic.related)
    home = diagnostic.span.source
    files[home.name, home.text] = []
    for place in (primary, *related):
        source = place[0].source
        if not covers_file(place[0]):
            files.setdefault((source.name, source.text), []).append(place)
    return [places for places in files.values() if places]


def _arrow(shaft: str, span: Span, digits: int, paint: Paint) -> str:
    """Point to *span*: `` --> file:line:column``, without the numbers where the file itself is meant."""
    where = visible(span.source.name)
    if not covers_file(span):
        where += ":{}:{}".format(*span.source.position(span.start))
    return f"{'':{digits}}{paint(shaft, GUTTER)} {where}"


def _remarks(diagnostic: Diagnostic) -> Iterator[tuple[str, str]]:
    """Yield what is said below the excerpts; a label that has no place to stand at comes first."""
    if diagnostic.label and covers_file(diagnostic.span):
        yield "note", diagnostic.label
    if diagnostic.help:
        yield "help", diagnostic.help
    for note in diagnostic.notes:
        yield "note", note


def _remark(title: str, text: str, digits: int, paint: Paint) -> Iterator[str]:
    """Yield the lines of a remark, the later ones below the first."""
    first, *rest = text.split("\n")
    yield f"{'':{digits}} {paint('=', GUTTER)} {paint(f'{title}:', HEADING)} {visible(first)}".rstrip()
    for line in rest:
        yield f"{'':{digits + len(title) + 5}}{visible(line)}".rstrip()


def _plain(text: str, _style: str) -> str:
    """Print *text* as it is."""
    return text


def _painter(severity: Severity) -> Paint:
    """Return how to colour a text of each style in a finding of *severity*."""
    own = {PRIMARY: _SEVERITY_COLOURS[severity], RELATED: "1;34", GUTTER: "1;34", HEADING: "1"}
    colours = own | _LANGUAGE_COLOURS

    def paint(text: str, style: str) -> str:
        return f"\x1b[{colours[style]}m{text}\x1b[0m"

    return paint
