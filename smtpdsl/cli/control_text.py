"""What a server answers as text; whatever it says, it is printable, and has the right form or is an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias, TypeVar

from smtpdsl.runtime.control.commands import ControlError, Item
from smtpdsl.runtime.log import printable
from smtpdsl.runtime.queue.report import duration

Lines: TypeAlias = Callable[[Iterable[Item]], Iterator[str]]

_T = TypeVar("_T")
_PAIR = 2
# Beyond any time and any size, and not beyond what functions for times take.
_MAX_NUMBER = 2**53


class Fields:
    """The values of an item."""

    def __init__(self, item: Item) -> None:
        """Read *item*."""
        self._item = item

    def text(self, name: str) -> str:
        """Return a text, printable; nothing if it is not known."""
        return printable(self.raw(name))

    def raw(self, name: str) -> str:
        """Return a text as it came."""
        return self._value(name, str) or ""

    def is_known(self, name: str) -> bool:
        """Whether there is a value."""
        return self._item.get(name) is not None

    def number(self, name: str) -> float:
        """Return a number; 0 if it is not known."""
        value = self._item.get(name)
        number = value if isinstance(value, int) and not isinstance(value, bool) else self._value(name, float) or 0.0
        # Python's JSON has infinity, too, and what is no number.
        if not abs(number) <= _MAX_NUMBER:
            raise unexpected()
        return number

    def fields(self, name: str) -> Fields:
        """Return the values of an item within."""
        return Fields(self._value(name, dict) or {})

    def flag(self, name: str) -> bool:
        """Return whether something is so; it is not if that is not known."""
        return self._value(name, bool) or False

    def pairs(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield pairs, printable."""
        for each in self._value(name, list) or []:
            if not isinstance(each, list) or len(each) != _PAIR:
                raise unexpected()
            first, second = each
            yield shown(first), shown(second)

    def items(self) -> Mapping[str, object]:
        """Return all values."""
        return self._item

    def _value(self, name: str, kind: type[_T]) -> _T | None:
        value = self._item.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise unexpected()


def unexpected() -> ControlError:
    """Return what is wrong with an answer of another form."""
    return ControlError("the server has answered something else than was asked for")


def shown(value: object) -> str:
    """Return any value of an item as text."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(shown, value)) or "-"
        case str():
            return printable(value)
    return str(value)


def objects(items: Iterable[Item]) -> Iterator[str]:
    """Print each item as JSON, for people."""
    for item in items:
        yield json.dumps(item, indent=2)


def nothing(items: Iterable[Item]) -> Iterator[str]:
    """Print nothing."""
    del items
    return iter(())


def unless_empty(nothing_there: str, lines: Lines) -> Lines:
    """Return what prints as *lines* does, and *nothing_there* if there is nothing."""

    def told(items: Iterable[Item]) -> Iterator[str]:
        is_empty = True
        for line in lines(items):
            is_empty = False
            yield line
        if is_empty:
            yield nothing_there

    return told


def done(items: Iterable[Item]) -> Iterator[str]:
    """Say that it is done, and what else is to be said of it."""
    yield from (Fields(item).text("note") for item in items)
    yield "done"


def old_done(items: Iterable[Item]) -> Iterator[str]:
    """Say what smtpctl says."""
    for _ in items:
        pass
    yield "command succeeded"


def status(items: Iterable[Item]) -> Iterator[str]:
    """Say what is paused, and what the queue has."""
    for item in items:
        yield from old_status([item])
        counts = Fields(item).fields("queue").items()
        envelopes = ", ".join(f"{shown(count)} {name}" for name, count in counts.items() if name != "messages")
        messages = shown(counts.get("messages"))
        yield f"queue {messages} message{'' if messages == '1' else 's'}; envelopes: {envelopes}"


def old_status(items: Iterable[Item]) -> Iterator[str]:
    """Say what is paused."""
    for item in items:
        for name, value in item.items():
            if isinstance(value, str):
                yield f"{name.upper()} {printable(value)}"


def statistics(items: Iterable[Item]) -> Iterator[str]:
    """Print names and numbers, by name."""
    for item in items:
        found = {**item, "uptime.human": duration(Fields(item).number("uptime"))}
        yield from (f"{printable(name)}={shown(value)}" for name, value in sorted(found.items()))


def table(*columns: str) -> Lines:
    """Return what prints a line for each item, with the values of *columns* below each other."""

    def lines(items: Iterable[Item]) -> Iterator[str]:
        rows = [[shown(item.get(column)) for column in columns] for item in items]
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in [[column.upper() for column in columns], *rows]:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return lines
