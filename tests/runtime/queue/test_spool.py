"""Large messages: in their order, durable before their rows, and never whole in memory."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import InlineContent, SpooledContent, StorageError, StorageFullError
from smtpdsl.runtime.queue import writer
from smtpdsl.runtime.queue.files import Files
from smtpdsl.runtime.queue.spool import ContentFolder
from tests.runtime.queue.faulty import FaultyFiles
from tests.runtime.queue.sample import run

# As they happen for a message of one job.
STEPS = [
    "create incoming",
    "write",
    "sync",
    "close",
    "rename incoming content",
    "sync_folder content",
]


@contextlib.asynccontextmanager
async def opened(folder: Path, files: Files | None = None) -> AsyncIterator[ContentFolder]:
    """Open the content of the spool in *folder*, and close it at the end."""
    content = ContentFolder(folder, files)
    yield content
    await content.close()


def left(folder: Path) -> list[str]:
    """Return the files in *folder*."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Gate(Files):
    """The file system; writes of octets that begin with ``s`` wait until it is open."""

    def __init__(self) -> None:
        """Be closed."""
        self.is_open = threading.Event()

    def write(self, descriptor: int, octets: memoryview) -> int:
        """Wait, and write."""
        if bytes(octets[:1]) == b"s":
            self.is_open.wait()
        return super().write(descriptor, octets)


def test_the_order_of_calls(tmp_path: Path) -> None:
    """The file is synced before it is renamed, and both folders before it is told of."""
    files = FaultyFiles()

    async def scenario() -> None:
        async with opened(tmp_path, files) as content:
            files.log.clear()
            message = content.open(7)
            assert message.write(b"hello\n") is None
            await message.seal()
            assert files.log == STEPS
            assert content.content(7, None, 6) == SpooledContent(str(tmp_path / "content" / f"{7:016x}"), 6)
            assert content.content(7, b"small\n", 6) == InlineContent(b"small\n")
            content.remove(7)

    run(scenario())

    assert left(tmp_path) == []


def test_octets_keep_their_order(tmp_path: Path) -> None:
    """However many writes there are, and however few octets the system takes at a time."""
    files = FaultyFiles()
    files.most = 40_000
    pieces = [bytes([number % 256]) * (number * 977 % 9000) for number in range(400)]

    async def scenario() -> None:
        async with opened(tmp_path, files) as content:
            message = content.open(7)
            for piece in pieces:
                waiting = message.write(piece)
                if waiting is not None:
                    await waiting
            await message.seal()
            assert message.size == sum(map(len, pieces))

    run(scenario())

    assert (tmp_path / "content" / f"{7:016x}").read_bytes() == b"".join(pieces)
    assert files.log.count("write") > 40


def test_an_empty_message(tmp_path: Path) -> None:
    """It has a file like every other one."""

    async def scenario() -> None:
        async with opened(tmp_path) as content:
            await content.open(7).seal()

    run(scenario())

    assert left(tmp_path) == [f"content/{7:016x}"]


def test_a_client_waits_for_the_disk(tmp_path: Path) -> None:
    """While more than 1 MiB of its message is not written; so no message is whole in memory."""
    gate = Gate()

    async def scenario() -> None:
        async with opened(tmp_path, gate) as content:
            message = content.open(7)
            piece = b"s" * writer.JOB_OCTETS
            assert [message.write(piece) for _ in range(4)] == [None] * 4
            waiting = message.write(piece)
            assert waiting is not None
            future = asyncio.ensure_future(waiting)
            await asyncio.sleep(0)
            assert not future.done()
            gate.is_open.set()
            await future
            await message.seal()
            assert message.size == 5 * len(piece)

    run(scenario())


def test_all_clients_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While too much of all messages is not written; but none for others when all of its own is."""
    monkeypatch.setattr(writer, "MAX_WAITING_OCTETS_IN_ALL", 1000)
    gate = Gate()

    async def scenario() -> None:
        async with opened(tmp_path, gate) as content:
            idle, slow, quick = (content.open(number) for number in (1, 2, 3))
            # Not enough for a job, and its client is silent for the rest of the test.
            assert idle.write(bytes(900)) is None
            stuck = slow.write(b"s" * 2000)
            waiting = quick.write(bytes(10))
            assert stuck is not None
            assert waiting is not None
            await waiting
            await quick.seal()
            gate.is_open.set()
            await stuck
            slow.discard()
            idle.discard()

    run(scenario())

    assert left(tmp_path) == [f"content/{3:016x}"]


@pytest.mark.parametrize(("code", "kind"), [(errno.EIO, StorageError), (errno.ENOSPC, StorageFullError)])
@pytest.mark.parametrize("call", range(1, len(STEPS) + 1))
def test_whatever_fails_fails_the_message(tmp_path: Path, call: int, code: int, kind: type[StorageError]) -> None:
    """And leaves nothing."""
    files = FaultyFiles()
    files.code = code

    async def scenario() -> None:
        async with opened(tmp_path, files) as content:
            files.log.clear()
            files.fails = range(call, call + 1)
            message = content.open(7)
            message.write(b"hello\n")
            with pytest.raises(StorageError) as caught:
                await message.seal()
            assert type(caught.value) is kind
            assert files.log[:call] == STEPS[:call]

    run(scenario())

    assert left(tmp_path) == []


def test_a_failure_is_kept_until_the_end(tmp_path: Path) -> None:
    """A write that fails early does not stop the client, and nothing more is written."""
    files = FaultyFiles()

    async def scenario() -> None:
        async with opened(tmp_path, files) as content:
            files.log.clear()
            files.fails = range(2, 3)
            message = content.open(7)
            for _ in range(40):
                waiting = message.write(bytes(writer.JOB_OCTETS))
                if waiting is not None:
                    await waiting
            while running := content._running:  # noqa: SLF001 - until what is left of it has been removed
                await asyncio.wait(running)
            with pytest.raises(StorageError, match="the spool cannot be written: a fault"):
                await message.seal()
            assert files.log.count("write") == 1

    run(scenario())

    assert left(tmp_path) == []


@pytest.mark.parametrize("octets", [0, 10, writer.JOB_OCTETS, 5 * writer.JOB_OCTETS])
def test_a_message_can_be_forgotten(tmp_path: Path, octets: int) -> None:
    """At any time, and twice; a client that waits goes on."""

    async def scenario() -> None:
        async with opened(tmp_path) as content:
            message = content.open(7)
            waiting = message.write(bytes(octets))
            message.discard()
            message.discard()
            assert message.write(b"more") is None
            if waiting is not None:
                await waiting

    run(scenario())

    assert left(tmp_path) == []


def test_a_message_that_was_handed_over_cannot_be_forgotten(tmp_path: Path) -> None:
    """A session that ends while the queue stores its message changes nothing."""

    async def scenario() -> None:
        async with opened(tmp_path) as content:
            message = content.open(7)
            message.write(b"hello\n")
            sealed = message.seal()
            message.discard()
            await sealed
            message.discard()

    run(scenario())

    assert left(tmp_path) == [f"content/{7:016x}"]


def test_what_comes_too_late_is_refused(tmp_path: Path) -> None:
    """After the end nothing is begun."""

    async def scenario() -> None:
        async with opened(tmp_path) as content:
            late = content.open(7)
        late.write(b"hello\n")
        with pytest.raises(StorageError):
            await late.seal()
        content.remove(8)

    run(scenario())
