r"""Pass 1a: the text of one file, with its lines joined and its quotes closed.

    Source (a file)  ->  Source (the same, without continuations)

Outside quotes and comments a backslash before a newline vanishes, even inside a
word, and before any other character only the backslash does.  What cannot be read
any further (a quote that is never closed) is reported here and replaced by
`UNREADABLE`, which the parser discards with its statement and without a word.

Reports `syntax-error`, `byte-order-mark` and `carriage-returns`.
"""

from __future__ import annotations

import re
from functools import cache

from smtpdsl.compiler.broken_quotes import end_of_broken_quote, never_closed, swallows_a_statement
from smtpdsl.compiler.raw_tokens import statement_start
from smtpdsl.compiler.tables import facts
from smtpdsl.diagnostics.codes import BYTE_ORDER_MARK, CARRIAGE_RETURNS, SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Fix, Report
from smtpdsl.diagnostics.span import Piece, Source, SourceMap, Span

# Stands for text that has been reported already; NUL cannot occur in a readable file.
UNREADABLE = "\x00"
_MARK = "\ufeff"


class Builder:
    """Puts a made text together, piece by piece, and remembers where each came from."""

    def __init__(self) -> None:
        """Start with no text."""
        self.parts: list[str] = []
        self.pieces: list[Piece] = []
        self.length = 0

    def copy(self, source: Source, start: int, end: int) -> None:
        """Append ``source.text[start:end]`` as it is."""
        if start < end:
            self._add(Piece(self.length, Span(source, start, end)), source.text[start:end])

    def put(self, text: str, piece: Piece) -> None:
        """Append *text* that *piece* explains; the start of the piece is filled in."""
        if text:
            self._add(piece._replace(start=self.length), text)

    def put_unreadable(self, span: Span) -> None:
        """Append what stands for *span*, which has been reported."""
        self.put(UNREADABLE, Piece(0, span, linear=False))

    def _add(self, piece: Piece, text: str) -> None:
        self.pieces.append(piece)
        self.parts.append(text)
        self.length += len(text)

    def finish(self, name: str) -> Source:
        """Return the text made so far."""
        return Source(name, "".join(self.parts), SourceMap(self.pieces) if self.pieces else None)


def join_lines(source: Source, report: Report) -> Source:
    """Return *source*, a whole file, without continuations; spans of the result lead back to *source*."""
    if source.text.startswith(_MARK):
        source = _without_mark(source, report)
    if "\r\n" in source.text:
        source = _without_carriage_returns(source, report)
    if not any(character in source.text for character in "\\\"'"):
        return source
    return _join(source, report)


def join_value(source: Source) -> Source:
    """Return *source*, the value of a macro, without backslashes; where it is used its quotes may be closed."""
    return _join(source, None) if "\\" in source.text else source


def _without_mark(source: Source, report: Report) -> Source:
    mark = Span(source, 0, len(_MARK))
    report(
        BYTE_ORDER_MARK.at(
            mark,
            "the file begins with a byte order mark",
            label="three invisible octets",
            help="write the file as plain UTF-8; `check --fix` does it",
            fix=Fix.replacing(mark, "", safe=True),
        )
    )
    made = Builder()
    made.copy(source, mark.end, len(source.text))
    return made.finish(source.name)


def _without_carriage_returns(source: Source, report: Report) -> Source:
    text = source.text
    at = text.index("\r\n")
    report(
        CARRIAGE_RETURNS.at(
            Span(source, at, at + 1),
            "lines end in carriage return and newline",
            label="a carriage return is no blank in this language",
            help="write the file with newlines alone; `check --fix` does it",
            fix=Fix.replacing(Span(source, 0, len(text)), text.replace("\r\n", "\n"), safe=True),
        )
    )
    made, position = Builder(), 0
    while at >= 0:
        made.copy(source, position, at)
        position, at = at + 1, text.find("\r\n", at + 1)
    made.copy(source, position, len(text))
    return made.finish(source.name)


@cache
def _tokens() -> re.Pattern[str]:
    patterns = facts().patterns
    kinds = ("COMMENT", "QUOTED", "WRITTEN_WORD", "JOINED")
    return re.compile(
        "|".join(f"(?P<{kind}>{patterns[kind]})" for kind in kinds) + r"|(?P<OPEN>[\"'])|(?P<REST>[^\"'#\\\w:]+)"
    )


def _join(source: Source, report: Report | None) -> Source:
    """Leave the backslashes of *source* out; with *report*, the quotes that are never closed too."""
    text, made = source.text, Builder()
    copied = position = 0
    token_at = _tokens().match
    while position < len(text):
        token = token_at(text, position)
        if token is None:
            position += 1
            continue
        kind, end = token.lastgroup, token.end()
        if kind == "JOINED":
            made.copy(source, copied, position)
            copied = end = _continuation_end(source, position, end, report)
            # Of two backslashes the second one is what the first takes as it is.
            end += text[position + 1 : position + 2] == "\\"
        elif kind == "WRITTEN_WORD":
            if "\\" in token.group():
                made.copy(source, copied, position)
                copied = _join_word(made, source, position, end)
        elif report is not None and (kind == "OPEN" or (kind == "QUOTED" and _is_broken(token))):
            quote = Span(source, position, position + 1)
            report(never_closed(quote))
            made.copy(source, copied, position)
            made.put_unreadable(quote)
            copied = end = end_of_broken_quote(text, position)
        position = end
    if not copied:
        return source
    made.copy(source, copied, len(text))
    return made.finish(source.name)


def _is_broken(quoted: re.Match[str]) -> bool:
    return "\n" in quoted.group() and swallows_a_statement(quoted.string, quoted.start(), quoted.end())


def _join_word(made: Builder, source: Source, start: int, end: int) -> int:
    """Copy a word without its backslashes; returns where the next text begins."""
    text = source.text
    at = text.find("\\", start, end)
    while at >= 0:
        made.copy(source, start, at)
        start = at + 2 if text[at + 1 : at + 2] == "\n" else at + 1
        # The character after a backslash is taken as it is, another backslash too.
        at = text.find("\\", start + (start == at + 1), end)
    made.copy(source, start, end)
    return end


def _continuation_end(source: Source, start: int, end: int, report: Report | None) -> int:
    """Where the text goes on after the backslash at *start*.

    Blanks or a comment after the backslash keep it from continuing the line.  If what
    follows cannot begin a statement, continuing is what was meant.
    """
    text = source.text
    if report is None or text[start + 1 : start + 2] == "\n":
        return end
    rest = re.compile(r"[ \t]+(#[^\n]*)?\n").match(text, end)
    if rest is None or not _must_continue(text, rest.end()):
        return end
    span = Span(source, start, rest.end() - 1)
    if rest[1]:
        message, help_text = "comment after the backslash", "put the comment on a line of its own, above the statement"
        fix, span = None, Span(source, start, start + 1)
    else:
        message, help_text = "blank after the backslash", "remove what stands between the backslash and the newline"
        fix = Fix.replacing(Span(source, start + 1, span.end), "", safe=True)
    report(
        SYNTAX_ERROR.at(
            span,
            f"{message} that should continue this line",
            label="the newline must follow at once",
            help=help_text,
            fix=fix,
        )
    )
    return rest.end()


def _must_continue(text: str, start: int) -> bool:
    """Whether the line at *start* can only be a part of the line before."""
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else None].strip(" \t")
    if not line or line[0] in "#$" or re.match(r"[\w.:-]+[ \t]*=", line):
        return False
    return statement_start().match(line) is None
