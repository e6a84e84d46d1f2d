"""What to say about a reference to a macro that does not exist.

The parser never sees such a reference: its statement is discarded, and the next line is
read as if nothing had happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from smtpdsl.diagnostics.codes import UNDEFINED_MACRO
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest

# What is glued to a reference and was meant as a part of it.
_REST = r"[^\s{},<>=#()!\"']*"


def explain(reference: Span, names: Iterable[str], *, is_first: bool) -> Diagnostic:
    """Return the finding about *reference*; *is_first* says that this name was not met before."""
    source, end, name = reference.source, reference.end, reference.text[1:]
    if not name:
        return _sign_alone(reference, names)
    if name.isdigit() and source.text[end : end + 1] == "$":
        rest = re.compile(_REST).match(source.text, end)
        return UNDEFINED_MACRO.at(
            Span(source, reference.start, rest.end() if rest else end),
            f"`${name}` refers to a macro, and none is defined",
            label="a password hash?",
            help="put the hash in quotes",
        )
    if near := nearest(name, names):
        return UNDEFINED_MACRO.at(
            reference,
            f'macro "{name}" is not defined',
            label="not defined above this line",
            help=f"use `${near}`",
            fix=Fix.replacing(reference, f"${near}"),
        )
    later = _definition_below(reference) if is_first else None
    return UNDEFINED_MACRO.at(
        reference,
        f'macro "{name}" is not defined',
        label="not defined above this line",
        related=(Related(later, "defined too late"),) if later else (),
        help="move the definition up" if later else f'define it above this line: `{name} = "…"`',
    )


def _sign_alone(reference: Span, names: Iterable[str]) -> Diagnostic:
    source = reference.source
    braces = re.compile(r"\{(\w+)\}|\((\w+)\)").match(source.text, reference.end)
    if braces is None:
        return UNDEFINED_MACRO.at(
            reference, "`$` without the name of a macro", help="quote a word that begins with a dollar sign"
        )
    name, span = braces[1] or braces[2], Span(source, reference.start, braces.end())
    return UNDEFINED_MACRO.at(
        span,
        f"`{span.text}` is no reference: a name follows the dollar sign at once",
        help=f"write `${name}`",
        fix=Fix.replacing(span, f"${name}") if name in names else None,
    )


def _definition_below(reference: Span) -> Span | None:
    source, name = reference.source, re.escape(reference.text[1:])
    found = re.compile(rf"^[ \t]*({name})[ \t]*=", re.MULTILINE).search(source.text, reference.end)
    return Span(source, found.start(1), found.end(1)) if found else None
