"""The messages that an SMTP process brings, as the queue process takes them.

    WANTS ──▶ NUMBERS
    SUBMIT ──▶ looked at ──▶ Intake.enqueue ──▶ TAKEN, when it is on stable storage, or REFUSED
    WRITE ──▶ the spool ──▶ ROOM    …    SUBMIT_WRITTEN

Nothing that it says is believed: it can bring mail with numbers that it was given, as much at a time as
there is room for, and no command of its own (`second_look`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, Intake, StorageError, Submission
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.backlog import Backlog
from smtpdsl.runtime.roles.frames import FrameError, Link
from smtpdsl.runtime.roles.given_numbers import GivenNumbers
from smtpdsl.runtime.roles.messages import ToSmtp, encode_refusal, numbered, numbers, pair
from smtpdsl.runtime.roles.second_look import is_meant, needs_second_look
from smtpdsl.runtime.roles.submissions import SubmissionReader

# Of one message: it waits for room after far less.
_MAX_WAITING_OCTETS = 4 * 1024 * 1024
_TOO_LATE = "its number was given too long ago"


class NumberedIntake(Intake, Protocol):
    """A queue that gives numbers for messages to others."""

    def reserve(self) -> asyncio.Future[Block]:
        """Return numbers that nobody else gets; fails with `StorageError`."""


class _Arriving:
    """A large message on its way; *waiting* counts octets that there is no room for yet."""

    def __init__(self, writer: ContentWriter) -> None:
        self.writer = writer
        self.waiting = 0


class PeerMessages:
    """All of one process."""

    def __init__(self, intake: NumberedIntake, policy: Policy, link: Link, backlog: Backlog) -> None:
        """Bring them to *intake*; commands must be those of *policy*, and answers go over *link*."""
        self._intake = intake
        self._policy = policy
        self._link = link
        self._backlog = backlog
        self._reader = SubmissionReader()
        self._numbers = GivenNumbers()
        self._is_reserving = False
        # Done when it has heard that it has numbers, or for now has none.
        self.numbered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arriving: dict[int, _Arriving] = {}
        # Of messages that are stored, which it is told all at once.
        self._taken: list[int] = []
        self._loop = asyncio.get_running_loop()
        # What nobody holds may be gone before it has ended.
        self._looking: set[asyncio.Task[None]] = set()

    @property
    def arriving(self) -> int:
        """How many large messages are on their way."""
        return len(self._arriving)

    def give_numbers(self) -> None:
        """Let it have numbers for its next messages; it waits for them, and asks for no more meanwhile."""
        if self._is_reserving:
            return
        self._is_reserving = True
        self._intake.reserve().add_done_callback(self._on_reserved)

    def _on_reserved(self, reserved: asyncio.Future[Block]) -> None:
        self._is_reserving = False
        if reserved.cancelled() or reserved.exception() is not None:
            # The store fails just now, and so do messages; the next one asks again.
            self._tell_numbers(Block(0, 0))
            return
        block = reserved.result()
        self._numbers.add(block)
        self._tell_numbers(block)

    def _tell_numbers(self, block: Block) -> None:
        self._link.send(ToSmtp.NUMBERS, pair(*block))
        # Before the first client comes, who takes another way.
        self._link.flush()
        if not self.numbered.done():
            self.numbered.set_result(None)

    # ------------------------------------------------------------ what it says; each raises `FrameError`

    def submit(self, payload: bytes) -> None:
        """Take a small message."""
        submission = self._reader.read(payload)
        if self._numbers.use(submission.message_id):
            self._take(submission, len(payload))
        else:
            self._refuse(submission.message_id, StorageError(_TOO_LATE))

    def submit_written(self, payload: bytes) -> None:
        """Take a large message, which is written."""
        submission = self._reader.read(payload)
        arriving = self._arriving.pop(submission.message_id, None)
        if arriving is not None:
            self._take(submission._replace(content=arriving.writer), len(payload))
        elif self._numbers.is_forgotten(submission.message_id):
            self._refuse(submission.message_id, StorageError(_TOO_LATE))
        else:
            message = "a message without its content"
            raise FrameError(message)

    def write(self, payload: bytes) -> None:
        """Take the next piece of a large message."""
        message_id, octets = numbered(payload)
        arriving = self._arriving.get(message_id)
        if arriving is None:
            if not self._numbers.use(message_id):
                # It is told so when the message is whole.
                self._link.send(ToSmtp.ROOM, pair(message_id, len(octets)))
                return
            arriving = self._arriving[message_id] = _Arriving(self._intake.open_content(message_id))
        arriving.waiting += len(octets)
        if arriving.waiting > _MAX_WAITING_OCTETS:
            message = "more of a message than there is room for"
            raise FrameError(message)
        self._backlog.begin(len(octets))
        room = arriving.writer.write(octets)
        make_room = partial(self._make_room, message_id, arriving, len(octets))
        if room is None:
            make_room()
        else:
            asyncio.ensure_future(room).add_done_callback(make_room)

    def _make_room(self, message_id: int, arriving: _Arriving, octets: int, _: object = None) -> None:
        arriving.waiting -= octets
        self._backlog.end(octets)
        self._link.send(ToSmtp.ROOM, pair(message_id, octets))

    def discard(self, payload: bytes) -> None:
        """Forget a large message that does not become whole."""
        arriving = self._arriving.pop(numbered(payload)[0], None)
        if arriving is not None:
            arriving.writer.discard()

    def lose(self) -> None:
        """Forget all messages that are not whole: no more comes."""
        for arriving in self._arriving.values():
            arriving.writer.discard()
        self._arriving.clear()

    # ------------------------------------------------------------ the queue

    def _take(self, submission: Submission, octets: int) -> None:
        """Give the queue what took so many *octets* of a frame."""
        self._backlog.begin(octets)
        if needs_second_look(submission.envelopes):
            task = asyncio.ensure_future(self._look_again(submission, octets))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        else:
            self._enqueue(submission, octets)

    async def _look_again(self, submission: Submission, octets: int) -> None:
        try:
            is_right = await is_meant(self._policy, submission)
        except BaseException:
            # A mistake of ours: the loop reports it, and the client waits for no answer that will not come.
            self._reject(submission, octets, "it cannot be told what the configuration says")
            raise
        if is_right:
            self._enqueue(submission, octets)
        else:
            # Or somebody has changed an alias since RCPT; when the client tries again, it is told what holds now.
            self._reject(submission, octets, "a command or file that it is for is not that of the configuration")

    def _reject(self, submission: Submission, octets: int, why: str) -> None:
        self._backlog.end(octets)
        if not isinstance(submission.content, InlineContent):
            submission.content.discard()
        self._refuse(submission.message_id, StorageError(why))

    def _enqueue(self, submission: Submission, octets: int) -> None:
        accepted = asyncio.ensure_future(self._intake.enqueue(submission))
        accepted.add_done_callback(partial(self._on_accepted, submission.message_id, octets))

    def _on_accepted(self, message_id: int, octets: int, accepted: asyncio.Future[None]) -> None:
        self._backlog.end(octets)
        error = accepted.exception()
        if error is not None:
            self._refuse(message_id, error if isinstance(error, StorageError) else StorageError(str(error)))
            return
        if not self._taken:
            self._loop.call_soon(self._tell_taken)
        self._taken.append(message_id)

    def _tell_taken(self) -> None:
        self._link.send(ToSmtp.TAKEN, numbers(self._taken))
        self._link.flush()
        self._taken.clear()

    def _refuse(self, message_id: int, error: StorageError) -> None:
        self._link.send(ToSmtp.REFUSED, encode_refusal(message_id, error))
