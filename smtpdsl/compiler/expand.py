"""Pass 1: macros and includes put in place.

    Source (a file)  ->  Expanded (one text, its source map, what was seen on the way)

Macros are text before they are tokens: a value may hold several words, a quoted
string, half a statement.  So this pass reads just as much as decides where a
reference can stand (nowhere in quotes, in comments or inside a word), and leaves
every other question to the grammar.

    if = "lo port 25"           the value is put in the place of `$if`, and text that
    listen on $if tls           follows without a blank is glued to its last word

Reports `undefined-macro`, `redefined-macro`, `unreachable-macro`, `oversized-text`, what
`includes` and `join_lines` report, and `syntax-error` for misplaced dollar signs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from smtpdsl.compiler.broken_quotes import never_closed
from smtpdsl.compiler.includes import Includes, Readable, TooLargeError, refuse_if_too_large
from smtpdsl.compiler.macros import OPEN, Macro, UndefinedMacros, define, glued_end
from smtpdsl.compiler.raw_tokens import RawToken, statement_heads, statement_start, token_pattern, tokens_of
from smtpdsl.compiler.statements import Statements
from smtpdsl.compiler.world import World
from smtpdsl.compiler.written import UNREADABLE, Builder
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Piece, Source, Span
from smtpdsl.ir.syntax import unquote

__all__ = ["Expanded", "MacroUse", "RawToken", "expand", "statement_heads", "tokens_of"]


class MacroUse(NamedTuple):
    """A macro definition and whether anything referred to it."""

    name: str
    span: Span
    is_used: bool


class Expanded(NamedTuple):
    """One text without macros and includes; every span of it leads back to the files."""

    source: Source
    heads: list[int]
    """Where each statement begins."""
    macros: tuple[MacroUse, ...]
    comments: tuple[Span, ...]
    files: tuple[Source, ...]


def expand(source: Source, world: World, report: Report, defines: Mapping[str, str] | None = None) -> Expanded | None:
    """Return the text of *source* with its macros and includes in place; None if it is too large.

    *defines* are the macros of the command line: they stay, whatever the files define.
    """
    expander = _Expander(source, world, report)
    for name, value in (defines or {}).items():
        expander.macros[name] = Macro.of_command_line(name, value)
        expander.includes.define(name, expander.macros[name].span.source)
    try:
        expander.read(source)
    except TooLargeError:
        # What was reported so far points into the text.
        expander.finish()
        return None
    return expander.finish()


@cache
def _plain_line() -> re.Pattern[str]:
    """A whole statement that needs no look at its tokens: the bulk of every file."""
    return re.compile(r"[ \t]*(?!include[ \t\"'\n])\w[^$\"'#{}=\n]*\n|[ \t]*\n")


class _Expander:
    """Reads files and macro values in the order of the text, and writes the one text."""

    def __init__(self, source: Source, world: World, report: Report) -> None:
        self.report = report
        self.made = Builder()
        # Its text is filled in at the end; spans point into it before.
        self.text = Source(source.name, "")
        self.macros: dict[str, Macro] = {}
        self.used: set[str] = set()
        self.undefined = UndefinedMacros(report)
        self.comments: list[Span] = []
        self.includes = Includes(world, report)
        self.statements = Statements(self._define, self._lose)

    def finish(self) -> Expanded:
        made = self.made.finish(self.text.name)
        self.text.text, self.text.origins = made.text, made.origins
        uses = tuple(
            MacroUse(name, macro.span, name in self.used) for name, macro in self.macros.items() if not macro.is_fixed
        )
        files = tuple(self.includes.files)
        return Expanded(self.text, self.statements.heads, uses, tuple(self.comments), files)

    def read(self, source: Source) -> None:
        """Read the first file, and with it everything."""
        self._read_file(self.includes.begin(source))

    def _read_file(self, file: Readable) -> None:
        self.includes.stack.append(file)
        self._read(file.joined)
        self.includes.stack.pop()

    def _read(self, source: Source) -> None:
        """Copy *source*, the lines of a whole file, and act on what it says."""
        text, position, copied = source.text, 0, 0
        plain_line, token_at = _plain_line().match, token_pattern().match
        statements = self.statements
        while position < len(text):
            if not statements.is_open and (line := plain_line(text, position)):
                statements.see_plain_line(line.group(), self.made.length + position - copied)
                position = line.end()
                continue
            found = token_at(text, position)
            assert found is not None
            kind, end = found.lastgroup or "", found.end()
            if kind == "REFERENCE":
                self.made.copy(source, copied, position)
                position = copied = self._refer(source, position, end)
            else:
                if kind == "COMMENT":
                    self.comments.append(Span(source, position, end))
                at = self.made.length + position - copied
                token = RawToken(kind, found.group(), at, at + end - position)
                begins = statements.is_in_braces and token.text in statement_heads()
                begins = begins and statement_start().match(text, position) is not None
                statements.see(token, begins_statement=begins)
                position = end
            if (path := statements.take_include()) is not None:
                self.made.copy(source, copied, position)
                copied = position
                self._include(path)
        self.made.copy(source, copied, position)
        if not text.endswith("\n"):
            self.made.put("\n", Piece(0, Span(source, len(text), len(text)), linear=False))
        statements.end()

    # ------------------------------------------------------------ includes

    def _include(self, path_token: RawToken) -> None:
        """Read the file that an include names; what follows the path goes on after it, on a new line."""
        span = Span(self.text, path_token.start, path_token.end)
        self.made.put("\n", Piece(0, span, linear=False))
        file = self.includes.open(unquote(path_token.text), span)
        if file is not None:
            refuse_if_too_large(self.made.length + len(file.joined.text), span, self.report)
            self._read_file(file)

    # ------------------------------------------------------------ macros

    def _define(self, name: RawToken, value: RawToken | None) -> None:
        define(self.macros, self.text, name, value, self.report)

    def _lose(self, name: RawToken) -> None:
        self.undefined.lost.add(name.text.rstrip(":"))

    def _refer(self, source: Source, start: int, end: int) -> int:
        """Put the value of the macro at *start* in its place; returns where the text goes on."""
        name, reference = source.text[start + 1 : end], Span(source, start, end)
        macro = self.macros.get(name)
        if macro is None:
            return self._refer_to_nothing(reference)
        self.used.add(name)
        refuse_if_too_large(self.made.length + len(macro.text), reference, self.report)
        glued = macro.glue(source.text, end)
        placed = self._see_value(macro, reference, source.text[end:glued] if glued else "")
        if glued is None:
            self._put_open_quote(macro, reference, placed)
            return end
        self.made.put(macro.text[placed:], macro.piece(reference, placed, len(macro.text)))
        self.made.copy(source, end, glued)
        return glued

    def _see_value(self, macro: Macro, reference: Span, rest: str) -> int:
        """Follow the tokens of a value, the last of which goes on with *rest*; returns how much is written already.

        That is nothing, unless the value holds whole includes.
        """
        placed = 0
        for token in macro.tokens:
            if self.statements.is_settled and not macro.has_newline:
                # A long value that is used often would take its length each time.
                self.statements.skip(ends_in_braces=macro.ends_in_braces)
                break
            at = self.made.length + token.start - placed
            if token is macro.tokens[-1]:
                text = token.text + rest
                self.statements.see(RawToken("QUOTED" if token.kind == OPEN else token.kind, text, at, at + len(text)))
                break
            self.statements.see(token._replace(start=at, end=at + len(token.text)))
            if (path := self.statements.take_include()) is not None:
                self.made.put(macro.text[placed : token.end], macro.piece(reference, placed, token.end))
                placed = token.end
                self._include(path)
        return placed

    def _put_open_quote(self, macro: Macro, reference: Span, placed: int) -> None:
        """Put a value in place whose last token is a quote that is never closed."""
        start = macro.tokens[-1].start
        self.made.put(macro.text[placed:start], macro.piece(reference, placed, start))
        at = self.made.length
        self.made.put(UNREADABLE, macro.piece(reference, start, start + 1))
        self.report(never_closed(Span(self.text, at, at + 1)))

    def _refer_to_nothing(self, reference: Span) -> int:
        """Report a reference without a macro; returns where the text goes on."""
        if not self.statements.is_open and self.undefined.report_signed_definition(reference):
            # `$name = value`, as other languages write it: read on as if the sign were not there.
            return reference.start + 1
        source, at = reference.source, self.made.length
        mistake = Span(source, reference.start, self.undefined.report_reference(reference, self.macros))
        self.made.put_unreadable(mistake)
        self.statements.see(RawToken("OTHER", UNREADABLE, at, at + 1))
        return glued_end(source.text, mistake.end)
