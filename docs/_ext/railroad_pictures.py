"""Forms of statements as railroad pictures: the one module that knows the library that draws them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, assert_never

import railroad

from smtpdsl.tooling.syntax.expressions import (
    Argument,
    Choice,
    Expression,
    Many,
    Maybe,
    Part,
    Reference,
    Row,
    Series,
    Sign,
)
from smtpdsl.tooling.syntax.names import PARTS

# Many short options below each other are found by how they begin.
railroad.INTERNAL_ALIGNMENT = "left"


def picture(forms: Iterable[Expression], label: str) -> str:
    """Return the SVG of *forms*, one below the other; *label* is what it says to who cannot see it."""
    diagram = railroad.Diagram(railroad.Choice(0, *map(_drawn, forms)), type="simple")
    diagram.attrs |= {"role": "img", "aria-label": label}
    svg = io.StringIO()
    diagram.writeSvg(svg.write)
    return svg.getvalue()


def _drawn(expression: Expression) -> Any:  # noqa: ANN401 - the library has no types
    match expression:
        case Sign(text=text):
            return railroad.Terminal(text)
        case Argument(name=name) | Reference(name=name):
            return railroad.NonTerminal(name)
        case Part(rule=rule):
            return railroad.NonTerminal(PARTS[rule], cls="part")
        case Row(parts=parts):
            return railroad.Sequence(*map(_drawn, parts))
        case Choice(options=options):
            return railroad.Choice(0, *map(_drawn, options))
        case Maybe(inner=inner):
            return railroad.Optional(_drawn(inner))
        case Many(inner=inner, is_needed=is_needed):
            repeated = railroad.OneOrMore(_drawn(inner))
            return repeated if is_needed else railroad.Optional(repeated)
        case Series(inner=inner):
            return railroad.OneOrMore(_drawn(inner), railroad.Terminal(","))
    assert_never(expression)
