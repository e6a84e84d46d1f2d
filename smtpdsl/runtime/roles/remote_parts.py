"""What else the sessions of an SMTP process need of the queue process, or of root behind it.

RemoteGate       who may come in is counted for all processes together
RemoteRoot       asks the process of root, which only the queue process can reach
SharedThrottle   a login that fails here counts in every process
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.net.gate import FULL
from smtpdsl.runtime.roles.messages import ToQueue, Tried, encode_tried, number, octets_of
from smtpdsl.runtime.roles.remote_queue import GONE, Send
from smtpdsl.runtime.sasl.throttle import Throttle
from smtpdsl.runtime.supervisor.batches import decode_answers, encode_questions
from smtpdsl.runtime.supervisor.questions import Answer, AnswerError, Question
from smtpdsl.runtime.supervisor.wire import WireError


class RemoteGate:
    """Implements `Door`: the gate of the queue process."""

    def __init__(self, send: Send) -> None:
        """Ask with *send*."""
        self._send = send
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Reply | None]] = {}
        self._is_lost = False

    def admit(self, source: str | None, now: float) -> Awaitable[Reply | None]:
        """Ask whether a connection of *source* is let in, whose proxy was let in without that."""
        del now
        ask = next(self._numbers)
        answer = self._asked[ask] = asyncio.get_running_loop().create_future()
        if self._is_lost:
            self.admitted(ask, FULL)
        else:
            self._send(ToQueue.ADMIT, number(ask), octets_of(source or ""))
        return answer

    def leave(self, source: str | None) -> None:
        """Tell that a connection is over that was let in."""
        self._send(ToQueue.LEFT, octets_of(source or ""))

    def admitted(self, ask: int, refused: Reply | None) -> None:
        """Take notice of an answer."""
        answer = self._asked.pop(ask, None)
        if answer is not None and not answer.done():
            answer.set_result(refused)

    def lose(self) -> None:
        """Let nobody in any more: nobody would answer."""
        self._is_lost = True
        for ask in tuple(self._asked):
            self.admitted(ask, FULL)


class RemoteRoot:
    """Implements `Root`."""

    def __init__(self, send: Send) -> None:
        """Ask with *send*."""
        self._send = send
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._is_lost = False

    async def ask(self, question: Question) -> Answer:
        """Have *question* answered.

        Raises:
            AnswerError: It is refused, or nobody can be asked.
        """
        return (await self.ask_all((question,)))[0]

    async def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """Have *questions* answered, of one kind and about one user.

        Raises:
            AnswerError: They cannot be asked.
        """
        if self._is_lost:
            raise AnswerError(GONE)
        ask = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[ask] = answer
        self._send(ToQueue.ASK, number(ask), encode_questions(questions))
        try:
            answers = decode_answers(await answer)
        except WireError as error:
            raise AnswerError(str(error)) from None
        finally:
            self._asked.pop(ask, None)
        if len(answers) != len(questions):
            raise AnswerError(GONE)
        return answers

    def answered(self, ask: int, octets: bytes) -> None:
        """Take notice of answers."""
        answer = self._asked.get(ask)
        if answer is not None and not answer.done():
            answer.set_result(octets)

    def lose(self) -> None:
        """Answer whoever waits that there is no answer."""
        self._is_lost = True
        for ask in tuple(self._asked):
            self.answered(ask, b"")


class SharedThrottle(Throttle):
    """What is remembered of failures here and, as it happens, in the other processes."""

    def __init__(self, send: Send) -> None:
        """Tell the others with *send*."""
        super().__init__()
        self._send = send

    def failed(self, now: float, source: str, login: str) -> float:
        """Remember a failure, let the others do so, and return after how many seconds it is to be answered."""
        self._send(ToQueue.TRIED, encode_tried(Tried(source, login, is_right=False)))
        return super().failed(now, source, login)

    def succeeded(self, now: float, source: str, login: str) -> None:
        """Remember from where *login* is used, and let the others do so."""
        self._send(ToQueue.TRIED, encode_tried(Tried(source, login, is_right=True)))
        super().succeeded(now, source, login)

    def heard(self, now: float, tried: Tried) -> None:
        """Remember what another process has told."""
        note: Callable[[float, str, str], object] = super().succeeded if tried.is_right else super().failed
        note(now, tried.source, tried.login)
