"""Texts that are made from the grammar, and texts that were, before something befell them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from lark.grammar import Symbol

from smtpdsl.compiler.tables import facts, lexicon, load_parser
from smtpdsl.ir import syntax
from smtpdsl.ir.printing import print_statement
from smtpdsl.ir.syntax import Dialect, Word
from tests.properties.parts import NAMES, SPAN, numbers, words


class _Expansion(NamedTuple):
    symbols: tuple[Symbol, ...]
    height: int
    """How many rules deep its smallest derivation is."""


# hypothesis.extra.lark draws from a grammar too, but glues the tokens together.
@functools.cache
def _expansions(dialect: Dialect) -> Mapping[str, list[_Expansion]]:
    """Return the expansions of each rule, without those that contain what no text matches."""
    rules = [rule for rule in load_parser(dialect, None).rules if all(each.name != "NEVER" for each in rule.expansion)]
    heights: dict[str, int] = {}
    for _ in rules:
        for rule in rules:
            below = [0 if each.is_term else heights.get(each.name) for each in rule.expansion]
            if None not in below:
                height = 1 + max((each or 0 for each in below), default=0)
                heights[rule.origin.name] = min(height, heights.get(rule.origin.name, height))
    found: dict[str, list[_Expansion]] = {}
    for rule in rules:
        if all(each.is_term or each.name in heights for each in rule.expansion):
            height = 1 + max((0 if each.is_term else heights[each.name] for each in rule.expansion), default=0)
            found.setdefault(str(rule.origin.name), []).append(_Expansion(tuple(rule.expansion), height))
    return found


@functools.cache
def _written_words(dialect: Dialect) -> SearchStrategy[str]:
    """Draw a word as a file has it: bare, or in quotes of either kind."""

    def write(word: Word, *, in_single_quotes: bool) -> str:
        written = print_statement(syntax.Include(span=SPAN, path=word), lexicon(dialect)).removeprefix("include ")
        plain = not set("'\"\\") & set(word.text)
        return f"'{word.text}'" if in_single_quotes and plain else written

    return st.builds(write, words(), in_single_quotes=st.booleans())


@st.composite
def grammar_tokens(draw: DrawFn, dialect: Dialect) -> list[str]:
    """Draw the tokens of one statement."""
    expansions, literals = _expansions(dialect), facts().words[dialect]
    tokens: list[str] = []

    def derive(symbol: Symbol, depth: int) -> None:
        if symbol.name == "macro":
            # A value is text that is read again: half a quote in it is an error of its own, like a blank in a name.
            name, value = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES))
            tokens.extend([f'"{name}"', "=", f'"{value}"'])
        elif not symbol.is_term:
            choices = expansions[symbol.name]
            least = min(each.height for each in choices)
            possible = [each for each in choices if each.height == least or each.height < depth]
            for each in draw(st.sampled_from(possible)).symbols:
                derive(each, depth - 1)
        elif symbol.name == "STR":
            tokens.append(draw(_written_words(dialect)))
        elif symbol.name == "NUM":
            tokens.append(str(draw(numbers()).value))
        else:
            tokens.append(literals[symbol.name])

    start = "_statement" if dialect is Dialect.MODERN else "_legacy_statement"
    statements = [each for each in expansions[start] if each.symbols[0].name in expansions]
    for each in draw(st.sampled_from(statements)).symbols:
        derive(each, 12)
    return tokens


@functools.cache
def grammar_texts(dialect: Dialect) -> SearchStrategy[str]:
    """Draw a text that the grammar of *dialect* derives."""
    lines = grammar_tokens(dialect).map(" ".join)
    return st.lists(lines, max_size=5).map(lambda drawn: "".join(f"{line}\n" for line in drawn))


_DEBRIS = [
    "$",
    "$m",
    "m = ",
    "{",
    "}",
    "<",
    ">",
    '"',
    "'",
    "\\",
    "\\\n",
    "#",
    "\n",
    ",",
    "!",
    "=",
    "\t",
    "\r",
    "é",
    "0",
]


@st.composite
def damaged_texts(draw: DrawFn, dialect: Dialect) -> str:
    """Draw a text like those of the grammar, in which tokens are missing, doubled or strewn in."""
    lines = draw(st.lists(grammar_tokens(dialect), min_size=1, max_size=4))
    tokens = [token for line in lines for token in [*line, "\n"]]
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(tokens)))
        dropped = draw(st.integers(0, 2))
        debris = draw(st.lists(st.sampled_from(_DEBRIS) | _written_words(dialect), max_size=2))
        tokens[place : place + dropped] = debris
    return draw(st.sampled_from([" ", ""])).join(tokens) if draw(st.booleans()) else " ".join(tokens)
