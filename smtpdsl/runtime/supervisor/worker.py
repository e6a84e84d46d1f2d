"""A process that delivers in one user's name, as the server sees it: the near end of a connection."""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import suppress

from smtpdsl.runtime.interfaces import LocalWork, Outcome
from smtpdsl.runtime.supervisor.questions import ANSWER_LENGTHS, Answer, Question
from smtpdsl.runtime.supervisor.wire import (
    MAX_OUTCOME_OCTETS,
    WireError,
    answer_lengths,
    decode_answer,
    decode_outcome,
    encode_question,
    encode_work,
)

# A worker collects no garbage, and is replaced before that matters.
_MAX_WORKS = 200
_READ_OCTETS = 64 * 1024


class Worker:
    """A process that delivers; it ends when its connection is closed."""

    def __init__(self, connection: socket.socket) -> None:
        """Talk to it over *connection*, which is not blocking."""
        self._connection = connection
        self._works = 0
        self._is_stopped = False

    @property
    def is_fresh(self) -> bool:
        """Whether it can be given more work: it lives, and has nothing else to say."""
        if self._is_stopped or self._works >= _MAX_WORKS:
            return False
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return not poll.poll(0)

    async def perform(self, work: LocalWork) -> Outcome:
        """Have *work* done.

        Raises:
            WireError: It ended without an answer.
        """
        self._works += 1
        loop = asyncio.get_running_loop()
        # Should it be dead or told to stop: perhaps somebody answers in its place.
        with suppress(OSError):
            await loop.sock_sendall(self._connection, encode_work(work))
        answer = b""
        while not answer.endswith(b"\n") and len(answer) <= MAX_OUTCOME_OCTETS:
            octets = await self._receive(loop)
            if not octets:
                break
            answer += octets
        return decode_outcome(answer)

    async def ask(self, question: Question) -> Answer:
        """Have *question* answered.

        Raises:
            WireError: It ended without an answer.
        """
        self._works += 1
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            await loop.sock_sendall(self._connection, encode_question(question))
        return await self.next_answer()

    async def next_answer(self) -> Answer:
        """Return what it says next, asked or not.

        Raises:
            WireError: It ended without an answer.
        """
        loop = asyncio.get_running_loop()
        lengths = answer_lengths(await self._receive_exactly(loop, ANSWER_LENGTHS.size))
        text, octets = [await self._receive_exactly(loop, length) for length in lengths]
        return decode_answer(text, octets)

    async def _receive_exactly(self, loop: asyncio.AbstractEventLoop, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            octets = await self._receive(loop, count - len(received))
            if not octets:
                expected = "an answer"
                raise WireError(expected)
            received += octets
        return bytes(received)

    async def _receive(self, loop: asyncio.AbstractEventLoop, count: int = _READ_OCTETS) -> bytes:
        try:
            return await loop.sock_recv(self._connection, count)
        except ConnectionError:
            return b""

    def stop(self) -> None:
        """Let it know that nobody wants the outcome of its work any more; it may say how far it came."""
        self._is_stopped = True
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let it end."""
        self._connection.close()
