"""`grammar.lark` as it is written."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.tables import facts
from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.syntax.expressions import Choice, Expression, Many, Maybe, Reference, Row, Sign
from smtpdsl.tooling.syntax.grammar import grammar, read_grammar


def _signs(expression: Expression) -> set[str]:
    match expression:
        case Sign(text=text):
            return {text}
        case Row(parts=inner) | Choice(options=inner):
            return set().union(*map(_signs, inner))
        case Maybe(inner=one) | Many(inner=one):
            return _signs(one)
    return set()


def test_no_keyword_is_lost() -> None:
    """The words of all rules are those of the parsers."""
    # The properties of `prove` are a language of their own, with a parser that is made when it is needed.
    rules = [rule for name, rule in grammar().items() if "property" not in name]
    found = {sign for rule in rules for sign in _signs(rule) if sign[0].isalpha()}

    assert found == facts().keywords[Dialect.MODERN] | facts().keywords[Dialect.LEGACY]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('x: "a" B? -> name', Row(parts=(Sign(text="a"), Maybe(inner=Reference(name="B"))))),
        ('x: "a" | "b"', Choice(options=(Sign(text="a"), Sign(text="b")))),
        ('x: ("a" | "b")+', Many(inner=Choice(options=(Sign(text="a"), Sign(text="b"))), is_needed=True)),
        ("x: B | x C", Row(parts=(Reference(name="B"), Many(inner=Reference(name="C"))))),
        (
            "x: B | x? C",
            Choice(options=(Reference(name="B"), Row(parts=(Maybe(inner=Reference(name="x")), Reference(name="C"))))),
        ),
        ("x: B | ", Maybe(inner=Reference(name="B"))),
    ],
)
def test_a_rule_is_read(rule: str, expected: Expression) -> None:
    """Names of productions are left out, and left recursion is the repetition that it stands for."""
    assert read_grammar(f"{rule}\n")["x"] == expected


def test_what_the_grammar_never_used_is_not_passed_over() -> None:
    """Whoever writes something new into it has to teach this module."""
    with pytest.raises(NotImplementedError):
        read_grammar('x: "a" ~ 3\n')
