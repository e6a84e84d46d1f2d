"""What an action does, without the names that people gave it: equal actions treat a message alike.

action "in" maildir alias <aliases>        action "people" maildir alias { root = ann }
                                           the same, if that is what <aliases> has
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum

from smtpdsl.analysis.questions import is_unread
from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Action, InTable, Setting, Table
from smtpdsl.ir.syntax import Word
from smtpdsl.record import Record

REFUSED: Hashable = "refused"
# How people call things, and how they wrote them.
_NAMES = frozenset({"name", "text"})


class Meanings:
    """The meanings of actions, each worked out once."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[int, tuple[object, Hashable]] = {}

    def of(self, action: Action | None) -> Hashable:
        """Return what *action* does; that of no action is to refuse."""
        return REFUSED if action is None else self._of(action)

    def of_question(self, question: InTable) -> Hashable:
        """Return what *question* asks, whatever its table is called."""
        table = None if question.table is None else self._of(question.table)
        return question.subject, question.service, table

    def _of(self, value: Action | Table) -> Hashable:
        # With the value, so that no other one can get its place.
        if id(value) not in self._known:
            self._known[id(value)] = value, _meaning(value)
        return self._known[id(value)][1]


def _meaning(value: object) -> Hashable:
    match value:
        case Table():
            return _table(value)
        case Word(text=text):
            return text
        case Setting(value=inside):
            return _meaning(inside)
        case Record():
            # What a value is compared by is what it means; where it was written is no part of it.
            names = (name for name in type(value)._compared if name not in _NAMES)  # noqa: SLF001 - a record's own list
            return type(value).__name__, tuple((name, _meaning(getattr(value, name))) for name in names)
        case dict():
            return tuple(sorted((str(key), _meaning(inside)) for key, inside in value.items()))
        case tuple() | list():
            return tuple(map(_meaning, value))
        case Enum():
            return value.name
        case _:
            assert isinstance(value, Hashable)
            return value


def _table(table: Table) -> Hashable:
    if table.backend == "built-in":
        return table.name
    if is_unread(table):
        return table.backend, table.path or table.name
    # Of several equal keys the last one holds.
    return tuple(sorted({fold(each.key): each.value or "" for each in table.entries}.items()))
