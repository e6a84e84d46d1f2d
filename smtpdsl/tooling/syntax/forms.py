"""The forms of a statement, as people read them.

    listen: "listen" "on" "socket" socket_option*
          | "listen" "on" STR listen_option*

    listen on socket [SOCKET-OPTION …]
    listen on INTERFACE [LISTEN-OPTION …]

What the grammar divides for the sake of its parser is put together again; every choice that is not
inside of brackets makes a form of its own; arguments get the names that `names` has for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.syntax.expressions import (
    NOTHING,
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
    choice,
    many,
    maybe,
    row,
    series,
)
from smtpdsl.tooling.syntax.grammar import grammar
from smtpdsl.tooling.syntax.names import ARGUMENTS, OF_RULES, PARTS

_STATEMENTS = {Dialect.MODERN: "_statement", Dialect.LEGACY: "_legacy_statement"}
# Words that no production uses; no statement begins with them.
_RESERVED = frozenset({"reserved", "legacy_reserved"})
_TERMINALS = frozenset({"STR", "NUM"})


@cache
def statement_forms(dialect: Dialect) -> tuple[Expression, ...]:
    """Return every form of every statement, in the order of the grammar."""
    return tuple(form for rule in statement_rules(dialect) for form in forms_of(rule))


def statement_rules(dialect: Dialect) -> list[str]:
    """Return the rules of the statements, in the order of the grammar."""
    options = grammar()[_STATEMENTS[dialect]]
    assert isinstance(options, Choice)
    names = [each.name for each in options.options if isinstance(each, Reference)]
    return [name for name in names if name not in _RESERVED]


@cache
def forms_of(rule: str) -> tuple[Expression, ...]:
    """Return the forms of *rule*."""
    belongs_to = PARTS.get(rule, rule)
    return tuple(dict.fromkeys(_named(form, [belongs_to]) for form in _divided(_content(rule))))


def parts_of(expression: Expression) -> Iterator[str]:
    """Yield the rules that are shown by their names in *expression*, in order."""
    match expression:
        case Part(rule=rule):
            yield rule
        case Row(parts=inner) | Choice(options=inner):
            for each in inner:
                yield from parts_of(each)
        case Maybe(inner=one) | Many(inner=one) | Series(inner=one):
            yield from parts_of(one)


# ---------------------------------------------------------------- rules put in place


def _content(rule: str) -> Expression:
    """Return what *rule* consists of, with the rules that have no name for readers written out."""
    found = _written_out(grammar()[rule])
    return _preset(found, iter(OF_RULES[rule].split())) if rule in OF_RULES else found


def _written_out(expression: Expression) -> Expression:
    match expression:
        case Reference(name="_NL"):
            # Between braces a newline is a blank.
            return NOTHING
        case Reference(name=name) if name not in _TERMINALS:
            return Part(rule=name) if name in PARTS else _content(name)
        case Row(parts=parts):
            return row(map(_written_out, parts))
        case Choice(options=options):
            return choice(map(_written_out, options))
        case Maybe(inner=inner):
            return maybe(_written_out(inner))
        case Many(inner=inner, is_needed=is_needed):
            return many(_written_out(inner), is_needed=is_needed)
    return expression


def _preset(expression: Expression, names: Iterator[str]) -> Expression:
    """Give the arguments of *expression* their *names*, in order."""
    match expression:
        case Reference():
            return Argument(name=next(names))
        case Row(parts=parts):
            return row(_preset(each, names) for each in parts)
    return expression


def _divided(expression: Expression) -> list[Expression]:
    """Return a form for each choice in *expression*; what stands in brackets stays in one."""
    match expression:
        case Choice(options=options) if not is_punctuation(expression):
            return [form for each in options for form in _divided(each)]
        case Row(parts=parts):
            return [row(form) for form in product(*map(_divided, parts))]
        case Maybe(inner=inner):
            return [maybe(choice(_divided(inner)))]
        case Many(inner=inner, is_needed=is_needed):
            return [many(choice(_divided(inner)), is_needed=is_needed)]
    return [expression]


def is_punctuation(choice_: Expression) -> bool:
    """Whether *choice_* is between signs that mean the same, as ``=`` and ``=>``."""
    return isinstance(choice_, Choice) and all(
        isinstance(each, Sign) and not each.text[0].isalpha() for each in choice_.options
    )


# ---------------------------------------------------------------- names of arguments


def _named(expression: Expression, known: list[str]) -> Expression:
    """Name the arguments of *expression*; *known* is what stands before it, and grows by its keywords."""
    match expression:
        case Sign(text=text) if text[0].isalpha() or text == "{":
            known.append(text)
        case Reference():
            found = _name(known)
            # One more argument behind these keywords.
            known.append("")
            return Argument(name=found)
        case Row(parts=parts):
            return series(tuple(_named(each, known) for each in parts))
        # What may be missing says nothing of what follows.
        case Choice(options=options):
            return choice([_named(each, [*known]) for each in options])
        case Maybe(inner=inner):
            return maybe(_named(inner, [*known]))
        case Many(inner=inner, is_needed=is_needed):
            return many(_named(inner, [*known]), is_needed=is_needed)
    return expression


def _name(known: list[str]) -> str:
    """Return the name of the argument that follows *known*, by as many keywords as there are names for."""
    position = next((at for at, word in enumerate(reversed(known)) if word), len(known))
    words = [word for word in known if word]
    keys = (" ".join(words[start:]) for start in range(len(words)))
    names = next((ARGUMENTS[key].split() for key in keys if key in ARGUMENTS), None)
    assert names is not None, f"an argument after {' '.join(words)} needs a name in ARGUMENTS"
    return names[min(position, len(names) - 1)]
