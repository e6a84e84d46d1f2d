"""What our own lexer says about each character of a file as it is written, for tests of highlighters.

    listen on $if tls   # a comment
    kkkkkk kk mmm kkk   ccccccccccc      one kind a character; blanks have none

A keyword is what the parser took for one, in the language of the whole file and in its place
of the statement.  Macros stand in the way: what is in a value is a string where it is written,
and a reference where it is used.  What follows a syntax error is `UNKNOWN`, except for
strings, comments and references.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken

from smtpdsl.compiler.dialect import detect_dialect
from smtpdsl.compiler.expand import expand
from smtpdsl.compiler.raw_tokens import token_pattern
from smtpdsl.compiler.tables import facts, load_parser
from smtpdsl.compiler.world import Machine
from smtpdsl.compiler.written import join_lines
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.quantity import QuantityError, parse_size, parse_time
from smtpdsl.ir.syntax import Dialect

COMMENT, STRING, REFERENCE = "comment", "string", "reference"
KEYWORD, TABLE, NUMBER, DEFINITION = "keyword", "table", "number", "definition"
PLAIN, UNKNOWN, RESERVED = "plain", "unknown", "reserved"

_WRITTEN_KINDS = {"COMMENT": COMMENT, "QUOTED": STRING, "REFERENCE": REFERENCE}

Kinds = list[str]
"""The kind of each character."""


class Marked(NamedTuple):
    """A stretch of a file and what it is."""

    start: int
    end: int
    kind: str


@cache
def own_kinds(name: str, text: str) -> Kinds:
    """Return what each character of *text* is."""
    kinds = [PLAIN] * len(text)
    source = Source(name, text)
    for start, end, kind in (*_parsed(source), *_written(source)):
        kinds[start:end] = [kind] * (end - start)
    return kinds


def _written(source: Source) -> Iterator[Marked]:
    """Yield comments, strings and references, which are seen before macros are in place."""
    joined = join_lines(source, Report())
    for found in token_pattern().finditer(joined.text):
        kind = _WRITTEN_KINDS.get(found.lastgroup or "")
        if kind is not None:
            written = Span(joined, found.start(), found.end()).written().span
            yield Marked(written.start, written.end, kind)


def _parsed(source: Source) -> Iterator[Marked]:
    """Yield what the parser saw, where that is written in *source* itself."""
    text = expand(source, Machine(static=True), Report())
    assert text is not None
    dialect = detect_dialect(text, Report())
    for start, end in pairwise([*text.heads, len(text.source.text)]):
        for found in _statement(text.source.text, start, end, dialect):
            yield from _where_written(text.source, found, source)


def _where_written(made: Source, found: Marked, file: Source) -> Iterator[Marked]:
    """Yield *found* where *file* has it; what stands for a reference is not written there."""
    # An error spans what comes from the file and what does not.
    step = 1 if found.kind == UNKNOWN else found.end - found.start
    for start in range(found.start, found.end, step):
        written = Span(made, start, start + step).written()
        if written.span.source is file and not written.through:
            yield Marked(written.span.start, written.span.end, found.kind)


def _statement(text: str, start: int, end: int, dialect: Dialect | None) -> Iterator[Marked]:
    """Yield the tokens of one statement that are more than a word; what cannot be parsed is unknown."""
    if dialect is None:
        yield Marked(start, end, UNKNOWN)
        return
    tokens: list[Token] = []
    try:
        for token in _parser(dialect).parse_interactive(text[start:end]).iter_parse():
            tokens.append(token)  # noqa: PERF402 - those before an error are wanted too
    except UnexpectedToken:
        yield Marked(start + (tokens.pop().start_pos or 0), end, UNKNOWN)
    except UnexpectedCharacters as error:
        yield Marked(start + (error.pos_in_stream or 0), end, UNKNOWN)
    for index, token in enumerate(tokens):
        before = tokens[index - 1].type if index else ""
        following = tokens[index + 1].type if index + 1 < len(tokens) else ""
        if kind := _kind(token, before, following, is_first=index == 0, dialect=dialect):
            yield Marked(start + (token.start_pos or 0), start + (token.end_pos or 0), kind)


@cache
def _parser(dialect: Dialect) -> Lark:
    return load_parser(dialect, None)


def _kind(token: Token, before: str, following: str, *, is_first: bool, dialect: Dialect) -> str | None:
    if token.type in {"LESSTHAN", "MORETHAN"} or before == "LESSTHAN":
        return TABLE
    if is_first and following == "EQUAL":
        return DEFINITION
    if facts().words[dialect].get(token.type, "")[:1].isalpha():
        return KEYWORD
    return NUMBER if token.type == "NUM" or (token.type == "STR" and is_quantity(token)) else None


def is_quantity(word: str) -> bool:
    """Whether *word* is a size or a time with a unit, which is a number to the reader and a word to the grammar."""
    if not word[-1].isalpha():
        return False
    for parse in (parse_size, parse_time):
        try:
            parse(word)
        except QuantityError:
            continue
        return True
    return False
