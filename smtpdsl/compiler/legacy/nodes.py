"""The small parts that translated statements are made of."""

from __future__ import annotations

from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Option, Word


def head_span(rule: syntax.LegacyRule) -> Span:
    """Return the place of the word `accept` or `reject`, where everything implied is shown."""
    start = rule.span.start
    return Span(rule.span.source, start, start + len("accept" if rule.accepts else "reject"))


def option(keyword: str, span: Span, argument: syntax.Argument | None = None, modifier: str | None = None) -> Option:
    """Return an option that stands for the words at *span*."""
    return Option(span=span, keyword=keyword, argument=argument, modifier=modifier, keyword_span=span)


def list_of_one(word: Word) -> syntax.InlineList:
    """Return *word* as the table that it is where a table is asked for."""
    return syntax.InlineList(span=word.span, entries=(word,))


def word_argument(given: Option) -> Word:
    """Return the argument of an option to which the grammar gives a word."""
    assert isinstance(given.argument, Word)
    return given.argument
