"""`grammar.lark` as productions, before Lark takes it to pieces for its parser.

    maildir: "maildir" STR? "junk"?

Lark ships a grammar of its own language; this module reads ours with it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from lark import Lark, Tree

from smtpdsl.compiler.tables import GRAMMAR
from smtpdsl.tooling.syntax.expressions import (
    Expression,
    Reference,
    Row,
    Sign,
    choice,
    many,
    maybe,
    row,
)

Rules: TypeAlias = Mapping[str, Expression]


@cache
def grammar() -> Rules:
    """Return the rules of the whole language, both generations, by name; terminals are only referred to."""
    return read_grammar(Path(GRAMMAR).read_text(encoding="utf-8"))


def read_grammar(text: str) -> Rules:
    """Return the rules of the grammar *text*."""
    lark = Lark.open_from_package("lark", "lark.lark", ["grammars"], parser="lalr", maybe_placeholders=False)
    rules = (tree for tree in lark.parse(text).children if isinstance(tree, Tree) and tree.data == "rule")
    return dict(_rule(tree) for tree in rules)


def _rule(tree: Tree[Any]) -> tuple[str, Expression]:
    name, body = str(tree.children[0]).lstrip("!?"), tree.children[-1]
    options = body.children if isinstance(body, Tree) and body.data == "expansions" else [body]
    return name, _unrolled(name, [_expression(each) for each in options])


def _unrolled(name: str, options: list[Expression]) -> Expression:
    """Turn left recursion, ``A: X | A Y``, into the repetition that it stands for."""
    again = [_rest(each) for each in options if _begins_with(each, name)]
    first = [each for each in options if not _begins_with(each, name)]
    return row([choice(first), many(choice(again))]) if again else choice(first)


def _begins_with(expression: Expression, name: str) -> bool:
    return isinstance(expression, Row) and expression.parts[:1] == (Reference(name=name),)


def _rest(expression: Expression) -> Expression:
    assert isinstance(expression, Row)
    return row(expression.parts[1:])


def _expression(node: Any) -> Expression:  # noqa: ANN401 - a node of Lark's tree
    assert isinstance(node, Tree), "tokens stand inside of literals and names"
    children = node.children
    match str(node.data):
        case "expansions":
            return choice(map(_expression, children))
        case "expansion":
            return row(map(_expression, children))
        case "alias":
            # The name of a production is for the tree that is built from it.
            return _expression(children[0])
        case "literal":
            return Sign(text=ast.literal_eval(str(children[0])))
        case "name":
            return Reference(name=str(children[0]))
        case "expr":
            inner, operator = children
            return _repeated(_expression(inner), str(operator))
    message = f"the grammar of the language uses no {node.data}"
    raise NotImplementedError(message)


def _repeated(inner: Expression, operator: str) -> Expression:
    match operator:
        case "?":
            return maybe(inner)
        case "*":
            return many(inner)
        case "+":
            return many(inner, is_needed=True)
    message = f"the grammar of the language repeats nothing by {operator}"
    raise NotImplementedError(message)
