"""Quotes that are never closed: where the author meant them to end.

A quoted string may go on over lines, so a quote that is forgotten eats everything up
to the next one.  What it eats tells it from a string that was meant to be long: a
line that begins like a statement, or the name of a macro right before the quote that
seems to close it.

    action "in mbox                             opened here, and never closed
    match from any for local action "in"        not a part of the string
"""

from __future__ import annotations

import re
from functools import cache

from smtpdsl.compiler.raw_tokens import statement_heads
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.span import Span


@cache
def _resumption() -> re.Pattern[str]:
    """A newline and the beginning of a statement or of a macro's definition."""
    heads = "|".join(sorted(map(re.escape, statement_heads())))
    return re.compile(rf"(?<!\\)\n(?:[ \t]*(?:{heads})(?=[ \t\n]|\Z)|\w+[ \t]*=[ \t]*(?=[\"'$\w]))")


def swallows_a_statement(text: str, start: int, end: int) -> bool:
    """Whether the quoted ``text[start:end]`` contains a line that was meant as a statement.

    A raw newline in quotes is dropped without leaving a blank, so nobody writes an unindented
    line there on purpose that looks like one.
    """
    position = start
    while (found := _resumption().search(text, position, end)) is not None:
        is_indented = text[found.start() + 1] in " \t"
        # A string may hold the lines of a mapping, `key = value`, but none ends with the sign.
        is_entry = "=" in found.group() and found.end() < end - 1
        if not is_indented and not is_entry:
            return True
        position = found.end()
    return False


def end_of_broken_quote(text: str, start: int) -> int:
    """Where the statement ends whose quote at *start* is never closed: the newline before the next statement."""
    following = _resumption().search(text, start)
    return following.start() if following else len(text.rstrip("\n"))


def never_closed(span: Span) -> Diagnostic:
    """Report the quote at *span*."""
    return SYNTAX_ERROR.at(
        span,
        "this quote is never closed",
        label="opened here",
        help="close it on the same line, or write a backslash before the newline that it should span",
    )
