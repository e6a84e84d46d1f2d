"""A program that answers for a table: many questions at a time, each with its answer or with the reason why not.

    lookup(alias, "joe") ─▶ ready? ─▶ table|0.1|…|lookup|alias|2526087f|joe ─▶ …
                                      lookup-result|2526087f|found|ann      ─▶ "ann"

Answers may come in any order.  A question fails by itself if its answer does not come in time;
if nothing at all comes meanwhile, the program hangs, and is started again.  So it is if it
says what nobody has asked.  Then everything that it was asked fails, and that is all that fails.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.log import Log, printable
from smtpdsl.runtime.net.seldom import Seldom
from smtpdsl.runtime.programs.command import ProgramCommand, ProgramError
from smtpdsl.runtime.programs.starting import Starter
from smtpdsl.runtime.programs.supervised import ProgramLimits, SupervisedProgram
from smtpdsl.runtime.tables.old_programs import INSTALL_NEWER
from smtpdsl.runtime.tables.text_protocol import (
    Answer,
    Failed,
    Found,
    KeyRefusedError,
    Operation,
    Question,
    Registration,
    Result,
    TableProtocolError,
    greeting,
    parse_answer,
    request,
)


class TableUnavailableError(Exception):
    """A table cannot say now what it was asked; the text is a clause, with no key and no value."""


class TableLimits(NamedTuple):
    """How long a program may take, in seconds: for its first words, and for each answer; and how it is asked.

    It has so many questions *at_once*, of which those count that nobody waits for any more; others wait at most
    *turn_seconds* for their turn.  It may owe an answer for *owing_seconds*.  It is there again a few seconds after
    whoever mends it has mended it: *longest_pause*.
    """

    ready_seconds: float = 10.0
    answer_seconds: float = 10.0
    turn_seconds: float = 60.0
    owing_seconds: float = 60.0
    longest_pause: float = 4.0
    at_once: int = 16


class _Waiting(NamedTuple):
    operation: Operation
    result: asyncio.Future[Result]


class TableProgram:
    """Implements `Talker`: what is said to the program, and what its words mean."""

    def __init__(
        self,
        table: str,
        command: ProgramCommand,
        starter: Starter,
        log: Log,
        limits: TableLimits = TableLimits(),  # noqa: B008 - it is frozen
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to ask *command*.

        Args:
            table: The name of the table.
            command: What is started, and as whom.
            starter: Who starts it.
            log: Told of what goes wrong.
            limits: How long it may take.
            clock: Gives seconds since 1970.
        """
        self.table = table
        self._log = log
        self._limits = limits
        self._clock = clock
        supervision = ProgramLimits(ready_seconds=limits.ready_seconds, longest_pause=limits.longest_pause)
        self._program = SupervisedProgram(command, starter, self, log, supervision)
        self._registration = Registration()
        self._is_registered = False
        # One for each question that the program has.
        self._turns = asyncio.Semaphore(limits.at_once)
        self._waiting: dict[str, _Waiting] = {}
        # Those that nobody waits for any more, the oldest first: when they were asked.
        self._late: dict[str, float] = {}
        self._beginnings: set[asyncio.Future[None]] = set()
        self._heard_at = 0.0
        # Of a program that has begun: whether it has said nothing yet.
        self._is_silent = self._has_hint = False
        self._troubles: Seldom | None = None

    def start(self) -> None:
        """Start it, on the running event loop."""
        self._troubles = Seldom(self._tell, asyncio.get_running_loop().call_later)
        self._program.start()

    async def close(self) -> None:
        """End it."""
        await self._program.close()
        self._is_silent = False
        self.ended("is not asked any more: the server stops")
        if self._troubles is not None:
            self._troubles.close()

    # ------------------------------------------------------------ what it is asked

    async def offers(self, service: Service) -> bool:
        """Whether it has said that it can be asked as *service*.

        Raises:
            TableUnavailableError: It does not run.
        """
        await self._until_ready()
        return service in self._registration.services

    async def check(self, service: Service, key: str) -> bool:
        """Whether it knows *key*.

        Raises:
            TableUnavailableError: It cannot say now.
        """
        return isinstance(await self._ask(Question(Operation.CHECK, service, key)), Found)

    async def lookup(self, service: Service, key: str) -> str | None:
        """Return what it has for *key*; None if there is nothing.

        Raises:
            TableUnavailableError: It cannot say now.
        """
        found = await self._ask(Question(Operation.LOOKUP, service, key))
        return found.value if isinstance(found, Found) else None

    async def fetch(self, service: Service) -> str | None:
        """Return the next of its entries; None if there is none.

        Raises:
            TableUnavailableError: It cannot say now.
        """
        found = await self._ask(Question(Operation.FETCH, service))
        return found.value if isinstance(found, Found) else None

    async def update(self) -> None:
        """Let it read its entries anew.

        Raises:
            TableUnavailableError: It cannot do that now.
        """
        await self._ask(Question(Operation.UPDATE))

    async def _ask(self, question: Question) -> Result:
        """Ask, and tell the log if there is no answer."""
        try:
            return _said(await self._answer(question), question)
        except TableUnavailableError as error:
            what = question.operation.value + (f" {question.service.value}" if question.service is not None else "")
            self._note(f"`{what}`: {error}")
            raise

    async def _answer(self, question: Question) -> Result:
        await self._turn()
        identifier = ""
        try:
            await self._until_ready()
            identifier = self._send(question)
        finally:
            if not identifier:
                self._turns.release()
        asked_at = self._now()
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                return await self._waiting[identifier].result
        except TimeoutError:
            self._give_up(asked_at)
        finally:
            if self._waiting.pop(identifier, None) is not None:
                self._late[identifier] = asked_at

    def _send(self, question: Question) -> str:
        """Send *question*, and return what its answer will be called."""
        identifier = self._identifier()
        try:
            line = request(question, identifier, self.table, self._clock())
        except KeyRefusedError as error:
            raise TableUnavailableError(str(error)) from None
        self._waiting[identifier] = _Waiting(question.operation, asyncio.get_running_loop().create_future())
        self._program.send(line)
        return identifier

    async def _turn(self) -> None:
        """Wait until the program can be asked one question more."""
        oldest = next(iter(self._late.values()), None)
        if oldest is not None and self._now() - oldest > self._limits.owing_seconds:
            self._program.fail(f"has owed an answer for more than {self._limits.owing_seconds:g} seconds")
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(self._limits.turn_seconds):
                await self._turns.acquire()
        except TimeoutError:
            message = f"too much else was asked for {self._limits.turn_seconds:g} seconds"
            raise TableUnavailableError(message) from None

    def _give_up(self, asked_at: float) -> NoReturn:
        """Fail a question that is not answered; a program that says nothing to anybody is ended."""
        why = f"no answer within {self._limits.answer_seconds:g} seconds"
        if self._heard_at <= asked_at:
            self._program.fail(f"gives {why}")
        raise TableUnavailableError(why) from None

    async def _until_ready(self) -> None:
        """Wait for a program that begins, until it is ready or has failed once more."""
        if self._is_registered:
            return
        beginning: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._beginnings.add(beginning)
        try:
            async with asyncio.timeout(self._limits.ready_seconds):
                await beginning
        except TimeoutError:
            message = f"the program was not ready within {self._limits.ready_seconds:g} seconds"
            raise TableUnavailableError(message) from None
        finally:
            self._beginnings.discard(beginning)

    def _identifier(self) -> str:
        while True:
            identifier = secrets.token_hex(4)
            if identifier not in self._waiting and identifier not in self._late:
                return identifier

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ------------------------------------------------------------ what it says

    def began(self) -> None:
        """Greet it."""
        self._registration, self._is_registered, self._is_silent = Registration(), False, True
        self._program.send(greeting(self.table))

    def heard(self, line: bytes) -> None:
        """Take what it says.

        Raises:
            ProgramError: It does not keep to the protocol.
        """
        self._heard_at, self._is_silent = self._now(), False
        try:
            if self._is_registered:
                self._take(parse_answer(line))
            elif self._registration.hear(line):
                self._begin()
        except TableProtocolError as error:
            raise ProgramError(str(error)) from None

    def _begin(self) -> None:
        self._is_registered = True
        self._program.ready()
        for beginning in self._beginnings:
            if not beginning.done():
                beginning.set_result(None)

    def _take(self, answer: Answer) -> None:
        if self._late.pop(answer.identifier, None) is not None:
            self._turns.release()
            return
        waiting = self._waiting.get(answer.identifier)
        if waiting is None or waiting.operation is not answer.operation:
            message = "it answers what it was not asked"
            raise ProgramError(message)
        del self._waiting[answer.identifier]
        self._turns.release()
        if not waiting.result.done():
            waiting.result.set_result(answer.result)

    def ended(self, why: str) -> None:
        """Fail whatever it was asked."""
        if self._is_silent and not self._is_registered:
            self._hint()
        self._is_registered = False
        futures: list[asyncio.Future[Result] | asyncio.Future[None]] = [each.result for each in self._waiting.values()]
        for _ in (*self._waiting, *self._late):
            self._turns.release()
        self._waiting.clear()
        self._late.clear()
        for each in (*futures, *self._beginnings):
            if not each.done():
                each.set_exception(TableUnavailableError(f"the program {why}"))

    # ------------------------------------------------------------ the log

    def _hint(self) -> None:
        """Tell once what else may be wrong with a program that says nothing before it ends."""
        if not self._has_hint:
            self._has_hint = True
            self._log.warn(
                f"the program of the table <{self.table}> has ended without a word: if it is one for OpenSMTPD 7.5 or"
                f" earlier, this server does not speak its protocol; {INSTALL_NEWER}"
            )

    def tell_useless(self, why: str) -> None:
        """Tell that nobody can use an answer, and *why*."""
        self._note(f"its answer is of no use: {printable(why)}")

    def _note(self, text: str) -> None:
        if self._troubles is not None:
            self._troubles.note(text)

    def _tell(self, count: int, last: str) -> None:
        times = "" if count == 1 else f" ({count} times; the last)"
        self._log.warn(f"the table <{self.table}> cannot be asked{times}: {last}")


def _said(result: Result, question: Question) -> Result:
    """Return *result*, if it is one.

    Raises:
        TableUnavailableError: It is an error.
    """
    if not isinstance(result, Failed):
        return result
    # What a program says of a password is nobody's business.
    why = "" if question.service is Service.AUTH else printable(result.why)
    message = f"the program reports an error: {why}" if why else "the program reports an error"
    raise TableUnavailableError(message)
