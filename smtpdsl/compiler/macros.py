"""Macros: what a definition makes, and the glue between a value and the text behind a reference.

    if = "lo port 25"           Macro: the text of the value, its tokens, where it is written

Reports `redefined-macro`, `unreachable-macro`, and `syntax-error` for names with blanks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from smtpdsl.compiler.raw_tokens import RawToken, token_pattern, tokens_of
from smtpdsl.compiler.tables import facts
from smtpdsl.compiler.written import UNREADABLE, join_value
from smtpdsl.diagnostics.codes import REDEFINED_MACRO, SYNTAX_ERROR, UNREACHABLE_MACRO
from smtpdsl.diagnostics.diagnostic import Related, Report
from smtpdsl.diagnostics.span import Passage, Piece, Source, Span
from smtpdsl.ir.syntax import unquote

# The kind of a token that begins with a quote and goes on behind the reference.
OPEN = "OPEN"


class Macro(NamedTuple):
    """A macro that can be referred to."""

    span: Span
    """Its name where it is defined."""
    passage: Passage
    """Its value where it is written."""
    text: str
    tokens: tuple[RawToken, ...]
    ends_in_braces: bool | None
    """What the last brace of the value is, if there is one."""
    has_newline: bool
    is_fixed: bool = False

    @classmethod
    def of_command_line(cls, name: str, value: str) -> Macro:
        """Make the macro of ``-D name=value``, which no file can redefine."""
        source = Source(f"-D {name}", value)
        span = Span(source, 0, len(value))
        passage = Passage(span, f"the value of `{name}` from the command line")
        return _make(span, passage, join_value(source).text)._replace(is_fixed=True)

    def piece(self, reference: Span, start: int, end: int) -> Piece:
        """Explain ``text[start:end]``, put in the place of *reference*."""
        value, note = self.passage
        if len(self.text) == value.end - value.start:
            value = Span(value.source, value.start + start, value.start + end)
        return Piece(0, reference, linear=False, value=Passage(value, note))

    def glue(self, text: str, end: int) -> int | None:
        """Return where the last token of the value ends, if *text* goes on after the reference at *end*.

        None if the value opens a quote that the rest of the line does not close.
        """
        if not self.tokens:
            return end
        last = self.tokens[-1]
        if last.kind == OPEN:
            rest = text[end : text.find("\n", end)]
            closed = token_pattern().match(last.text + rest)
            return end + closed.end() - len(last.text) if closed and closed.lastgroup == "QUOTED" else None
        pattern = _glue(last.text if last.text == "=" else last.kind)
        rest_of_token = pattern.match(text, end) if pattern else None
        return rest_of_token.end() if rest_of_token else end


@cache
def _glue(kind: str) -> re.Pattern[str] | None:
    """Match what belongs to a token of this kind besides its beginning."""
    patterns = facts().patterns
    match kind:
        case "WORD":
            return re.compile(patterns["WORD"].split("]", 1)[1])
        case "COMMENT":
            return re.compile(patterns["COMMENT"].removeprefix("#"))
        case "=":
            return re.compile(">")
        case _:
            return None


def glued_end(text: str, end: int) -> int:
    """Return where a word ends that begins before *end*, with a reference."""
    pattern = _glue("WORD")
    found = pattern.match(text, end) if pattern else None
    return found.end() if found else end


def _make(span: Span, passage: Passage, text: str) -> Macro:
    tokens: list[RawToken] = []
    ends_in_braces: bool | None = None
    for token in tokens_of(text):
        if token.kind == "OTHER" and token.text in {'"', "'"}:
            # All that follows is in this quote.
            tokens.append(RawToken(OPEN, text[token.start :], token.start, len(text)))
            break
        if token.kind == "OTHER" and token.text in {"{", "}"}:
            ends_in_braces = token.text == "{"
        tokens.append(token)
    return Macro(span, passage, text, tuple(tokens), ends_in_braces, has_newline="\n" in text)


def define(
    macros: dict[str, Macro], text: Source, name_token: RawToken, value_token: RawToken | None, report: Report
) -> None:
    """Add the macro that *name_token* and *value_token* of *text* define to *macros*.

    A value that is missing or no word is the parser's to report; the macro exists all the same.
    """
    name = unquote(name_token.text)
    span = Span(text, name_token.start, name_token.end)
    known = macros.get(name)
    if known is not None and known.is_fixed:
        return
    _check(name, span, known, report)
    if value_token is None or value_token.kind not in {"QUOTED", "WORD"}:
        macros[name] = _make(span, Passage(span, f"in the definition of macro `{name}`"), UNREADABLE)
        return
    is_quoted = value_token.kind == "QUOTED"
    written = Span(text, value_token.start + is_quoted, value_token.end - is_quoted)
    value = join_value(Source(text.name, unquote(value_token.text)))
    macros[name] = _make(span, Passage(written, f"in the value of macro `{name}`"), value.text)


def _check(name: str, span: Span, known: Macro | None, report: Report) -> None:
    if known is not None:
        report(
            REDEFINED_MACRO.at(
                span,
                f'macro "{name}" is defined again',
                label="this value holds from here on",
                related=(Related(known.span, "first defined here"),),
            )
        )
    elif re.search(r"\s", name):
        report(
            SYNTAX_ERROR.at(
                span, f'the name of macro "{name}" has a blank in it', help="write `_` instead of the blank"
            )
        )
    elif not re.fullmatch(r"[A-Za-z0-9_]+", name):
        report(
            UNREACHABLE_MACRO.at(
                span,
                f'no reference can name macro "{name}"',
                label="has characters that end a reference",
                help="use letters, digits and `_` only",
            )
        )


class UndefinedMacros:
    """Reports references to macros that do not exist."""

    def __init__(self, report: Report) -> None:
        """Tell *report* of them."""
        self.lost: set[str] = set()
        """Names whose definition is broken: the parser says so, and that is enough."""
        self._report = report
        self._reported: set[str] = set()

    def report_signed_definition(self, reference: Span) -> bool:
        """Report `$name = …` and return True if that is what stands at *reference*."""
        if reference.end - reference.start < 2 or not re.compile(r"[ \t]*=").match(  # noqa: PLR2004 - the sign, a letter
            reference.source.text, reference.end
        ):
            return False
        self._report(
            SYNTAX_ERROR.at(
                reference,
                "a macro is defined without the dollar sign",
                label="refers to a macro",
                help=f"write `{reference.text[1:]} = …`",
            )
        )
        return True

    def report_reference(self, reference: Span, macros: Mapping[str, Macro]) -> int:
        """Report *reference*; returns where the text goes on that is no part of the mistake."""
        from smtpdsl.compiler.undefined import explain  # noqa: PLC0415 - most files have no such mistake

        name = reference.text[1:]
        found = explain(reference, macros, is_first=name not in self._reported)
        self._reported.add(name)
        if name not in self.lost:
            self._report(found)
        return found.span.end
