"""The queue as an SMTP process sees it: in another process, behind a link.

    enqueue     SUBMIT ──▶ … ──▶ TAKEN: it is on stable storage
    write       WRITE  ──▶ the spool ──▶ ROOM      as much as `WINDOW_OCTETS` may be on its way

When the link is lost nobody knows what became of the messages that were on it: none of them was
acknowledged, so the clients have them still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, StorageError, Submission
from smtpdsl.runtime.queue.ids import Block, MessageNumbers
from smtpdsl.runtime.roles.frames import MAX_PAYLOAD_OCTETS
from smtpdsl.runtime.roles.messages import ToQueue, number
from smtpdsl.runtime.roles.submissions import encode_submission

# Of one large message: enough to keep the disk busy while an answer is on its way.
WINDOW_OCTETS = 512 * 1024
# What is known of a message; a frame has room for its content, too.
_MAX_FACTS_OCTETS = MAX_PAYLOAD_OCTETS - 2 * 1024 * 1024
GONE = "the queue cannot be reached"

Send = Callable[..., None]


class RemoteWriter:
    """Implements `ContentWriter`."""

    def __init__(self, message_id: int, send: Send, forget: Callable[[int], None]) -> None:
        """Write the content of a message, whose frames go to *send*; *forget* is told when no more comes."""
        self.message_id = message_id
        self._send = send
        self._forget = forget
        self._on_the_way = 0
        self._is_closed = False
        self._room: asyncio.Future[None] | None = None

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Append *octets*; an awaitable means that the client has to wait for it."""
        if self._is_closed:
            return None
        self._send(ToQueue.WRITE, number(self.message_id), octets)
        self._on_the_way += len(octets)
        if self._on_the_way <= WINDOW_OCTETS:
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    def written(self, octets: int) -> None:
        """Take notice that so many *octets* are no longer on their way."""
        self._on_the_way -= octets
        if self._on_the_way <= WINDOW_OCTETS:
            self.let_go_on()

    def let_go_on(self) -> None:
        """Let the client wait no more."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def hand_over(self) -> None:
        """Be the queue's from now on."""
        self._is_closed = True
        self._forget(self.message_id)

    def discard(self) -> None:
        """Forget everything, unless it is the queue's already."""
        if not self._is_closed:
            self._send(ToQueue.DISCARD, number(self.message_id))
            self.hand_over()


class RemoteQueue:
    """Implements `Intake`."""

    def __init__(self, send: Send) -> None:
        """Send frames with *send*; there are no numbers for messages yet."""
        self._send = send
        self._numbers = MessageNumbers(Block(0, 0), self._want_numbers)
        self._left = 0
        self._wants_numbers = False
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._writers: dict[int, RemoteWriter] = {}
        self._is_lost = False

    # ------------------------------------------------------------ for sessions

    def next_message_id(self) -> int:
        """Return a number that no other message of the spool has.

        Raises:
            StorageError: The queue has promised no more of them.
        """
        if not self._left:
            self._want_numbers()
            message = "the queue has no number for a message"
            raise StorageError(message)
        self._left -= 1
        return self._numbers.take()

    def _want_numbers(self) -> None:
        if not self._wants_numbers:
            self._wants_numbers = True
            self._send(ToQueue.WANTS)

    def open_content(self, message_id: int) -> ContentWriter:
        """Start to store a large message."""
        writer = self._writers[message_id] = RemoteWriter(message_id, self._send, self._forget)
        return writer

    def _forget(self, message_id: int) -> None:
        self._writers.pop(message_id, None)

    def enqueue(self, submission: Submission) -> Awaitable[None]:
        """Give the responsibility for a message to the queue; done when it is on stable storage."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._is_lost:
            _fail(accepted, StorageError(GONE))
            return accepted
        facts, octets = encode_submission(submission)
        content = submission.content
        if len(facts) > _MAX_FACTS_OCTETS:
            if not isinstance(content, InlineContent):
                content.discard()
            _fail(accepted, StorageError(f"it became more than the queue takes at once: {len(facts)} octets"))
            return accepted
        self._waiting[submission.message_id] = accepted
        if isinstance(content, InlineContent):
            self._send(ToQueue.SUBMIT, facts, octets)
        else:
            assert isinstance(content, RemoteWriter), "it comes from open_content"
            content.hand_over()
            self._send(ToQueue.SUBMIT_WRITTEN, facts)
        return accepted

    # ------------------------------------------------------------ for the link

    def add_numbers(self, block: Block) -> None:
        """Have more numbers."""
        self._wants_numbers = False
        count = block.end - block.start
        # The store fails just now if there are none; the next message asks again.
        if count > 0:
            self._left += count
            self._numbers.add(block)

    def taken(self, message_ids: Iterable[int]) -> None:
        """Take notice that messages are the queue's."""
        for message_id in message_ids:
            accepted = self._waiting.pop(message_id, None)
            if accepted is not None and not accepted.done():
                accepted.set_result(None)

    def refused(self, message_id: int, error: StorageError) -> None:
        """Take notice that a message is not stored."""
        accepted = self._waiting.pop(message_id, None)
        if accepted is not None:
            _fail(accepted, error)

    def written(self, message_id: int, octets: int) -> None:
        """Take notice that the queue has written some *octets* of a message."""
        if (writer := self._writers.get(message_id)) is not None:
            writer.written(octets)

    def lose(self) -> None:
        """Fail whatever waits: nobody will answer."""
        self._is_lost = True
        for message_id in tuple(self._waiting):
            self.refused(message_id, StorageError(GONE))
        for writer in tuple(self._writers.values()):
            writer.let_go_on()


def _fail(accepted: asyncio.Future[None], error: StorageError) -> None:
    if not accepted.done():
        accepted.set_exception(error)
        # Whoever waited may be gone; then it is nobody's mistake that nobody hears of it.
        accepted.exception()
