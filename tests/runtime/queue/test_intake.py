"""The queue takes messages from clients, small and large, or says why not."""

from __future__ import annotations

import asyncio
import errno
import gc
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.interfaces import (
    SpooledContent,
    StorageError,
    StorageFullError,
)
from smtpdsl.runtime.queue import arrivals
from smtpdsl.runtime.queue.store import Summary
from tests.runtime.queue.faulty import FaultyFiles, FaultyVfs
from tests.runtime.queue.sample import (
    CREATED,
    LATER,
    PAUSED,
    Post,
    local,
    relayed,
    run,
    submission,
)

LARGE = 200_000


def test_a_full_disk_refuses_mail_and_goes_on(tmp_path: Path, vfs: FaultyVfs) -> None:
    """The client is told that there is no room, and the next one that there is."""
    vfs.error = apsw.FullError

    async def scenario() -> None:
        async with Post(tmp_path, vfs="faulty") as post:
            vfs.arm(range(1, 10_000))
            with pytest.raises(StorageFullError, match="no space is left for the spool"):
                await post.submit(local("joe"))
            vfs.arm(range(0))
            await post.submit(local("joe"))
            await post.settle()
            assert len(post.local.attempts) == 1

    run(scenario())


def test_numbers_are_never_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vfs: FaultyVfs) -> None:
    """Not when a block is used up, not while the store fails, and not by the next server."""
    monkeypatch.setattr(arrivals, "BLOCK_SIZE", 4)
    monkeypatch.setattr("smtpdsl.runtime.queue.sqlite_store.BLOCK_SIZE", 4)
    numbers: list[int] = []

    async def scenario() -> None:
        for _ in range(2):
            async with Post(tmp_path, vfs="faulty") as post:
                for _ in range(10):
                    numbers.append(post.queue.next_message_id())
                    await post.settle()
                vfs.arm(range(1, 10_000))
                for _ in range(10):
                    numbers.append(post.queue.next_message_id())
                    await post.settle()
                vfs.arm(range(0))
                numbers.append(await post.submit(local("joe")))
                for _ in range(10):
                    numbers.append(post.queue.next_message_id())
                    await post.settle()

    run(scenario())

    assert len(numbers) == len(set(numbers))


def test_a_client_that_goes_away_takes_nothing_along(tmp_path: Path) -> None:
    """What the queue was asked to keep is kept, also if nobody waits for the answer."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            waiting = asyncio.ensure_future(
                post.queue.enqueue(submission(post.queue.next_message_id(), local("joe"), created=CREATED))
            )
            waiting.cancel()
            await post.settle()
            assert post.local.users() == ["joe"]

    run(scenario())


def test_a_client_that_does_not_hear_of_a_failure(tmp_path: Path, vfs: FaultyVfs) -> None:
    """Is no mistake of anybody."""

    async def scenario() -> None:
        async with Post(tmp_path, vfs="faulty") as post:
            problems: list[object] = []
            post.loop.set_exception_handler(lambda _, context: problems.append(context))
            vfs.arm(range(1, 10_000))
            post.queue.enqueue(submission(post.queue.next_message_id()))
            await post.settle()
            gc.collect()
            assert problems == []
            vfs.arm(range(0))

    run(scenario())


def test_a_large_message_is_in_a_file(tmp_path: Path) -> None:
    """Until the last of its envelopes is gone."""
    content = tmp_path / "content"

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.always(LATER)
            number = await post.submit_large(LARGE, local("joe"), relayed("sue@example.com"))
            path = content / f"{number:016x}"
            await post.settle()
            content_of = post.local.attempts[0].message.content
            assert isinstance(content_of, SpooledContent)
            assert (content_of.path, content_of.size, content_of.seal.is_plain) == (str(path), LARGE, True)
            assert path.read_bytes() == b"x" * LARGE
        async with Post(tmp_path) as post:
            await post.advance(400)
            (attempt,) = post.relay.attempts
            assert attempt.message.content == content_of
            assert await post.queue.summary() == Summary()

    run(scenario())

    assert not list(content.iterdir())


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_large_message_that_cannot_be_written(tmp_path: Path, code: int) -> None:
    """Is refused whatever call fails, and leaves nothing; the next one is taken."""

    async def scenario() -> int:
        files = FaultyFiles()
        files.code = code
        async with Post(tmp_path, PAUSED, files=files) as post:
            start = len(files.log)
            await post.submit_large(LARGE, local("joe"))
            calls = len(files.log) - start
            for call in range(1, calls + 1):
                files.fails = range(len(files.log) + call, len(files.log) + call + 1)
                with pytest.raises(StorageFullError if code == errno.ENOSPC else StorageError):
                    await post.submit_large(LARGE, local("joe"))
            await post.submit_large(LARGE, local("joe"))
            assert await post.queue.summary() == Summary(messages=2, pending=2)
        return calls

    assert run(scenario()) == 6
    assert len(list((tmp_path / "content").iterdir())) == 2
    assert not list((tmp_path / "incoming").iterdir())


def test_a_large_message_whose_row_cannot_be_written(tmp_path: Path, vfs: FaultyVfs) -> None:
    """Leaves no file."""

    async def scenario() -> None:
        async with Post(tmp_path, vfs="faulty") as post:
            vfs.arm(range(1, 10_000))
            with pytest.raises(StorageError):
                await post.submit_large(LARGE, local("joe"))
            vfs.arm(range(0))

    run(scenario())

    assert not list((tmp_path / "content").iterdir())


def test_what_was_left_is_told_of(tmp_path: Path) -> None:
    """How many files an earlier server has left is in the log."""

    async def scenario() -> None:
        async with Post(tmp_path):
            pass
        for name in ("incoming", "content", "content"):
            path = tmp_path / name
            (path / f"{len(list(path.iterdir())) + 1:016x}").write_bytes(b"left")
        async with Post(tmp_path) as post:
            assert post.log.infos == [
                "removed from the spool: 1 unfinished messages, 2 files of messages that are gone"
            ]

    run(scenario())
