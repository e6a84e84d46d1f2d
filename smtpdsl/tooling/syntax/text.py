"""Forms as text.

action NAME METHOD [LOCAL-OPTION …] [ttl TIME]

METHOD:
    mbox
    maildir [PATH] [junk]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

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
from smtpdsl.tooling.syntax.forms import forms_of, is_punctuation, parts_of
from smtpdsl.tooling.syntax.names import PARTS

# Explained once for all statements.
EVERYWHERE = frozenset({"_table_ref"})


def text_of(forms: Iterable[Expression]) -> str:
    """Return *forms*, one a line, and below them the parts that they name."""
    forms = list(forms)
    chapters = ["\n".join(_lines(forms))]
    for rule in inner_parts(forms):
        lines = "\n".join(f"    {line}" for line in _lines(forms_of(rule)))
        chapters.append(f"{PARTS[rule]}:\n{lines}")
    return "\n\n".join(chapters) + "\n"


def inner_parts(forms: Iterable[Expression]) -> list[str]:
    """Return the rules that *forms* name, and those that these name, in order."""
    found: dict[str, None] = {}
    waiting = [rule for form in forms for rule in parts_of(form)]
    while waiting:
        rule = waiting.pop(0)
        if rule not in found and rule not in EVERYWHERE:
            found[rule] = None
            waiting += [each for form in forms_of(rule) for each in parts_of(form)]
    return list(found)


def _lines(forms: Iterable[Expression]) -> list[str]:
    """Return a line for each form; words to choose from are one line."""
    forms = list(forms)
    if len(forms) > 1 and all(isinstance(form, Sign) for form in forms):
        return [" | ".join(map(shown, forms))]
    return list(map(shown, forms))


def shown(expression: Expression) -> str:
    """Return *expression* on one line."""
    match expression:
        case Sign(text=text) | Argument(name=text) | Reference(name=text):
            return text
        case Part(rule=rule):
            return PARTS[rule]
        case Row(parts=parts):
            # Only the name of a table stands in angle brackets.
            return " ".join(map(shown, parts)).replace("< ", "<").replace(" >", ">")
        case Choice(options=options) if is_punctuation(expression):
            return shown(options[0])
        case Choice(options=options):
            return " | ".join(map(shown, options))
        case Maybe(inner=inner):
            return f"[{shown(inner)}]"
        case Many(inner=inner, is_needed=is_needed):
            return f"{shown(inner)} …" if is_needed else f"[{shown(inner)} …]"
        case Series(inner=inner):
            return f"{shown(inner)}, …"
    assert_never(expression)
