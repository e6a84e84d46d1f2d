"""The queue as an SMTP process sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, StorageError, StorageFullError
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles import remote_queue
from smtpdsl.runtime.roles.messages import ToQueue, number
from smtpdsl.runtime.roles.remote_queue import WINDOW_OCTETS, RemoteQueue
from smtpdsl.runtime.roles.submissions import SubmissionReader
from tests.runtime.net.places import PATIENCE_SECONDS, Client, Place, play
from tests.runtime.queue.sample import BODY, submission

Frame = tuple[int, bytes]


class Sent(list[Frame]):
    """Frames that were sent."""

    def __call__(self, kind: int, *parts: bytes) -> None:
        """Send one."""
        self.append((kind, b"".join(parts)))

    def kinds(self) -> list[int]:
        """Return what kinds they are of, and forget them."""
        found = [kind for kind, _ in self]
        self.clear()
        return found


def play_queue(scene: Callable[[RemoteQueue, Sent], Coroutine[None, None, None]]) -> None:
    """Play *scene* with a queue that has no numbers yet."""

    async def main() -> None:
        sent = Sent()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await scene(RemoteQueue(sent), sent)

    asyncio.run(main())


def test_numbers_are_those_that_were_given() -> None:
    """More are asked for in time, once; without any there is no message."""

    async def scene(queue: RemoteQueue, sent: Sent) -> None:
        for _ in range(3):
            with pytest.raises(StorageError, match="no number"):
                queue.next_message_id()
        assert sent.kinds() == [ToQueue.WANTS]
        queue.add_numbers(Block(100, 104))
        assert [queue.next_message_id() for _ in range(4)] == [100, 101, 102, 103]
        assert sent.kinds() == [ToQueue.WANTS]
        queue.add_numbers(Block(200, 203))
        assert [queue.next_message_id() for _ in range(3)] == [200, 201, 202]

    play_queue(scene)


@pytest.mark.parametrize("taken", range(5))
def test_a_store_that_fails_for_some_time(taken: int) -> None:
    """There is a block without numbers instead, which changes nothing but that it is asked again."""

    async def scene(queue: RemoteQueue, sent: Sent) -> None:
        queue.add_numbers(Block(100, 104))
        found = [queue.next_message_id() for _ in range(taken)]
        queue.add_numbers(Block(0, 0))
        sent.clear()
        found += [queue.next_message_id() for _ in range(4 - taken)]
        with pytest.raises(StorageError):
            queue.next_message_id()
        assert sent.kinds() == [ToQueue.WANTS]
        queue.add_numbers(Block(0, 0))
        queue.add_numbers(Block(200, 203))
        found += [queue.next_message_id() for _ in range(3)]
        assert found == [100, 101, 102, 103, 200, 201, 202]

    play_queue(scene)


def test_a_message_is_the_queues_when_it_says_so() -> None:
    """Each gets its own answer, in whatever order they come; an answer to nobody is none."""

    async def scene(queue: RemoteQueue, sent: Sent) -> None:
        first, second, third = (queue.enqueue(submission(each)) for each in (1, 2, 3))
        found = SubmissionReader().read(sent[0][1])
        assert (found.message_id, found.content) == (1, InlineContent(BODY))
        assert sent.kinds() == [ToQueue.SUBMIT] * 3
        queue.taken([3, 4])
        queue.refused(1, StorageFullError("no room"))
        await third
        with pytest.raises(StorageFullError, match="no room"):
            await first
        assert not asyncio.ensure_future(second).done()
        queue.taken([2])
        await second

    play_queue(scene)


def test_a_client_waits_for_room() -> None:
    """As much as a window is on its way; what others have written makes none for it."""

    async def scene(queue: RemoteQueue, sent: Sent) -> None:
        writer, other = queue.open_content(1), queue.open_content(2)
        assert writer.write(b"x" * WINDOW_OCTETS) is None
        waiting = writer.write(b"y")
        assert waiting is not None
        assert writer.write(b"z") is waiting
        assert other.write(b"x") is None
        room = asyncio.ensure_future(waiting)
        queue.written(2, 1)
        queue.written(3, WINDOW_OCTETS)
        queue.written(1, 1)
        assert not room.done()
        queue.written(1, 1)
        assert room.done()
        assert sent[1] == (ToQueue.WRITE, number(1) + b"y")
        await queue_up(queue, writer)
        # What is still on its way when the message is whole is nobody's trouble.
        queue.written(1, WINDOW_OCTETS)

    async def queue_up(queue: RemoteQueue, writer: ContentWriter) -> None:
        accepted = queue.enqueue(submission(1)._replace(content=writer))
        queue.taken([1])
        await accepted

    play_queue(scene)


def test_what_is_forgotten_is_forgotten_once() -> None:
    """And what was handed over, not at all."""

    async def scene(queue: RemoteQueue, sent: Sent) -> None:
        writer, other = queue.open_content(1), queue.open_content(2)
        writer.write(b"x")
        other.write(b"x")
        accepted = queue.enqueue(submission(2)._replace(content=other))
        for each in (writer, writer, other):
            each.discard()
        assert writer.write(b"late") is None
        assert sent.kinds() == [ToQueue.WRITE, ToQueue.WRITE, ToQueue.SUBMIT_WRITTEN, ToQueue.DISCARD]
        queue.taken([2])
        await accepted

    play_queue(scene)


def test_when_the_link_is_lost_nobody_waits_on() -> None:
    """Neither for an answer, nor for room; and nobody begins to."""

    async def scene(queue: RemoteQueue, _: Sent) -> None:
        waiting = [queue.enqueue(submission(each)) for each in (1, 2)]
        room = queue.open_content(3).write(b"x" * (WINDOW_OCTETS + 1))
        assert room is not None
        queue.lose()
        await room
        for accepted in (*waiting, queue.enqueue(submission(4))):
            with pytest.raises(StorageError, match="cannot be reached"):
                await accepted

    play_queue(scene)


def test_what_is_too_long_for_a_frame_is_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue would end the connection, and with it that of every client."""
    monkeypatch.setattr(remote_queue, "_MAX_FACTS_OCTETS", 100)

    async def scene(queue: RemoteQueue, sent: Sent) -> None:
        writer = queue.open_content(1)
        writer.write(b"x")
        for message in (submission(1)._replace(content=writer), submission(2)):
            with pytest.raises(StorageError, match="more than the queue takes at once"):
                await queue.enqueue(message)
        assert sent.kinds() == [ToQueue.WRITE, ToQueue.DISCARD]

    play_queue(scene)


@pytest.mark.parametrize(("error", "code"), [(StorageError("no number"), "451"), (StorageFullError("full"), "452")])
def test_without_a_number_a_client_is_told_to_come_later(error: StorageError, code: str) -> None:
    """Its session goes on, and so does the mail when there are numbers again."""

    async def scene(place: Place, client: Client) -> None:
        numbers = place.intake.next_message_id

        def fail() -> int:
            raise error

        place.intake.next_message_id = fail  # type: ignore[method-assign]  # a queue that has none for some time
        mail = "MAIL FROM:<joe@example.net>\r\n"
        assert await client.codes(f"EHLO client.example\r\n{mail}", count=2) == ["250", code]
        assert await client.codes("RCPT TO:<alice@local.test>\r\n") == ["503"]
        place.intake.next_message_id = numbers  # type: ignore[method-assign]
        assert await client.codes(f"{mail}RCPT TO:<alice@local.test>\r\n", count=2) == ["250", "250"]

    place = play(scene)
    assert [each.get("why") for each in place.log.named("smtp failed-command")][:1] == [error]
