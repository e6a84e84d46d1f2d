"""Programs of a server that has given up root: started by the process that acts for root.

start(command) ──its number in the charter, two sockets──▶ forker ──fork──▶ a worker, which watches it
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from smtpdsl.runtime.programs.command import ProgramCommand, ProgramError
from smtpdsl.runtime.programs.starting import Sockets, Started
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forking import ANSWER_SECONDS, ForkingSupervisor
from smtpdsl.runtime.supervisor.questions import AnswerError, RunProgram, end_of_program, expect_running
from smtpdsl.runtime.supervisor.wire import WireError
from smtpdsl.runtime.supervisor.worker import Worker


class ForkedStarter:
    """Implements `Starter`."""

    def __init__(self, supervisor: ForkingSupervisor, charter: Charter) -> None:
        """Start programs of *charter*, by *supervisor*."""
        self._supervisor = supervisor
        self._numbers = {command: number for number, command in enumerate(charter.programs)}

    async def start(self, command: ProgramCommand) -> Started:
        """Start *command*.

        Raises:
            ProgramError: It cannot be started.
        """
        if command not in self._numbers:
            message = "the process that acts for root does not know it"
            raise ProgramError(message)
        with ExitStack() as stack:
            sockets = Sockets(stack)
            files = (sockets.their_stream.fileno(), sockets.their_errors.fileno())
            worker = await self._worker(RunProgram(self._numbers[command]), files)
            return Started(*sockets.ours(), _ForkedLife(worker))

    async def _worker(self, question: RunProgram, files: tuple[int, int]) -> Worker:
        """Return a process that runs the program of *question* between *files*."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                worker = await self._supervisor.new_worker(files)
                with ExitStack() as failed:
                    failed.callback(worker.close)
                    expect_running(await worker.ask(question))
                    failed.pop_all()
        except TimeoutError:
            message = f"it did not run within {ANSWER_SECONDS:g} seconds"
            raise ProgramError(message) from None
        except (OSError, WireError, AnswerError) as error:
            raise ProgramError(str(error)) from None
        return worker


class _ForkedLife:
    """Implements `Life` for a program that somebody else watches."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.ended: asyncio.Future[str] = asyncio.ensure_future(self._wait())

    async def _wait(self) -> str:
        try:
            return end_of_program(await self._worker.next_answer())
        except (OSError, WireError, AnswerError):
            return "is not watched any more"
        finally:
            self._worker.close()

    def kill(self) -> None:
        if not self.ended.done():
            self._worker.stop()
