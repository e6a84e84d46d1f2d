"""Which words a statement has, and what they are in it: read off the productions of the grammar.

    listen: "listen" "on" "socket" socket_option*       head    listen            begins the statement
    listen_option: "port" (NUM | STR | "smtp")          option  on, port          says what follows, or stands alone
                                                        value   socket, smtp      only directly after another keyword,
                                                                                  and nothing belongs to it

Both languages are taken together, for an editor sees lines and not always the whole file: a
word is coloured where its statement has it in either.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from smtpdsl.compiler.tables import facts, load_parser
from smtpdsl.ir.syntax import Dialect

_STATEMENT_RULES = {Dialect.MODERN: "_statement", Dialect.LEGACY: "_legacy_statement"}
# Symbols are spelt as in the grammar: rules and terminals by name, keywords and signs in quotes.
_ARGUMENTS = frozenset({"STR", "NUM", '"<"', '"{"'})
_NEGATION = '"!"'


class Statement(NamedTuple):
    """A statement and its words, each in one of the two groups, in order."""

    head: str
    dialects: tuple[Dialect, ...]
    """The languages that have it."""
    options: tuple[str, ...]
    values: tuple[str, ...]
    is_named: bool
    """Whether the head is followed by a name."""
    openings: tuple[str, ...]
    """The keywords that can follow the head, or its name."""


def statements() -> tuple[Statement, ...]:
    """Return the statements of both languages by their heads, in order."""
    found: dict[str, Statement] = {}
    for dialect in Dialect:
        for statement in _Productions(dialect).statements():
            known = found.get(statement.head)
            found[statement.head] = _merged(known, statement) if known else statement
    return tuple(found[head] for head in sorted(found))


def reserved_words(dialects: tuple[Dialect, ...]) -> frozenset[str]:
    """Return the keywords that are a name in none of *dialects*."""
    sets = [facts().never_names[dialect] for dialect in dialects]
    return sets[0].intersection(*sets[1:])


def _merged(one: Statement, other: Statement) -> Statement:
    """Put the words together; one that is an option in either language is an option."""
    options = {*one.options, *other.options}
    values = {*one.values, *other.values} - options
    return Statement(
        one.head,
        (*one.dialects, *other.dialects),
        tuple(sorted(options)),
        tuple(sorted(values)),
        one.is_named and other.is_named,
        tuple(sorted({*one.openings, *other.openings})),
    )


class _Productions:
    """The productions of one language without repetition signs, as Lark keeps them."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.rules: dict[str, list[tuple[str, ...]]] = {}
        literals = facts().words[dialect]
        for rule in load_parser(dialect, None).rules:
            names = [symbol.name for symbol in rule.expansion]
            symbols = tuple(f'"{literals[name]}"' if name in literals else name for name in names)
            # The one empty production is that of a text without lines, and the parts of a statement are never empty.
            if symbols:
                self.rules.setdefault(rule.origin.name, []).append(symbols)
        self.first = self._edge(0)
        self.last = self._edge(-1)

    def statements(self) -> list[Statement]:
        by_head: dict[str, list[tuple[str, ...]]] = {}
        for (rule,) in self.rules[_STATEMENT_RULES[self.dialect]]:
            for production in self.rules[rule]:
                if _is_keyword(production[0]):
                    by_head.setdefault(production[0], []).append(production)
        return [self._statement(head, productions) for head, productions in by_head.items()]

    def _statement(self, head: str, productions: list[tuple[str, ...]]) -> Statement:
        parts = [*productions, *self._parts(productions)]
        neighbours = {
            (left, right)
            for part in parts
            for one, other in pairwise(part)
            for left in _edge_of(one, self.last)
            for right in _edge_of(other, self.first)
        }
        words = {right for _, right in neighbours if _is_keyword(right)}
        endings = {part[-1] for part in parts}
        values = {word for word in words & endings if self._is_value(word, head, neighbours)}
        follow = [production[1:] for production in productions]
        is_named = all(rest[0] == "STR" for rest in follow)
        openings = {
            first for rest in follow for symbol in rest[is_named:][:1] for first in _edge_of(symbol, self.first)
        }
        return Statement(
            head.strip('"'), (self.dialect,), _words(words - values), _words(values), is_named, _words(openings)
        )

    def _is_value(self, word: str, head: str, neighbours: set[tuple[str, str]]) -> bool:
        before = {left for left, right in neighbours if right == word} - {_NEGATION}
        after = {right for left, right in neighbours if left == word}
        follows_keywords = all(_is_keyword(left) and left != head for left in before)
        return bool(before) and follows_keywords and not after & _ARGUMENTS

    def _parts(self, productions: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return the productions of all rules that *productions* are made of."""
        found: dict[str, list[tuple[str, ...]]] = {}
        waiting = [symbol for production in productions for symbol in production]
        while waiting:
            symbol = waiting.pop()
            if symbol in self.rules and symbol not in found:
                found[symbol] = self.rules[symbol]
                waiting.extend(inner for production in found[symbol] for inner in production)
        return [production for rule in found.values() for production in rule]

    def _edge(self, index: int) -> dict[str, set[str]]:
        """Return what each rule can begin (0) or end (-1) with."""
        edges: dict[str, set[str]] = {rule: set() for rule in self.rules}
        is_changing = True
        while is_changing:
            is_changing = False
            for rule, productions in self.rules.items():
                for production in productions:
                    more = _edge_of(production[index], edges) - edges[rule]
                    edges[rule] |= more
                    is_changing |= bool(more)
        return edges


def _edge_of(symbol: str, edges: dict[str, set[str]]) -> set[str]:
    """Return what *symbol* begins or ends with: itself, unless it is a rule."""
    return edges.get(symbol, {symbol})


def _is_keyword(symbol: str) -> bool:
    return symbol[0] == '"' and symbol[1].isalpha()


def _words(symbols: Iterable[str]) -> tuple[str, ...]:
    """Return the keywords among *symbols*, in order and without their quotes."""
    return tuple(sorted(symbol.strip('"') for symbol in symbols if _is_keyword(symbol)))
