"""Tables behind programs, told over the control socket to read their entries anew."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from smtpdsl.cli.control_words import WordError, find_verb
from smtpdsl.runtime.control.commands import ControlError, Item, answer
from smtpdsl.runtime.control.table_commands import Updatable, table_commands


class Tables:
    """Two tables, of which one cannot be updated."""

    def __init__(self) -> None:
        """Have updated none."""
        self.updated: list[str] = []

    @property
    def names(self) -> Collection[str]:
        """Their names."""
        return {"users", "broken"}

    async def update(self, name: str) -> str | None:
        """Take note, unless it is the broken one."""
        if name == "broken":
            return "the program reports an error"
        self.updated.append(name)
        return None


def ask(words: str, tables: Updatable | None) -> list[Item]:
    """Return what is answered to *words*."""
    verb, operands = find_verb(words.split())

    async def run() -> list[Item]:
        return [each async for each in answer(table_commands(tables), verb.command, verb.read(operands))]

    return asyncio.run(run())


def test_a_program_is_told() -> None:
    """And there is nothing to say of it."""
    tables = Tables()

    assert ask("upd t users", tables) == []
    assert tables.updated == ["users"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("aliases", 'no program answers for a table "aliases"; files are read when the server starts'),
        ("broken", 'the table "broken" was not updated: the program reports an error'),
    ],
)
def test_what_cannot_be_updated_is_told(name: str, why: str) -> None:
    """With the reason."""
    with pytest.raises(ControlError) as failed:
        ask(f"update table {name}", Tables())
    assert str(failed.value) == why


def test_a_server_without_programs_updates_nothing() -> None:
    """Files are read when it starts."""
    with pytest.raises(ControlError, match="no program answers"):
        ask("update table users", None)


@pytest.mark.parametrize("words", ["update table", "update table users aliases"])
def test_one_table_is_named(words: str) -> None:
    """No more and no less."""
    with pytest.raises(WordError, match="the name of one table"):
        ask(words, None)
