"""The global `expire`, which up to 6.3 holds for the rules below it, and only for them.

    accept for local deliver to mbox       ->   … ttl 4d      the default, as nothing was said yet
    expire 7d                              ->   queue ttl 7d
    accept for any relay                   ->   …             what the queue says

The modern `queue ttl` holds for the whole file, wherever it stands, so only the last
`expire` becomes one.  Reports `unusable-value` for the others.
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.compiler.legacy.nodes import head_span
from smtpdsl.compiler.resolve.values import read_word
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir import syntax
from smtpdsl.ir.quantity import QuantityError, parse_time
from smtpdsl.ir.syntax import Word

_DEFAULT = "4d"


class Lifetimes(NamedTuple):
    """What becomes of `expire`, by the positions of statements."""

    of_rules: dict[int, Word]
    """The rules that need a `ttl` of their own."""
    replaced: frozenset[int]
    """The `expire` statements that live on in those rules, or not at all."""


def lifetimes(statements: tuple[syntax.Statement, ...], report: Report) -> Lifetimes:
    """Find the rules for which the last `expire` of the file is not the one that they knew."""
    values = {
        position: each.values[0]
        for position, each in enumerate(statements)
        if isinstance(each, syntax.Setting) and each.words == ("queue", "ttl") and isinstance(each.values[0], Word)
    }
    if not values:
        return Lifetimes({}, frozenset())
    last = max(values)
    final = _seconds(values[last])
    of_rules: dict[int, Word] = {}
    known: Word | None = None
    for position, statement in enumerate(statements[:last]):
        if position in values:
            known = values[position]
            read_word(known, parse_time, report)
        elif isinstance(statement, syntax.LegacyRule) and _asks_the_queue(statement):
            value = known or Word(span=head_span(statement), text=_DEFAULT)
            if _seconds(value) not in {final, None}:
                of_rules[position] = value
    return Lifetimes(of_rules, frozenset(values) - {last})


def _asks_the_queue(rule: syntax.LegacyRule) -> bool:
    return rule.accepts and all(trailer.keyword != "expire" for trailer in rule.trailers)


def _seconds(time: Word) -> int | None:
    """Return the seconds; None for what is reported as no time where it stands."""
    try:
        return parse_time(time.text)
    except QuantityError:
        return None
