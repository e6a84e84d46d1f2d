"""Work for root: it is done by processes that have become the user.

    perform ──connection, file──▶ forker ──fork──▶ worker, root ──setresuid──▶ worker, the user
        └────────────── work ──▶ ◀── outcome ───────────────────────────────────────┘

No process of root touches what is a user's.  A worker has one identity for all its life;
when it is done it may be given more work of that identity, for a moment.  So whoever has read
the ``.forward`` of a user often delivers as well.  Where enough of them write already, mail for a
user who has one waits for that one: it is done before another process could have begun.

Should the forker die, its workers go on and are heard, and what it had not begun fails for the
moment.  Nobody but root could start another one, so the server has to end.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from smtpdsl.runtime.delivery.content import ContentError, open_spooled
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.interfaces import (
    Identity,
    LocalWork,
    MailboxWork,
    MaildirWork,
    Outcome,
    Result,
    SpooledContent,
)
from smtpdsl.runtime.supervisor.forker_process import ForkerProcess, start_forker
from smtpdsl.runtime.supervisor.idle_workers import IdleWorkers
from smtpdsl.runtime.supervisor.questions import Answer, AnswerError, Question, ReadForward, is_refusal
from smtpdsl.runtime.supervisor.supervision import Job, Supervision
from smtpdsl.runtime.supervisor.wire import WireError
from smtpdsl.runtime.supervisor.worker import Worker

__all__ = ["ForkerProcess", "ForkingSupervisor", "start_forker"]

# How long an answer is waited for: home directories may be on another machine, and PAM takes its time.
ANSWER_SECONDS = 15.0
# Strangers cause questions, and each of them may be a process.
_MAX_QUESTIONS = 32
# As many workers keep a disk and the processors busy; more of them only cost their forks.
_ENOUGH_WORKERS = 8
# Writing into a maildir takes a few milliseconds; who takes longer is stuck, and another one is asked.
_WAIT_SECONDS = 0.1
_ROOT = 0


class ForkingSupervisor(Supervision):
    """Does work in processes that have the rights of its identity."""

    def __init__(self, forker: ForkerProcess) -> None:
        """Ask *forker*."""
        super().__init__()
        self._forker = forker
        self._idle = IdleWorkers()
        # How many workers of each identity deliver.
        self._busy: Counter[Identity] = Counter()
        self._turns = asyncio.Semaphore(_MAX_QUESTIONS)

    def watch(self, lost: Callable[[str], None]) -> None:
        """Call *lost*, with a sentence, should the forker die."""
        text = f"the process {self._forker.pid}, which acts for root, is dead"
        self._forker.watch(lambda: lost(text))

    def _start(self, work: LocalWork) -> Job:
        assignment = _Assignment()
        return Job(asyncio.ensure_future(self._perform(work, assignment)), assignment.stop)

    async def close(self, grace: float) -> None:
        """Take no more work, wait *grace* seconds for what is being done, stop the rest, and end the forker."""
        await super().close(grace)
        self._idle.close()
        self._forker.unwatch()
        await asyncio.to_thread(self._forker.close)

    # ------------------------------------------------------------ questions

    async def ask(self, question: Question) -> Answer:
        """Have *question* answered.

        Raises:
            AnswerError: It is refused, or nobody answers in time.
        """
        return (await self.ask_all((question,)))[0]

    async def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """Have *questions* answered, of one kind and about one user, by one process.

        Raises:
            AnswerError: They cannot be asked, or nobody answers in time.
        """
        if self._is_closing:
            message = "the server stops"
            raise AnswerError(message)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._turns:
                return await self._ask(questions)
        except TimeoutError:
            message = f"no answer within {ANSWER_SECONDS:g} seconds"
            raise AnswerError(message) from None
        except OSError as error:
            message = f"nobody can be asked: {error.strerror}"
            raise AnswerError(message) from None
        except WireError:
            message = "the process that was asked ended without an answer"
            raise AnswerError(message) from None

    async def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        identity = questions[0].identity if isinstance(questions[0], ReadForward) else None
        idle = self._idle.take(identity) if identity is not None else None
        worker = idle or await self.new_worker()
        with ExitStack() as stack:
            stack.callback(worker.close)
            answers = [await worker.ask(each) for each in questions]
            if identity is not None and identity.uid != _ROOT and not any(map(is_refusal, answers)):
                stack.pop_all()
                self._idle.put(identity, worker)
        return answers

    # ------------------------------------------------------------ work

    async def _perform(self, work: LocalWork, assignment: _Assignment) -> Outcome:
        with ExitStack() as stack:
            try:
                worker = assignment.worker = await self._worker(work)
                stack.callback(worker.close)
                if assignment.is_stopped:
                    return temporary("the server stops")
                with self._counted(work.identity):
                    outcome = await worker.perform(work)
            except ContentError as error:
                return temporary(str(error))
            except WireError:
                return temporary("the delivering process ended without an answer")
            except OSError as error:
                return temporary(f"cannot start a delivering process: {error.strerror}")
            # Who could not do it, or was killed while trying, is no longer what it was.
            if outcome.result is Result.OK:
                stack.pop_all()
                self._idle.put(work.identity, worker)
        return outcome

    async def _worker(self, work: LocalWork) -> Worker:
        """Return a worker for *work*, with the file of its content, if it has one."""
        if isinstance(work.content, SpooledContent):
            return await self._worker_with(work.content.path)
        if (idle := self._idle.take(work.identity)) is not None:
            return idle
        is_quick = isinstance(work.method, MaildirWork | MailboxWork)
        if is_quick and self._busy[work.identity] and self._busy.total() >= _ENOUGH_WORKERS:
            soon = await self._idle.wait(work.identity, _WAIT_SECONDS)
            if soon is not None:
                return soon
        return await self.new_worker()

    @contextmanager
    def _counted(self, identity: Identity) -> Iterator[None]:
        """Count a worker of *identity* as one that delivers."""
        self._busy[identity] += 1
        try:
            yield
        finally:
            self._busy[identity] -= 1
            if not self._busy[identity]:
                del self._busy[identity]

    async def _worker_with(self, path: str) -> Worker:
        """Return a worker that gets the file *path*."""
        file = open_spooled(path)
        try:
            return await self.new_worker((file,))
        finally:
            os.close(file)

    async def new_worker(self, files: Sequence[int] = ()) -> Worker:
        """Return a worker that is still root, and will be what its first work or question says; it gets *files*.

        Raises:
            OSError: There can be none.
        """
        ours, theirs = socket.socketpair()
        with ExitStack() as failed:
            failed.enter_context(ours)
            with theirs:
                await self._forker.fork([theirs.fileno(), *files])
            failed.pop_all()
        ours.settimeout(0)
        return Worker(ours)


class _Assignment:
    """Work, and who does it."""

    def __init__(self) -> None:
        """Nobody does it yet."""
        self.worker: Worker | None = None
        self.is_stopped = False

    def stop(self) -> None:
        """Let it be known that nobody wants the outcome."""
        self.is_stopped = True
        if self.worker is not None:
            self.worker.stop()
