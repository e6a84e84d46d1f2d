"""The lexical level of the grammar, as the passes before the parser need it.

Tokens here are words, quoted strings, comments, blanks, newlines and single signs;
keywords, numbers and braces mean nothing yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from smtpdsl.compiler.tables import facts


class RawToken(NamedTuple):
    """A piece of the text, as far as the lexical level tells it apart."""

    kind: str
    """``BLANK``, ``COMMENT``, ``QUOTED``, ``WORD``, ``REFERENCE`` (to a macro), ``NL`` or ``OTHER``."""
    text: str
    start: int
    end: int


@cache
def token_pattern() -> re.Pattern[str]:
    """Match one token of any text; the name of the group that matched is its kind."""
    patterns = facts().patterns
    kinds = ("BLANK", "COMMENT", "QUOTED", "WORD", "REFERENCE")
    return re.compile("|".join(f"(?P<{kind}>{patterns[kind]})" for kind in kinds) + r"|(?P<NL>\n)|(?P<OTHER>=>|.)")


def tokens_of(text: str, start: int = 0, end: int | None = None) -> Iterator[RawToken]:
    """Yield the tokens of an expanded *text*; a quote that is not closed is a token of one character."""
    position, end = start, len(text) if end is None else end
    token_at = token_pattern().match
    while position < end:
        found = token_at(text, position)
        assert found is not None
        kind, stop = found.lastgroup or "", found.end()
        if kind == "REFERENCE":
            # The text is expanded: a dollar sign that is left is a stray character.
            kind, stop = "OTHER", position + 1
        yield RawToken(kind, text[position:stop], position, stop)
        position = stop


@cache
def statement_heads() -> frozenset[str]:
    """Return the words that a statement of either dialect can begin with."""
    return frozenset[str]().union(*facts().heads.values())


@cache
def statement_start() -> re.Pattern[str]:
    """Match a word that begins a statement, with the argument that every such statement has.

    An indented `include` does not count: people expect it to work within a list.
    """
    heads = "|".join(sorted(map(re.escape, statement_heads() - {"include"})))
    return re.compile(rf"(?:{heads}|(?<![ \t])include)[ \t]+(?=[^\s,=}}#])")
