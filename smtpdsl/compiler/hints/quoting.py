"""Words that need quotes: keywords, numbers and signs where a word is wanted.

In the value of a macro the quotes are needed twice: `x = '"/etc/y"'` puts a quoted
string in the place of `$x`, and `x = "/etc/y"` a bare path, which is an error.
"""

from __future__ import annotations

import re

from smtpdsl.compiler.syntax_errors import SyntaxContext
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import quote

# Where a message or a command is wanted, the rest of the line is probably a part of it.
_TEXTS = frozenset({"reject", "disconnect", "rewrite", "report", "mda", "proc-exec"})
METHODS = frozenset({"mbox", "maildir", "lmtp", "mda", "forward-only", "expand-only", "relay"})
_BEFORE_TIMES = frozenset({"ttl", "warn-interval", "retry-after", "expire", "bounce-warn"})
_SIGNS = frozenset({"{", "}", ",", "=", "=>", ">", "!"})


def chunk(context: SyntaxContext) -> Span:
    """Return the text from the bad token on that was meant as one word."""
    found = re.compile(r"[^\s{},<>=#()!]+").match(context.source.text, context.bad_span.start)
    return Span(context.source, context.bad_span.start, found.end() if found else context.bad_span.end)


def needs_quotes(context: SyntaxContext, message: str, introduction: str = "write", *, safe: bool = True) -> Diagnostic:
    """Report that the word at the bad token has to be quoted; *safe* says that nothing else can be meant."""
    span = chunk(context)
    if context.macro_value is not None:
        return _in_macro(span, message)
    if context.previous is not None and context.previous.text in _TEXTS and (text := context.rest_text) != span.text:
        return SYNTAX_ERROR.at(
            Span(context.source, span.start, span.start + len(text)),
            "a text of several words needs quotes",
            label="needs quotes around all of it",
            help=f"write {quote(text)}",
        )
    quoted = quote(span.text)
    return SYNTAX_ERROR.at(
        span, message, label="needs quotes", help=f"{introduction} {quoted}", fix=Fix.replacing(span, quoted, safe=safe)
    )


def _in_macro(span: Span, message: str) -> Diagnostic:
    """Report a word from the value of a macro that needs quotes of its own."""
    value = span.written().through[0]
    name = re.search(r"`(\w+)`", value.note)
    text, fix = value.span.source.text, None
    around = Span(value.span.source, max(0, value.span.start - 1), value.span.end + 1)
    quoted = f"'{quote(span.text)}'"
    if name is None or value.span.text != span.text:
        help_text = "a text that a macro is a part of cannot be quoted: write it out where it is used"
    elif around.text in {f'"{span.text}"', f"'{span.text}'"}:
        help_text = f"the value needs quotes of its own: write `{name[1]} = {quoted}`"
        fix = Fix.replacing(around, quoted)
    elif text == span.text:
        help_text = f"the value needs quotes of its own: write `-D {name[1]}={quoted}`"
    else:
        help_text = f"write {quote(span.text)} in the value of the macro, and that in single quotes"
    return SYNTAX_ERROR.at(span, message, label="needs quotes", help=help_text, fix=fix)


def word_needs_quotes(context: SyntaxContext) -> Diagnostic | None:
    """Find keywords and numbers where a word is wanted."""
    bad = context.bad
    if not context.wants_word or bad.type in {"_NL", "$END", "STR", "STRAY"} or str(bad) in _SIGNS:
        return None
    if str(bad) == "<":
        return _angle_brackets(context)
    if bad.type == "NUM":
        return _number(context)
    return _keyword(context, str(bad))


def _keyword(context: SyntaxContext, keyword: str) -> Diagnostic:
    """Find a keyword where a name is wanted: is it the name, or is the name missing?"""
    if keyword == "include" and context.has_open_brace:
        help_text = "put the entries into a file, and declare it: `table name file:/path`"
        return SYNTAX_ERROR.at(context.bad_span, "`include` has no meaning in braces", help=help_text)
    following = [token.text for token in context.rest[1:2]]
    if context.head == "action" and len(context.tokens) == 1 and not METHODS.intersection(following):
        if keyword in METHODS:
            return SYNTAX_ERROR.at(
                context.bad_span,
                f"`{keyword}` where the name of the action is wanted",
                label="the name is missing",
                help=f'write `action "name" {keyword} …`',
            )
    elif context.head == "match" and keyword == "reject" and context.previous and context.previous.text == "action":
        return SYNTAX_ERROR.at(
            context.bad_span,
            "`reject` is no action: it stands in the place of one",
            label="remove the word `action` before it",
            help="write `match … reject`",
        )
    elif context.head == "match" and keyword in METHODS:
        return SYNTAX_ERROR.at(
            context.bad_span,
            f"`{keyword}` where the name of an action is wanted",
            label="needs quotes if that is the name",
            help=f'declare `action "name" {keyword} …`, and write `action "name"` here',
        )
    message = f"the keyword `{keyword}` stands where a name is wanted"
    return needs_quotes(context, message, "if that is the name, write", safe=False)


def _number(context: SyntaxContext) -> Diagnostic:
    number, span = str(context.bad), context.bad_span
    is_for_times = any(each.text in _BEFORE_TIMES for each in context.tokens)
    if is_for_times and context.previous and context.previous.text != "domain":
        help_text = f"write `{number}s`, `{number}m`, `{number}h` or `{number}d`"
        return SYNTAX_ERROR.at(span, f"a time without its unit: {number}", label="seconds? days?", help=help_text)
    return needs_quotes(context, f"a number where a word is wanted: {chunk(context).text}", "quote the digits: write")


def _angle_brackets(context: SyntaxContext) -> Diagnostic:
    inside = re.match(r"<([^<>\n]*)>", context.rest_text)
    if inside is None:
        return SYNTAX_ERROR.at(context.bad_span, "a `<` without its `>`", help="a table is referred to as `<name>`")
    span = Span(context.source, context.bad_span.start, context.bad_span.start + inside.end())
    name, keyword = inside[1].strip(), context.tokens[-1].text
    bare = name if re.fullmatch(r"[\w:][\w.:@-]*", name, re.ASCII) else quote(name)
    is_placeholder = " " in name or name.isupper() or "." in name
    help_text = f"write `{keyword} {bare}`"
    if is_placeholder:
        help_text = "write the value itself: a placeholder of a guide is replaced with its brackets"
    is_declaration = len(context.tokens) == 1 and context.head != "match"
    message = "a name is declared without `<` and `>`" if is_declaration else "no table can stand here"
    fix = None if is_placeholder else Fix.replacing(span, bare)
    return SYNTAX_ERROR.at(span, f"{message}: {inside[0]}", label="refers to a table", help=help_text, fix=fix)
