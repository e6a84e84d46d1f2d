"""A spool that no server has answers as a running one does, and is left as it was by whoever only looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.delivery.content import open_content
from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.queue.administration import Administration, Effect
from smtpdsl.runtime.queue.changing import Change, Deed
from smtpdsl.runtime.queue.closed_spool import changing, is_spool, reading
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.listing import Listed
from smtpdsl.runtime.queue.opening import open_spool
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.queue.store import State
from smtpdsl.runtime.sealing.keys import Key, Keys
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals
from tests.runtime.queue.sample import OLDER, PAUSED, Journal, Post, local, run

ALL = Selection()
SEALED = Seals(Keys(Key(Secret(b"k" * 32))), compresses=True)
Opened = Callable[[Path], AbstractAsyncContextManager[Administration]]


def looking(folder: Path, seals: Seals = PLAIN_SEALS) -> AbstractAsyncContextManager[Administration]:
    """Look into the spool."""
    return reading(folder, seals, Journal(), time.time)


def having(folder: Path, seals: Seals = PLAIN_SEALS) -> AbstractAsyncContextManager[Administration]:
    """Have the spool."""
    return changing(folder, seals, Journal(), time.time)


async def listed(administration: Administration, selection: Selection = ALL) -> list[Listed]:
    """Return what is shown."""
    return [each async for each in administration.listing(selection)]


def fill(folder: Path, seals: Seals = PLAIN_SEALS, *, count: int = 1, body: bytes = b"z" * 3000) -> list[int]:
    """Make a spool with messages, and one in a file; return their numbers."""

    async def scenario() -> list[int]:
        async with Post(folder, PAUSED._replace(seals=seals)) as post:
            numbers = [await post.submit(local("joe"), body=body) for _ in range(count)]
            return [*numbers, await post.submit_large(200_000, local("joe"))]

    return run(scenario())


@pytest.mark.parametrize("seals", [PLAIN_SEALS, SEALED])
def test_messages_are_read_however_they_are_sealed(tmp_path: Path, seals: Seals) -> None:
    """Those in the database and those in files; nothing in the folder has changed afterwards."""
    numbers = fill(tmp_path, seals)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    async def scenario() -> None:
        async with looking(tmp_path, seals) as administration:
            assert [each.size for each in await listed(administration)] == [3000, 200_000]
            contents = [await administration.content(number) for number in numbers]
        for content, expected in zip(contents, (b"z" * 3000, b"x" * 200_000), strict=True):
            with open_content(content) as opened:
                assert b"".join(opened.chunks(b"")) == expected

    asyncio.run(scenario())
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path: octets for path, octets in after.items() if octets} == before


def test_without_the_key_there_is_something_to_see(tmp_path: Path) -> None:
    """That there is mail, and which key it needs; what cannot be read is not changed by mistake."""
    (number, _) = fill(tmp_path, SEALED)

    async def scenario() -> None:
        async with looking(tmp_path) as administration:
            first, _ = await listed(administration)
            assert (first.state, first.envelope) == (State.PENDING, None)
            assert "key" in first.problem
            with pytest.raises(StorageError, match="key"):
                await administration.content(number)
        with pytest.raises(SpoolError, match="key"):
            async with having(tmp_path):
                pass

    asyncio.run(scenario())


def test_a_spool_of_an_older_version(tmp_path: Path) -> None:
    """It gets the columns of today first, as when a server starts."""
    fill(tmp_path)
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    connection.execute(OLDER).fetchall()
    connection.close()

    async def scenario() -> None:
        async with looking(tmp_path) as administration:
            assert len(await listed(administration)) == 2

    asyncio.run(scenario())


def test_who_only_looks_changes_nothing(tmp_path: Path) -> None:
    """Not even when asked to."""
    fill(tmp_path)

    async def scenario() -> None:
        async with looking(tmp_path) as administration:
            with pytest.raises(StorageError, match="without the lock"):
                await administration.change(ALL, Change(Deed.REMOVE))

    asyncio.run(scenario())


def test_who_is_interrupted_leaves_no_files(tmp_path: Path) -> None:
    """The page that was being removed is removed with the files of its messages."""
    fill(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size == 200_000]
    assert len(files) == 1

    async def scenario() -> None:
        def clock() -> float:
            # The time of the change is asked for when its page has begun.
            loop.call_soon(removing.cancel)
            return time.time()

        loop = asyncio.get_running_loop()
        async with changing(tmp_path, PLAIN_SEALS, Journal(), clock) as administration:
            removing = asyncio.ensure_future(administration.change(ALL, Change(Deed.REMOVE)))
            await asyncio.wait([removing])
            assert removing.cancelled()

    asyncio.run(scenario())
    assert [path for path in files if path.exists()] == []


def test_a_server_starts_while_somebody_looks(tmp_path: Path) -> None:
    """It has the spool from then on, and the next page says so."""

    async def fill_pages() -> None:
        async with Post(tmp_path, PAUSED) as post:
            await post.submit(*[local("joe")] * 600)

    run(fill_pages())

    async def scenario() -> None:
        async with looking(tmp_path) as administration:
            listing = administration.listing(ALL)
            assert (await anext(listing)).state is State.PENDING
            server = open_spool(tmp_path)
            with pytest.raises(StorageError, match="is in use"):
                [each async for each in listing]
            server.store.abort()
            server.lock.release()

    asyncio.run(scenario())


@pytest.mark.parametrize("opened", [looking, having])
def test_a_damaged_page_hides_nothing_but_its_message(tmp_path: Path, opened: Opened) -> None:
    """Its envelope is listed with the problem, among the others, and can be removed."""
    fill(tmp_path, count=20)
    path = tmp_path / "queue.db"
    octets = bytearray(path.read_bytes())
    page = [at for at in range(0, len(octets), 4096) if b"z" * 2900 in octets[at : at + 4096]][5]
    octets[page : page + 100] = b"\xff" * 100
    path.write_bytes(octets)

    async def scenario() -> None:
        async with opened(tmp_path) as administration:
            found = await listed(administration)
            assert len(found) == 21
            assert 1 <= sum("damaged part" in each.problem for each in found) <= 2
        async with having(tmp_path) as administration:
            assert await administration.change(ALL, Change(Deed.REMOVE)) == Effect(21)
            assert await listed(administration) == []

    asyncio.run(scenario())


def test_what_is_a_spool(tmp_path: Path) -> None:
    """A folder with a queue in it."""
    assert not is_spool(tmp_path)
    assert not is_spool(tmp_path / "missing")
    fill(tmp_path)
    assert is_spool(tmp_path)
