"""What became of a message is not forgotten because the disk has failed."""

from __future__ import annotations

from pathlib import Path

from smtpdsl.runtime.queue.store import Summary
from tests.runtime.queue.faulty import FaultyVfs
from tests.runtime.queue.sample import (
    Post,
    local,
    run,
)


def test_an_outcome_that_cannot_be_recorded_is_not_forgotten(tmp_path: Path, vfs: FaultyVfs) -> None:
    """A message is not delivered twice because the disk has failed, and its removal is made up for."""

    async def scenario() -> None:
        async with Post(tmp_path, vfs="faulty") as post:
            post.local.is_slow = True
            await post.submit(local("joe"))
            await post.settle()
            vfs.arm(range(1, 10_000))
            post.local.finish()
            await post.settle()
            await post.advance(60)
            assert len(post.log.warnings) >= 1
            assert "cannot record what became of messages" in post.log.warnings[0]
            assert (await post.queue.summary()).pending == 1
            vfs.arm(range(0))
            await post.advance(5)
            assert len(post.local.attempts) == 1
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_an_outcome_that_is_never_recorded(tmp_path: Path, vfs: FaultyVfs) -> None:
    """The log says so at the end, and the next server knows that there may have been an attempt."""

    async def scenario() -> None:
        async with Post(tmp_path, vfs="faulty") as post:
            post.local.is_slow = True
            await post.submit(local("joe"))
            await post.settle()
            vfs.arm(range(1, 10_000))
            post.local.finish()
            await post.settle()
        assert post.log.warnings[-1] == "the queue could not record 1 deliveries: the next start may repeat them"
        vfs.arm(range(0))
        async with Post(tmp_path) as post:
            assert post.local.attempts[0].message.was_tried

    run(scenario())
