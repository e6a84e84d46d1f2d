"""Diagnostics as they are shown: at the places the author wrote, in order, each once.

A pass reports spans of the expanded text.  Here they become spans of files: what lies
in the value of a macro is shown where the macro is used, and the value is added to the
related places.  Everything that prints or applies diagnostics starts with `arrange`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.diagnostics.diagnostic import Diagnostic, Edit, Fix, Related

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from smtpdsl.diagnostics.span import Span


class Place(NamedTuple):
    """A span by what it looks like; a file that is included twice has two sources and the same places."""

    file: str
    start: int
    end: int


def place(span: Span) -> Place:
    """Tell where *span* is; two written spans with the same place are shown alike."""
    return Place(span.source.name, span.start, span.end)


def covers_file(span: Span) -> bool:
    """Whether *span* stands for its file itself and not for a place in it (`Source.whole`)."""
    return span.start == span.end == 0


def arrange(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return *diagnostics* with written spans only, sorted, without repetitions.

    Files come in the order of their first finding, and in a file what is written first
    comes first; findings at one place keep their order.  A fix that cannot be written
    into a file is left out.
    """
    unique: dict[Hashable, Diagnostic] = {}
    files: dict[str, int] = {}
    for diagnostic in diagnostics:
        written = _as_written(diagnostic)
        files.setdefault(written.span.source.name, len(files))
        unique.setdefault(_appearance(written), written)
    return sorted(unique.values(), key=lambda found: (files[found.span.source.name], found.span.start))


def written_fix(fix: Fix) -> Fix | None:
    """Return *fix* as edits of files, or None if one of its edits is not the text of a single file.

    A text that came out of a macro has no place of its own: writing over the reference
    would replace the rest of the value too, writing over the value every other use.
    """
    edits = []
    for edit in fix.edits:
        span, through = edit.span.written()
        # Backslash and newline are the one thing a file may have more than the text made from it.
        if through or span.text.replace("\\\n", "") != edit.span.text.replace("\\\n", ""):
            return None
        edits.append(Edit(span, edit.replacement))
    return Fix(edits=tuple(edits), safe=fix.safe) if edits else None


def _as_written(diagnostic: Diagnostic) -> Diagnostic:
    """Follow every span of *diagnostic* back; macro values on the way become related places."""
    passages: list[Related] = []
    span = _follow(diagnostic.span, passages)
    related = [Related(_follow(other, passages), message) for other, message in diagnostic.related]
    distinct = {(place(other.span), other.message): other for other in (*related, *passages)}
    written = diagnostic.replace(
        span=span,
        related=tuple(distinct.values()),
        fix=written_fix(diagnostic.fix) if diagnostic.fix else None,
    )
    return _without_secrets(written)


def _without_secrets(diagnostic: Diagnostic) -> Diagnostic:
    """Return *diagnostic*, which has written spans, with a mask for each secret of its files that it repeats."""
    spans = (diagnostic.span, *(each.span for each in diagnostic.related))
    secrets = {each.source.concealed for each in spans} - {None}

    def told(text: str) -> str:
        for each in secrets:
            text = each.conceal(text, spans) if each and text else text
        return text

    if not secrets:
        return diagnostic
    return diagnostic.replace(
        message=told(diagnostic.message),
        label=told(diagnostic.label),
        help=told(diagnostic.help),
        notes=tuple(map(told, diagnostic.notes)),
        related=tuple(Related(span, told(message)) for span, message in diagnostic.related),
    )


def _follow(span: Span, passages: list[Related]) -> Span:
    """Return where *span* is written; the values it passes through are added to *passages*."""
    written, through = span.written()
    for value, note in through:
        passages.append(Related(_follow(value, passages), note))
    return written


def _appearance(diagnostic: Diagnostic) -> Hashable:
    """What a reader sees of *diagnostic*; the fix does not make two findings out of one."""
    return (
        diagnostic.code.name,
        diagnostic.severity,
        place(diagnostic.span),
        diagnostic.message,
        diagnostic.label,
        diagnostic.help,
        diagnostic.notes,
        tuple((place(span), message) for span, message in diagnostic.related),
    )
