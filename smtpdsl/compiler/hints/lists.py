"""Mistakes with braces, commas and pairs."""

from __future__ import annotations

import re

from smtpdsl.compiler.raw_tokens import tokens_of
from smtpdsl.compiler.syntax_errors import SyntaxContext, describe
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import Dialect

_FORMS = "write `{ a, b }` for a list, `{ a = b, c = d }` for pairs"
_SIGNS = frozenset({"=", "=>"})


def unclosed_brace(context: SyntaxContext) -> Diagnostic | None:
    """Find a list that goes on until the next statement."""
    brace, next_statement = context.open_brace, context.statement_in_braces
    if brace is None or next_statement is None:
        return None
    related: tuple[Related, ...] = ()
    if next_statement <= (context.bad.start_pos or 0) < len(context.source.text):
        word = next(tokens_of(context.source.text, next_statement))
        related = (Related(context.span(word), "the next statement begins here"),)
    elif context.bad.type != "$END":
        related = (Related(context.bad_span, f"{describe(context.bad)} cannot be in the list"),)
    return SYNTAX_ERROR.at(
        context.span(brace), "this `{` is never closed", label="opened here", related=related, help="write a `}`"
    )


def brace_on_next_line(context: SyntaxContext) -> Diagnostic | None:
    """Find a list that begins on the line after its statement."""
    if not context.list_is_on_next_line:
        return None
    return SYNTAX_ERROR.at(
        context.bad_span,
        "the list of this statement is on the next line",
        label="the statement ends here",
        help="put the `{` on this line; newlines may follow it",
    )


def stray_brace(context: SyntaxContext) -> Diagnostic | None:
    """Find a `}` or a `>` that closes nothing, and a `{` inside braces."""
    bad, span = str(context.bad), context.bad_span
    if bad == "}" and not context.has_open_brace:
        help_text = "remove it, or open the list with `{`"
        return SYNTAX_ERROR.at(span, "this `}` closes nothing", help=help_text)
    if bad == ">" and context.previous is not None and (not context.tokens or "<" not in context.line_before):
        name = context.previous.text
        return SYNTAX_ERROR.at(span, "this `>` closes nothing", help=f"a table is referred to as `<{name}>`")
    if bad == "{" and context.has_open_brace:
        return SYNTAX_ERROR.at(span, "braces do not nest", help=_FORMS)
    return None


def comma(context: SyntaxContext) -> Diagnostic | None:
    """Find commas too many, and braces around nothing."""
    if not context.has_open_brace or context.previous is None:
        return None
    before, bad = context.previous, str(context.bad)
    if bad == "}" and before.text == ",":
        span = context.span(before)
        fix = Fix.replacing(span, "", safe=True)
        return SYNTAX_ERROR.at(span, "comma after the last entry of a list", help="remove the comma", fix=fix)
    if bad == "}" and before.text == "{":
        span = context.span(before).to(context.bad_span)
        help_text = "a list needs an entry; the file of a table may be empty"
        return SYNTAX_ERROR.at(span, "empty braces", help=help_text)
    if bad != "," or "=" in context.words:
        return None
    fix = Fix.replacing(context.bad_span, "", safe=True)
    if before.text in {"{", ","}:
        help_text = "remove the comma" if before.text == "{" else "remove one of the commas"
        return SYNTAX_ERROR.at(context.bad_span, "comma without an entry before it", help=help_text, fix=fix)
    if not context.is_first_of_line:
        return None
    return SYNTAX_ERROR.at(
        context.bad_span,
        "comma at the beginning of a line",
        help="put the comma at the end of the line before; a newline alone separates entries too",
        fix=fix,
    )


def entries(context: SyntaxContext) -> Diagnostic | None:
    """Find a list that turns into a mapping, or the other way round."""
    if not context.has_open_brace or context.open_brace is None:
        return None
    inside = [token for token in context.tokens if token.start > context.open_brace.start and token.kind != "NL"]
    bad, span = str(context.bad), context.bad_span
    if bad in _SIGNS:
        return _misplaced_sign(context, [token.text for token in inside])
    if "=" in context.words and inside:
        last = inside[-1]
        return SYNTAX_ERROR.at(
            context.span(last),
            "an entry without a value in a list of pairs",
            label=f"expected `=`, found {describe(context.bad)}",
            help=f"write `{last.text.rstrip(':')} = value`",
        )
    if inside and inside[-1].text in _SIGNS and (bad in {",", "}"} or context.bad.type == "_NL"):
        return SYNTAX_ERROR.at(span, f"expected the value of this pair, found {describe(context.bad)}", label="value?")
    return None


def _misplaced_sign(context: SyntaxContext, inside: list[str]) -> Diagnostic:
    bad, span = str(context.bad), context.bad_span
    if not inside or inside[-1] == ",":
        message, help_text = "a pair without a key", _FORMS
    elif inside[-1] in _SIGNS:
        message, help_text = f"a doubled `{bad}`", "remove one of them"
    elif any(each in _SIGNS for each in inside[-2:]):
        message, help_text = "a second value in one pair", "quote a value that contains `=`, or begin a new pair"
    else:
        message, help_text = "a pair in a list of plain entries", _FORMS
    return SYNTAX_ERROR.at(span, message, help=help_text)


def values_without_braces(context: SyntaxContext) -> Diagnostic | None:
    """Find several values, with commas or not, where one stands or a list in braces."""
    if context.has_open_brace or len(context.tokens) < 2 or context.words == [","]:  # noqa: PLR2004 - a keyword, a value
        return None
    if context.words == ["{"] and context.bad.type == "STR":
        return _brace_them(context, context.bad_span)
    if str(context.bad) != ",":
        return None
    if context.dialect is Dialect.LEGACY and context.head in {"filter", "filterchain"}:
        fix = Fix.replacing(context.bad_span, "")
        return SYNTAX_ERROR.at(context.bad_span, "a comma in a chain", help="separate the names by blanks", fix=fix)
    return _one_each(context, context.tokens[-2].text) or _brace_them(context, context.span(context.tokens[-1]))


def _brace_them(context: SyntaxContext, first: Span) -> Diagnostic | None:
    values = re.compile(r"[^,{}<>]*?(?:[ \t]*,[ \t]*(?:\"[^\"\n]*\"|[^\s,{}<>]+))*").match(
        context.source.text, first.end
    )
    assert values is not None
    span = Span(context.source, first.start, values.end())
    return SYNTAX_ERROR.at(
        span,
        "a list without braces",
        label="needs braces",
        help=f"write `{{ {span.text} }}`",
        fix=Fix.replacing(span, f"{{ {span.text} }}"),
    )


def values_in_braces(context: SyntaxContext) -> Diagnostic | None:
    """Find a list in braces where there is one value, or commas alone."""
    if str(context.bad) != "{" or not context.tokens:
        return None
    if context.tokens[-1].text == "warn-interval":
        return SYNTAX_ERROR.at(context.bad_span, "a list without braces is wanted", help="write `1h, 2h`")
    return _one_each(context, context.tokens[-1].text)


def _one_each(context: SyntaxContext, keyword: str) -> Diagnostic | None:
    what = {"on": "interface", "port": "port"}.get(keyword) if context.head == "listen" else None
    if what is None:
        return None
    help_text = f"write a `listen` statement for each {what}"
    return SYNTAX_ERROR.at(context.bad_span, f"a listener has one {what}", label="a list?", help=help_text)


def colon_or_sign(context: SyntaxContext) -> Diagnostic | None:
    """Find `port = 25`, `table x = { … }`: a sign between things that follow each other."""
    if str(context.bad) not in {*_SIGNS, ":"} or context.has_open_brace or not context.tokens or context.words == ["="]:
        return None
    return SYNTAX_ERROR.at(
        context.bad_span,
        f"`{context.bad}` after `{context.tokens[-1].text}`",
        label="no sign stands here",
        help="remove it: an argument follows its keyword, and a list its name",
        fix=Fix.replacing(context.bad_span, "", safe=False),
    )
