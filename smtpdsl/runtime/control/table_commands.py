"""The tables of the server over the control socket: those behind programs can be told to read their entries anew.

update table {"name": "users"} ──▶ nothing, or an error if that has failed
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from functools import partial
from typing import Protocol

from smtpdsl.runtime.control.commands import Arguments, Commands, ControlError, Item


class Updatable(Protocol):
    """Programs, by the names of their tables."""

    @property
    def names(self) -> Collection[str]:
        """The names of the tables."""

    async def update(self, name: str) -> str | None:
        """Let the program of the table *name* read anew, and return why that failed, if it did."""


def table_commands(tables: Updatable | None) -> Commands:
    """Return the commands about *tables*; None if no program answers for any."""
    return {"update table": partial(_update, tables)}


async def _update(tables: Updatable | None, arguments: Arguments) -> AsyncIterator[Item]:
    name = arguments.text("name")
    arguments.end()
    if tables is None or name not in tables.names:
        message = f'no program answers for a table "{name}"; files are read when the server starts'
        raise ControlError(message, "wrong-use")
    if problem := await tables.update(name):
        message = f'the table "{name}" was not updated: {problem}'
        raise ControlError(message)
    nothing: tuple[Item, ...] = ()
    for each in nothing:
        yield each
