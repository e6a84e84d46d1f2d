"""What a production is made of.

    "maildir" STR? "junk"?     ->     Row(Sign("maildir"), Maybe(Argument("PATH")), Maybe(Sign("junk")))

A `Reference` is what the grammar says; in a form that people read there is none left:
each became an `Argument`, a `Part`, or what the rule consists of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from smtpdsl.record import Record


class Sign(Record):
    """A keyword or a punctuation mark, written as it stands."""

    text: str


class Reference(Record):
    """A rule or a terminal of the grammar, by its name there."""

    name: str


class Argument(Record):
    """Something that the author fills in, by a name that says what it is."""

    name: str


class Part(Record):
    """A rule that is shown by a name, and defined where it is used."""

    rule: str


class Row(Record):
    """One after the other; an empty one is nothing."""

    parts: tuple[Expression, ...]


class Choice(Record):
    """One of these."""

    options: tuple[Expression, ...]


class Maybe(Record):
    """This or nothing."""

    inner: Expression


class Many(Record):
    """This, any number of times; `is_needed` once at least."""

    inner: Expression
    is_needed: bool = False


class Series(Record):
    """This once or more, with commas in between."""

    inner: Expression


Expression: TypeAlias = Sign | Reference | Argument | Part | Row | Choice | Maybe | Many | Series

NOTHING = Row(parts=())
_NOT = Sign(text="!")
_COMMA = Sign(text=",")


def row(parts: Iterable[Expression]) -> Expression:
    """Put *parts* one after the other, without rows inside of rows."""
    flat: list[Expression] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Row) else [part])
    return flat[0] if len(flat) == 1 else Row(parts=tuple(flat))


def choice(options: Iterable[Expression]) -> Expression:
    """Choose between *options*; nothing among them makes the others optional, and ``X | ! X`` is ``[!] X``."""
    flat: list[Expression] = []
    for option in options:
        flat.extend(option.options if isinstance(option, Choice) else [option])
    found = list(dict.fromkeys(each for each in flat if each != NOTHING))
    for each in list(found):
        negated = row([_NOT, each])
        if negated in found:
            found.remove(negated)
            found[found.index(each)] = row([Maybe(inner=_NOT), each])
    if not found:
        return NOTHING
    one = found[0] if len(found) == 1 else Choice(options=tuple(found))
    return one if NOTHING not in flat else maybe(one)


def maybe(inner: Expression) -> Expression:
    """Make *inner* optional, unless it is that already."""
    return inner if inner == NOTHING or isinstance(inner, Maybe) else Maybe(inner=inner)


def many(inner: Expression, *, is_needed: bool = False) -> Expression:
    """Repeat *inner*; what may be missing need not be there."""
    if inner == NOTHING:
        return NOTHING
    if isinstance(inner, Maybe):
        return Many(inner=inner.inner)
    return Many(inner=inner, is_needed=is_needed)


def series(parts: tuple[Expression, ...]) -> Expression:
    """Put *parts* one after the other; ``X [, X …]`` is a series, whether its comma may be left out or not."""
    found: list[Expression] = []
    for part in parts:
        repeated = part.inner if isinstance(part, Many) else None
        if isinstance(repeated, Row) and repeated.parts[0] in (_COMMA, Maybe(inner=_COMMA)):
            again = list(repeated.parts[1:])
            if found[-len(again) :] == again:
                found[-len(again) :] = [Series(inner=row(again))]
                continue
        found.append(part)
    return row(found)
