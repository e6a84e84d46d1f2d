"""Mistakes in the first word of a statement, and in where a statement ends."""

from __future__ import annotations

import re

from smtpdsl.compiler.hints.old_words import renamed_statement
from smtpdsl.compiler.raw_tokens import RawToken, tokens_of
from smtpdsl.compiler.syntax_errors import SyntaxContext, alternatives, describe, expectation
from smtpdsl.compiler.tables import facts
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.syntax import quote

# Of two letters, one is too many to be wrong.
_SHORTEST_MISSPELT = 3


def string_over_lines(context: SyntaxContext) -> Diagnostic | None:
    """Find a quoted string that took the next line in: its quote was probably to be closed before."""
    tokens = [*context.tokens]
    if context.bad.type == "STR":
        tokens.append(RawToken("QUOTED", str(context.bad), context.bad.start_pos or 0, context.bad.end_pos or 0))
    for token in tokens:
        if token.text[0] not in "\"'" or "\n" not in token.text.replace("\\\n", ""):
            continue
        return SYNTAX_ERROR.at(
            Span(context.source, token.start, token.start + 1),
            "this quote is not closed on its line",
            label="opened here",
            related=(Related(Span(context.source, token.end - 1, token.end), "closed here"),),
            help="close it on the same line, or write a backslash before the newline that it should span",
        )
    return None


def misspelt_statement(context: SyntaxContext) -> Diagnostic | None:
    """Find a first word that is no keyword: the parser took it for the name of a macro."""
    if len(context.tokens) != 1 or context.words != ["="]:
        return None
    head, span = context.tokens[0], context.span(context.tokens[0])
    if head.text[0] in "\"'":
        return SYNTAX_ERROR.at(
            span, f"{head.text} begins no statement", help=f"to define a macro, write `{head.text} = …`"
        )
    if found := renamed_statement(head.text, span, context.dialect):
        return found
    message = f'"{head.text}" begins no statement'
    name = head.text.rstrip(":")
    if near := _nearest_statement(name, context):
        return _did_you_mean(span, message, near)
    if (signed := re.match(r"(\w+)[ \t]*=", context.rest_text)) is not None:
        return SYNTAX_ERROR.at(span, message, label="remove this word", help=f"a macro is written `{signed[1]} = …`")
    if (context.bad.type == "STR" and context.bad[0] in "\"':") or name != head.text:
        return SYNTAX_ERROR.at(span, message, label="unknown statement", help=f"to define a macro, write `{name} = …`")
    return SYNTAX_ERROR.at(span, message, label="unknown statement", help=_continuation_help(context, span))


def keyword_as_macro(context: SyntaxContext) -> Diagnostic | None:
    """Find `port = "25"`: a keyword is no name."""
    line = [*(context.span(token) for token in context.tokens), *(context.span(token) for token in context.rest)]
    if len(line) < 2 or line[1].text not in {"=", "=>"} or line[0].text not in facts().keywords[context.dialect]:  # noqa: PLR2004
        return None
    return SYNTAX_ERROR.at(
        line[0],
        f"the keyword `{line[0].text}` as the name of a macro",
        label="needs quotes, or another name",
        help=f"write `{quote(line[0].text)} = …`",
        fix=Fix.replacing(line[0], quote(line[0].text), safe=True),
    )


def _did_you_mean(span: Span, message: str, near: str) -> Diagnostic:
    is_same = span.text.lower() == near
    return SYNTAX_ERROR.at(
        span,
        message,
        label="keywords are in lower case" if is_same else "unknown statement",
        help=f"write `{near}`" if is_same else f"did you mean `{near}`?",
        fix=Fix.replacing(span, near),
    )


def _nearest_statement(word: str, context: SyntaxContext) -> str | None:
    return nearest(word, sorted(facts().heads[context.dialect])) if len(word) >= _SHORTEST_MISSPELT else None


def wrong_start(context: SyntaxContext) -> Diagnostic | None:
    """Find a line that begins with something no statement begins with."""
    if context.tokens:
        return None
    bad, span = str(context.bad), context.bad_span
    message = f"{describe(context.bad)} begins no statement"
    if (comment := next((mark for mark in (";", "//", "/*") if context.rest_text.startswith(mark)), None)) is not None:
        span = Span(context.source, span.start, span.start + len(comment))
        return SYNTAX_ERROR.at(
            span, "comments begin with `#`", label="begins no comment here", fix=Fix.replacing(span, "#")
        )
    if bad == "{":
        help_text = "put the `{` on the line of the statement that the list belongs to"
        return SYNTAX_ERROR.at(span, message, help=help_text)
    if found := renamed_statement(bad, span, context.dialect):
        return found
    if context.bad.type == "STRAY":
        return None
    near = _nearest_statement(bad, context)
    if near and not context.is_orphan:
        return _did_you_mean(span, message, near)
    return SYNTAX_ERROR.at(span, message, label="an option?", help=_continuation_help(context, span))


def _continuation_help(context: SyntaxContext, span: Span) -> str:
    """Tell what the line before lacks, if the one of *span* is indented as if it continued it."""
    start = context.source.text.rfind("\n", 0, span.start)
    if start == span.start - 1:
        return ""
    before = context.source.text.rfind("\n", 0, max(0, start)) + 1
    comment = next((token for token in tokens_of(context.source.text, before, start) if token.kind == "COMMENT"), None)
    if comment is not None and comment.start > before:
        first, last = (Span(context.source, at, at + 1).written().span for at in (before, comment.start))
        if first.source.position(first.start).line < last.source.position(last.start).line:
            return "a comment among continued lines ends them: put it above the statement"
    return "a line that goes on needs a backslash at the end of the one before"


def second_statement(context: SyntaxContext) -> Diagnostic | None:
    """Find a statement that begins where the one before should have ended."""
    bad = str(context.bad)
    if not context.tokens or "_NL" not in context.expected_terminals or bad not in facts().heads[context.dialect]:
        return None
    message = f"a second statement on one line: `{bad}`"
    return SYNTAX_ERROR.at(context.bad_span, message, help="begin a new line before it")


def line_too_short(context: SyntaxContext) -> Diagnostic | None:
    """Find a line that ends where more is wanted."""
    if context.bad.type not in {"_NL", "$END"} or context.previous is None:
        return None
    if context.continuation is not None:
        end = Span(context.source, context.bad.start_pos or 0, context.bad.start_pos or 0)
        has_comment = "#" in context.source.text[context.bad_span.end : end.end]
        return SYNTAX_ERROR.at(
            context.bad_span,
            "this line goes on without a backslash at its end",
            label="a newline ends the statement",
            help="write a backslash before the newline" + (", and the comment elsewhere" if has_comment else ""),
            fix=None if has_comment else Fix.replacing(end, " \\"),
        )
    if context.words == [">"]:
        return SYNTAX_ERROR.at(
            context.bad_span, "a `<` without its `>`", label="here?", fix=Fix.replacing(context.bad_span, ">")
        )
    return SYNTAX_ERROR.at(
        context.bad_span,
        f"expected {expectation(context)} after `{context.previous.text}`, found the end of the line",
        label="more is wanted here",
        notes=alternatives(context),
    )
