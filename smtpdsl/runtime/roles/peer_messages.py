"""The messages that an SMTP process brings, as the queue process takes them.

    WANTS ──▶ NUMBERS
    SUBMIT ──▶ facts checked ──▶ Intake.enqueue ──▶ TAKEN, when it is on stable storage, or REFUSED
    WRITE ──▶ the spool ──▶ ROOM    …    SUBMIT_WRITTEN

Nothing that it says is believed: it can bring mail with numbers that it was given, as much at a time as
there is room for, and no command of its own (`second_look`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, Intake, StorageError
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.frames import FrameError
from smtpdsl.runtime.roles.given_numbers import GivenNumbers
from smtpdsl.runtime.roles.messages import ToSmtp, encode_refusal, number, numbered, pair
from smtpdsl.runtime.roles.second_look import is_meant, needs_second_look
from smtpdsl.runtime.roles.submissions import Facts, decode_facts, split_content

# Of one message: it waits for room after far less.
_MAX_WAITING_OCTETS = 4 * 1024 * 1024


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

    def __init__(self, intake: NumberedIntake, policy: Policy, send: Callable[..., None]) -> None:
        """Bring them to *intake*; commands must be those of *policy*, and answers go to *send*."""
        self._intake = intake
        self._policy = policy
        self._send = send
        self._numbers = GivenNumbers()
        self._is_reserving = False
        self._arriving: dict[int, _Arriving] = {}
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
            self._send(ToSmtp.NUMBERS, pair(0, 0))
            return
        block = reserved.result()
        self._numbers.add(block)
        self._send(ToSmtp.NUMBERS, pair(*block))

    # ------------------------------------------------------------ what it says; each raises `FrameError`

    def submit(self, payload: bytes) -> None:
        """Take a small message."""
        octets, content = split_content(payload)
        facts = decode_facts(octets)
        self._numbers.use(facts.message_id)
        self._take(facts, InlineContent(content))

    def submit_written(self, payload: bytes) -> None:
        """Take a large message, which is written."""
        facts = decode_facts(payload)
        arriving = self._arriving.pop(facts.message_id, None)
        if arriving is None:
            message = "a message without its content"
            raise FrameError(message)
        self._take(facts, arriving.writer)

    def write(self, payload: bytes) -> None:
        """Take the next piece of a large message."""
        message_id, octets = numbered(payload)
        arriving = self._arriving.get(message_id)
        if arriving is None:
            self._numbers.use(message_id)
            arriving = self._arriving[message_id] = _Arriving(self._intake.open_content(message_id))
        arriving.waiting += len(octets)
        if arriving.waiting > _MAX_WAITING_OCTETS:
            message = "more of a message than there is room for"
            raise FrameError(message)
        room = arriving.writer.write(octets)
        make_room = partial(self._make_room, message_id, arriving, len(octets))
        if room is None:
            make_room()
        else:
            asyncio.ensure_future(room).add_done_callback(make_room)

    def _make_room(self, message_id: int, arriving: _Arriving, octets: int, _: object = None) -> None:
        arriving.waiting -= octets
        self._send(ToSmtp.ROOM, pair(message_id, octets))

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

    def _take(self, facts: Facts, content: InlineContent | ContentWriter) -> None:
        if needs_second_look(facts.envelopes):
            task = asyncio.ensure_future(self._look_again(facts, content))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        else:
            self._enqueue(facts, content)

    async def _look_again(self, facts: Facts, content: InlineContent | ContentWriter) -> None:
        try:
            is_right = await is_meant(self._policy, facts)
        except BaseException:
            # A mistake of ours: the loop reports it, and the client waits for no answer that will not come.
            self._reject(facts, content, "it cannot be told what the configuration says")
            raise
        if is_right:
            self._enqueue(facts, content)
        else:
            # Or somebody has changed an alias since RCPT; when the client tries again, it is told what holds now.
            self._reject(facts, content, "a command or file that it is for is not that of the configuration")

    def _reject(self, facts: Facts, content: InlineContent | ContentWriter, why: str) -> None:
        if not isinstance(content, InlineContent):
            content.discard()
        self._refuse(facts.message_id, StorageError(why))

    def _enqueue(self, facts: Facts, content: InlineContent | ContentWriter) -> None:
        accepted = asyncio.ensure_future(self._intake.enqueue(facts.with_content(content)))
        accepted.add_done_callback(partial(self._on_accepted, facts.message_id))

    def _on_accepted(self, message_id: int, accepted: asyncio.Future[None]) -> None:
        error = accepted.exception()
        if error is None:
            self._send(ToSmtp.TAKEN, number(message_id))
        else:
            self._refuse(message_id, error if isinstance(error, StorageError) else StorageError(str(error)))

    def _refuse(self, message_id: int, error: StorageError) -> None:
        self._send(ToSmtp.REFUSED, encode_refusal(message_id, error))
