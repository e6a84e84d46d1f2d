"""A text cut into tokens by somebody who has to do with whatever is wrong in it: where `secrets` looks.

queue encryption "0123 # no quote that closes      a quote ends with its line at the latest
auth { work = "ann:secret", home "ben:secret"      an entry is a word and what follows it, with or without `=`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from smtpdsl.diagnostics.suggest import nearest

# Quotes of several lines, unless the next one is a statement.
_TOKEN = re.compile(
    r"""
    (?P<blank>(?:[ \t]|\\\n)+)
    | (?P<end>\n)
    | (?P<quoted>"(?:[^"\\\n]|\\[\s\S]|\n(?!\s*[a-z-]+[ \t]))*" | '(?:[^'\\\n]|\\[\s\S]|\n(?!\s*[a-z-]+[ \t]))*'
        | ["'][^\n]*)
    | (?P<comment>\#[^\n]*)
    | (?P<macro>\$\w*)
    | (?P<sign>=>|[{}=,<>])
    | (?P<word>(?:\\\n|[^\s"'\#{}=,<>])+)
    | (?P<other>[\s\S])
    """,
    re.VERBOSE,
)


@lru_cache
def is_like(word: str, *known: str) -> bool:
    """Whether *word* is one of the *known* ones, or was meant to be."""
    return nearest(word, known) is not None


def rest_of_statement(text: str, start: int) -> Iterator[re.Match[str]]:
    """Yield the tokens from *start* to the end of the line, and what is quoted in a comment there."""
    for token in _tokens(text, start):
        if token.lastgroup == "end":
            return
        if token.lastgroup == "comment":
            inner = _tokens(text, token.start() + 1, token.end())
            yield from (each for each in inner if each.lastgroup == "quoted")
            return
        yield token


def values(text: str, start: int, end: int | None = None) -> Iterator[re.Match[str]]:
    """Yield what is not the first word of an entry, or cannot be a key, up to the brace that closes the list."""
    is_key = True
    before = ""
    for token in _tokens(text, start, end):
        sign = token.group() if token.lastgroup == "sign" else ""
        if sign in {"{", "}"}:
            # A list has no list in it: whoever opens one has not closed the other.
            return
        if sign == "," or (token.lastgroup == "end" and before not in {"=", "=>"}):
            is_key = True
        elif token.lastgroup == "comment":
            yield from values(text, token.start() + 1, token.end())
        elif token.lastgroup in {"quoted", "word", "macro"}:
            if not is_key or ":" in token.group():
                yield token
            is_key = False
        if token.lastgroup != "end":
            before = sign


def _tokens(text: str, start: int, end: int | None = None) -> Iterator[re.Match[str]]:
    """Yield the tokens of *text* from *start* on, without blanks."""
    found = _TOKEN.finditer(text, start, len(text) if end is None else end)
    return (token for token in found if token.lastgroup != "blank")
