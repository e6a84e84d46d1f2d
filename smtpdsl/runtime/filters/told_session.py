"""One session as one program knows it: what it is told, what it is asked, and the messages that it reads.

report(event, …)   nobody waits
ask(hook, …)       the answer with the token of the question, or LostError
open_stream(…)     lines of a message there, lines of a message back, all with one token
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.protocol import requests
from smtpdsl.runtime.filters.protocol.answers import DataLine, Result, Said, Told
from smtpdsl.runtime.filters.protocol.handshake import Registration

if TYPE_CHECKING:
    from smtpdsl.runtime.filters.program import FilterProgram

_AT_ONCE = frozenset({Hook.CONNECT})


class LostError(Exception):
    """A program does not answer; the text is a clause for the log."""


class ProgramSession:
    """One session, as one program knows it.

    Attributes:
        id: Sixteen hexadecimal digits.
        why_lost: Why the program cannot be asked any more; empty if it can.
    """

    def __init__(self, program: FilterProgram, session_id: str, told: Callable[[str, str], None]) -> None:
        """Begin to be known with `begin`; *told* hears what the program *name* reports, and its text."""
        self.id = session_id
        self.program = program
        self.why_lost = ""
        self._told = told
        self._registration: Registration | None = None
        self._answers: dict[str, asyncio.Future[Result]] = {}
        self._streams: dict[str, MessageStream] = {}

    # ------------------------------------------------------------ its beginning and its end

    async def begin(self) -> None:
        """Wait for the program, if it is not ready, and let it know this session from here on."""
        try:
            async with asyncio.timeout(self.program.terms.patience.start):
                await self.program.process.wait_until_ready()
        except TimeoutError:
            self.why_lost = "the program does not run"
        else:
            self.enter()

    def enter(self) -> None:
        """Be known to the program, which is ready."""
        self._registration = self.program.registration
        self.program.enter(self)

    def leave(self) -> None:
        """Be known to the program no more."""
        self.program.leave(self)
        self.lose("the session is over")

    def lose(self, why: str) -> None:
        """Answer nobody any more."""
        self.why_lost = self.why_lost or why
        answers, self._answers = self._answers, {}
        for each in answers.values():
            if not each.done():
                each.set_exception(LostError(why))
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.fail(why)

    # ------------------------------------------------------------ what it is told and asked

    def wants(self, event: str) -> bool:
        """Whether it has asked to hear of *event*, and still can."""
        return self._registration is not None and not self.why_lost and event in self._registration.events

    @property
    def hooks(self) -> frozenset[Hook]:
        """When it wants to be asked; of a program that could not say, that is at once."""
        return _AT_ONCE if self._registration is None else self._registration.hooks

    def report(self, event: str, *fields: str) -> None:
        """Tell it *event*, which it wants to hear of."""
        program = self.program
        moment = program.terms.clock()
        program.process.send(requests.report(program.version, moment, self.id, event, *fields))

    async def ask(self, hook: Hook, *fields: str) -> Result:
        """Ask what to do at *hook*.

        Raises:
            LostError: There is no answer.
        """
        if self.why_lost:
            raise LostError(self.why_lost)
        program, token = self.program, self.program.next_token()
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        answer: asyncio.Future[Result] = loop.create_future()
        self._answers[token] = answer
        line = requests.question(program.version, program.terms.clock(), hook.value, self.id, token, *fields)
        program.process.send(line)
        try:
            async with asyncio.timeout(program.terms.patience.answer):
                return await answer
        except TimeoutError:
            self.hung(asked_at, program.terms.patience.answer)
            message = f"no answer within {program.terms.patience.answer:g} seconds"
            raise LostError(message) from None
        finally:
            self._answers.pop(token, None)

    def hung(self, since: float, seconds: float) -> None:
        """Take notice that it does not answer; if it has answered nobody *since* then, it is ended."""
        if self.program.heard_at <= since:
            self.program.process.fail(f"it answered nothing for {seconds:g} seconds")

    def open_stream(self, heard: Callable[[bytes], None], lost: Callable[[str], None]) -> MessageStream:
        """Begin to send a message; *heard* gets what comes back, line by line, *lost* why nothing does any more.

        To a program that is lost already nothing is sent, and nothing comes back: see `why_lost`.
        """
        stream = MessageStream(self, self.program.next_token(), heard, lost)
        self._streams[stream.token] = stream
        return stream

    def close_stream(self, stream: MessageStream) -> None:
        """Hear nothing more of *stream*."""
        self._streams.pop(stream.token, None)

    # ------------------------------------------------------------ what it says

    def hear(self, said: Said) -> bool:
        """Take what it says; whether somebody waits for that."""
        match said:
            case Result():
                answer = self._answers.get(said.token)
                if answer is None or answer.done():
                    return False
                answer.set_result(said)
            case DataLine():
                stream = self._streams.get(said.token)
                if stream is None:
                    return False
                stream.heard(said.line)
            case Told():
                self._told(self.program.name, said.text)
        return True


class MessageStream:
    """A message on its way through one program: each line has the token that this message has."""

    __slots__ = ("_head", "_lost", "_session", "heard", "is_open", "token")

    def __init__(
        self, session: ProgramSession, token: str, heard: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        """Send it for *session*."""
        program = session.program
        self.token = token
        self.is_open = True
        self.heard = heard
        self._lost = lost
        self._session = session
        self._head = requests.data_line_head(program.version, program.terms.clock(), session.id, token)

    def send(self, lines: list[bytes]) -> None:
        """Let it read *lines*, dots doubled, without their ends."""
        if self._session.why_lost:
            # What was started in its place knows nothing of this session.
            return
        self._session.program.process.send(requests.data_lines(self._head, lines))

    def fail(self, why: str) -> None:
        """Nothing comes back any more."""
        self._lost(why)

    def close(self) -> None:
        """Want nothing more of it."""
        self.is_open = False
        self._session.close_stream(self)
