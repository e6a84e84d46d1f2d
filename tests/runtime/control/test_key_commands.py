"""Which keys the queue needs, so that an administrator knows when an old one can go."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.control.commands import Item, answer
from smtpdsl.runtime.control.queue_commands import queue_commands
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.queue.administration import Administration
from smtpdsl.runtime.queue.changing import Change, Deed
from smtpdsl.runtime.queue.closed_spool import reading
from smtpdsl.runtime.queue.ids import message_hex
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.sealing.keys import Key, Keys, key_fingerprint
from smtpdsl.runtime.sealing.seals import Seals
from tests.runtime.queue.sample import PAUSED, Journal, Post, local, relayed, run

NEW, OLD = Key(Secret(b"n" * 32)), Key(Secret(b"o" * 32))
BOTH = Seals(Keys(NEW, [OLD]), compresses=True)
NEW_NAME, OLD_NAME = key_fingerprint(NEW.number), key_fingerprint(OLD.number)
# Plain mail, then some with an old key, then some with a new one.
AGES = (Seals(), Seals(Keys(OLD)), BOTH)


async def ask(
    administration: Administration, command: str, arguments: Mapping[str, object] | None = None
) -> list[Item]:
    """Return what is answered."""
    return [each async for each in answer(queue_commands(administration, lambda _: None), command, arguments or {})]


async def fill(folder: Path) -> list[int]:
    """Put mail of all ages into the spool at *folder*: a message of the first, two of the second, three of the last."""
    numbers = []
    for count, seals in enumerate(AGES, 1):
        async with Post(folder, PAUSED._replace(seals=seals)) as post:
            numbers += [await post.submit(local("joe"), relayed("sue@example.com")) for _ in range(count)]
    return numbers


def test_how_many_messages_need_each_key(tmp_path: Path) -> None:
    """The one that is written with comes first, what is not encrypted last."""

    async def scenario() -> None:
        await fill(tmp_path)
        async with Post(tmp_path, PAUSED._replace(seals=BOTH)) as post:
            assert await ask(post.queue.administration, "show keys") == [
                {"key": NEW_NAME, "use": "current", "messages": 3},
                {"key": OLD_NAME, "use": "backup", "messages": 2},
                {"key": None, "use": "none", "messages": 1},
            ]

    run(scenario())


def test_a_queue_without_keys(tmp_path: Path) -> None:
    """It says so."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            assert await ask(post.queue.administration, "show keys") == [{"key": None, "use": "none", "messages": 0}]

    run(scenario())


def test_a_key_that_the_configuration_does_not_have(tmp_path: Path) -> None:
    """No server starts without it; the spool can be asked all the same, and so can each envelope."""

    async def scenario() -> None:
        *_, last = await fill(tmp_path)
        async with reading(tmp_path, Seals(Keys(None, [OLD])), Journal(), time.time) as administration:
            assert await ask(administration, "show keys") == [
                {"key": OLD_NAME, "use": "backup", "messages": 2},
                {"key": NEW_NAME, "use": "missing", "messages": 3},
                {"key": None, "use": "none", "messages": 1},
            ]
            joe, sue = await ask(administration, "show envelope", {"ids": [message_hex(last)]})
            assert (joe["keys"], sue["keys"]) == ([NEW_NAME], [NEW_NAME])
            assert f"it needs the key {NEW_NAME}" in str(joe["problem"])

    run(scenario())


@pytest.mark.parametrize("seals", AGES)
def test_the_keys_of_an_envelope(tmp_path: Path, seals: Seals) -> None:
    """Those of its own and of its message, which may be another one after a change."""

    async def scenario() -> None:
        first, *_ = await fill(tmp_path)
        current = seals.keys.current
        async with Post(tmp_path, PAUSED._replace(seals=Seals(Keys(current, [OLD, NEW])))) as post:
            administration = post.queue.administration
            shown = {"ids": [message_hex(first)]}
            assert [each["keys"] for each in await ask(administration, "show envelope", shown)] == [[], []]
            await administration.change(Selection(ids=(message_hex(first),)), Change(Deed.REBIND, "other"))
            names = [key_fingerprint(current.number)] if current else []
            assert [each["keys"] for each in await ask(administration, "show envelope", shown)] == [names, names]

    run(scenario())


def test_what_is_damaged_needs_no_key(tmp_path: Path) -> None:
    """Whatever it looks like: nobody shall look for a key that never was."""

    async def scenario() -> None:
        number = (await fill(tmp_path))[-1]
        connection = apsw.Connection(str(tmp_path / "queue.db"))
        connection.execute(
            "UPDATE envelope SET facts = '99999902' || substr(facts, instr(facts, '.')) WHERE id >> 24 = ?", (number,)
        )
        connection.close()
        async with reading(tmp_path, BOTH, Journal(), time.time) as administration:
            found = await ask(administration, "show keys")
            assert [each["key"] for each in found] == [NEW_NAME, OLD_NAME, None]

    run(scenario())
