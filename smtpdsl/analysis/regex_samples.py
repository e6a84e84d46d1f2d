r"""Texts that a regular expression matches, to have somebody to show.

    ^mx[0-9]+\.(org|net)$        mx0.org   mx0.net

A few for each expression: every alternative once, every repeat as rarely as it may be and
once more.  They are guesses; whoever uses one asks the expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import islice, product
from typing import Any

from smtpdsl.ir.regex import RegexError
from smtpdsl.ir.regex_syntax import Dialect, translate

_MOST = 24
_WORD = "a"


def samples(pattern: str) -> list[str]:
    """Return texts that *pattern* probably matches; none for one that cannot be read."""
    # The tree that Python's engine compiles; there is no public way to it.
    parser: Any = import_module("re._parser")
    try:
        tree = parser.parse(translate(pattern, Dialect.PYTHON))
    except (RegexError, parser.error, RecursionError, OverflowError):
        return []
    return list(dict.fromkeys(islice(_sequence(tree), _MOST)))


def _sequence(items: Any) -> Iterator[str]:  # noqa: ANN401 - a tree of Python's engine
    # The product of what each item offers, of which the first ones differ in the last items.
    parts = [list(islice(_item(str(kind), argument), _MOST)) or [""] for kind, argument in items]
    return ("".join(each) for each in islice(product(*parts), _MOST))


def _item(kind: str, argument: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    match kind:
        case "LITERAL":
            yield chr(argument)
        case "NOT_LITERAL":
            yield _WORD if argument != ord(_WORD) else "b"
        case "ANY":
            yield _WORD
        case "IN":
            yield from _set(argument)
        case "BRANCH":
            for branch in argument[1]:
                yield from islice(_sequence(branch), 2)
        case "SUBPATTERN":
            yield from _sequence(argument[-1])
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inside = argument
            some = next(_sequence(inside), "")
            yield some * least
            if most > least:
                yield some * (least + 1)


def _set(items: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Yield a character of a bracket."""
    kinds = [(str(kind), argument) for kind, argument in items]
    if kinds[0][0] == "NEGATE":
        refused = {chr(number) for kind, argument in kinds[1:] for number in _numbers(kind, argument)}
        yield next((each for each in "ab1-x.z_@" if each not in refused), _WORD)
        return
    for kind, argument in kinds:
        yield from (chr(number) for number in islice(_numbers(kind, argument), 1))


def _numbers(kind: str, argument: Any) -> Iterator[int]:  # noqa: ANN401 - as above
    if kind == "LITERAL":
        yield argument
    elif kind == "RANGE":
        yield from range(argument[0], argument[1] + 1)
    elif kind == "CATEGORY":
        yield from map(ord, {"CATEGORY_DIGIT": "0123456789", "CATEGORY_SPACE": " \t"}.get(str(argument), "ab1"))
