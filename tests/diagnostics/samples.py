"""Small sources, spans and findings that the tests of this folder share."""

from __future__ import annotations

from smtpdsl.diagnostics.diagnostic import Code, Severity
from smtpdsl.diagnostics.span import Passage, Piece, Source, SourceMap, Span

MISTAKE = Code(name="mistake", severity=Severity.ERROR, summary="something is wrong")
DOUBT = Code(name="doubt", severity=Severity.WARNING, summary="something may be wrong")
REMARK = Code(name="remark", severity=Severity.NOTE, summary="something is so")


def at(source: Source, words: str, occurrence: int = 0) -> Span:
    """Point at *words* in *source*, at the first occurrence or a later one."""
    start = source.text.index(words)
    for _ in range(occurrence):
        start = source.text.index(words, start + 1)
    return Span(source, start, start + len(words))


def with_macro(comment: str = "") -> tuple[Source, Source]:
    """Return a file that uses a macro and ends in *comment*, and the text with the macro's value in place."""
    written = Source("smtpd.conf", f'if = "lo0"\nlisten on $if port 25{comment}\n')
    value = Passage(at(written, "lo0"), "in the value of macro `if`")
    pieces = [
        Piece(0, at(written, "listen on ")),
        Piece(10, at(written, "$if"), linear=False, value=value),
        Piece(13, at(written, f" port 25{comment}\n")),
    ]
    return written, Source("smtpd.conf", f"listen on lo0 port 25{comment}\n", SourceMap(pieces))
