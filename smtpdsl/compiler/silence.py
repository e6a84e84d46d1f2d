"""Applies the suppression comments of a configuration to its findings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from smtpdsl.compiler.expand import Expanded
from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.span import Source, Span


def silence(diagnostics: Iterable[Diagnostic], text: Expanded | None) -> list[Diagnostic]:
    """Return the findings that no comment of *text* allows, and what is wrong with such comments."""
    found = list(diagnostics)
    comments = [each for each in text.comments if "smtpdsl:" in each.text] if text else []
    if text is None or not comments:
        return found
    # Few files have such a comment.
    from smtpdsl.diagnostics.suppress import suppress  # noqa: PLC0415

    heads = _heads_by_file(text)
    first = {source: offsets[0] for source, offsets in heads.items()}
    by_name = {source.name: offsets for source, offsets in heads.items()}

    def statement_start(span: Span) -> int:
        offsets = by_name.get(span.source.name, [])
        index = bisect_right(offsets, span.start) - 1
        return span.source.position(offsets[index] if index >= 0 else span.start).line

    return suppress(found, [each.written().span for each in comments], first, statement_start)


def _heads_by_file(text: Expanded) -> dict[Source, list[int]]:
    """Where the statements of each file begin, as offsets into the file."""
    found: dict[Source, list[int]] = {}
    for head in text.heads:
        written = Span(text.source, head, head + 1).written().span
        found.setdefault(written.source, []).append(written.start)
    return {source: sorted(offsets) for source, offsets in found.items()}
