"""Characters that no word begins with, or that the language does not have at all."""

from __future__ import annotations

import re

from smtpdsl.compiler.hints.quoting import chunk, needs_quotes
from smtpdsl.compiler.syntax_errors import SyntaxContext
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import quote

_TYPOGRAPHIC = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2033\u2032"
# What a word may go on with; where the parser stopped at a letter that is not ASCII, the word began before it.
_WORD_BEFORE = re.compile(r"[^\s{},<>=#()!\"']*\Z")


def stray_character(context: SyntaxContext) -> Diagnostic | None:
    """Find a character that begins no token."""
    if context.bad.type != "STRAY":
        return None
    character = str(context.bad)
    if not character.isascii():
        return _not_ascii(context, character)
    if character in _ASCII:
        return SYNTAX_ERROR.at(context.bad_span, _ASCII[character][0], help=_ASCII[character][1])
    if not character.isprintable():
        message = f"a control character: U+{ord(character):04X}"
        return SYNTAX_ERROR.at(context.bad_span, message, help="remove it; only blanks and tabs separate words")
    return _sign(context, character)


_ASCII = {
    "$": ("the value of a macro is not searched for macros", "refer to the other macro where the text is used"),
    "\\": ("a stray backslash", "write the newline right after it, or quote it"),
    "\r": ("a carriage return within a line", "write the file with newlines alone"),
    "(": ("parentheses have no meaning here", "a list stands in braces: `{ a, b }`"),
    ")": ("parentheses have no meaning here", "a list stands in braces: `{ a, b }`"),
}


def _sign(context: SyntaxContext, character: str) -> Diagnostic | None:
    """Find a sign that a word may contain and not begin with."""
    span, rest = context.bad_span, context.rest_text
    if character == ";" and not rest.strip("; \t"):
        fix = Fix.replacing(span, "", safe=True)
        return SYNTAX_ERROR.at(
            span, "a semicolon at the end of a statement", help="remove it: a statement ends with its line", fix=fix
        )
    previous = context.previous.text if context.previous else ""
    if previous == "on" and character == "*":
        return SYNTAX_ERROR.at(span, "`*` is no address", help="write `0.0.0.0` for all of IPv4, `::` for all of IPv6")
    if character == "[":
        return _square_bracket(context, previous)
    if not context.tokens:
        return None
    if context.wants_word:
        return needs_quotes(context, f"a bare word cannot begin with `{character}`")
    backend = context.tokens[-1]
    is_backend = context.head == "table" and re.fullmatch(r"[\w-]+:?", backend.text) is not None
    if is_backend and len(context.tokens) == 3 and character == "/":  # noqa: PLR2004 - table, name, backend
        path = chunk(context)
        span = Span(context.source, backend.start, path.end)
        fixed = f"{backend.text.rstrip(':')}:{path.text}"
        return SYNTAX_ERROR.at(
            span, "backend and path are one word", help=f"write `{fixed}`", fix=Fix.replacing(span, fixed)
        )
    return None


def _square_bracket(context: SyntaxContext, previous: str) -> Diagnostic | None:
    inside = re.match(r"\[([^\]\n]*)\]", context.rest_text)
    if inside is None or not context.wants_word:
        return None
    span = Span(context.source, context.bad_span.start, context.bad_span.start + inside.end())
    if previous == "on":
        fix = Fix.replacing(span, inside[1], safe=True)
        message = "the address of a listener stands without brackets"
        return SYNTAX_ERROR.at(span, message, help=f"write `{inside[1]}`", fix=fix)
    if "," in inside[1] or " " in inside[1].strip():
        help_text = f"write `{{ {inside[1].strip()} }}`"
        return SYNTAX_ERROR.at(span, "a list stands in braces, not in brackets", help=help_text)
    return needs_quotes(context, "a bare word cannot begin with `[`")


def _not_ascii(context: SyntaxContext, character: str) -> Diagnostic:
    span, rest = context.bad_span, context.rest_text
    if character in _TYPOGRAPHIC:
        return _typographic_quote(context)
    if "\udc80" <= character <= "\udcff":
        octets = re.match("[\udc80-\udcff]+", rest)
        span = Span(context.source, span.start, span.start + (octets.end() if octets else 1))
        message = f"octets that are not UTF-8: {span.text.encode('utf-8', 'surrogateescape').hex(' ')}"
        return SYNTAX_ERROR.at(span, message, help="save the file as UTF-8, and quote the word")
    code = f"U+{ord(character):04X}"
    if character.isspace():
        return SYNTAX_ERROR.at(
            span,
            f"a blank that is none to this language: {code}",
            help="write an ordinary blank",
            fix=Fix.replacing(span, " ", safe=True),
        )
    if not character.isprintable():
        message = f"an invisible character: {code}"
        return SYNTAX_ERROR.at(span, message, help="remove it", fix=Fix.replacing(span, "", safe=True))
    before = _WORD_BEFORE.search(context.line_before)
    begun = len(before.group()) if before else 0
    word = Span(context.source, span.start - begun, chunk(context).end)
    if context.macro_value is not None or word.text[:1] in "\"'":
        return needs_quotes(context, f"a bare word holds ASCII characters only, and this is {code}")
    return SYNTAX_ERROR.at(
        word,
        f"a bare word holds ASCII characters only: `{character}`",
        label="needs quotes",
        help=f"write {quote(word.text)}",
        fix=Fix.replacing(word, quote(word.text), safe=True),
    )


def _typographic_quote(context: SyntaxContext) -> Diagnostic:
    closed = re.match(rf"[{_TYPOGRAPHIC}]([^{_TYPOGRAPHIC}\n]*)[{_TYPOGRAPHIC}]", context.rest_text)
    span = context.bad_span
    fix = None
    if closed is not None:
        span = Span(context.source, span.start, span.start + closed.end())
        fix = Fix.replacing(span, quote(closed[1]), safe=True)
    return SYNTAX_ERROR.at(
        span,
        "typographic quotation marks are no quotes",
        label="as a word processor writes them",
        help=f"write {quote(closed[1])}" if closed else 'write `"`',
        fix=fix,
    )
