"""Work for root: it is done by processes that have become the user.

    perform ──connection, file──▶ forker ──fork──▶ worker, root ──setresuid──▶ worker, the user
        └────────────── work ──▶ ◀── outcome ───────────────────────────────────────┘

No process of root touches what is a user's.  A worker has one identity for all its life;
when it is done it may be given more work of that identity, for a moment.

Should the forker die, its workers go on and are heard, what it had not begun fails for the
moment, and the next work starts a new forker.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from smtpdsl.runtime.delivery.content import ContentError, open_spooled
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.interfaces import LocalWork, Outcome, Result, SpooledContent
from smtpdsl.runtime.supervisor.forker_process import ForkerProcess, start_forker
from smtpdsl.runtime.supervisor.idle_workers import IdleWorkers
from smtpdsl.runtime.supervisor.supervision import Job, Supervision
from smtpdsl.runtime.supervisor.wire import WireError
from smtpdsl.runtime.supervisor.worker import Worker

__all__ = ["ForkerProcess", "ForkingSupervisor", "start_forker"]


class ForkingSupervisor(Supervision):
    """Does work in processes that have the rights of its identity."""

    def __init__(self, forker: ForkerProcess, warn: Callable[[str], None] = lambda _: None) -> None:
        """Ask *forker*; *warn* is told when it has to be replaced."""
        super().__init__()
        self._forker = forker
        self._warn = warn
        self._idle = IdleWorkers()

    def _start(self, work: LocalWork) -> Job:
        assignment = _Assignment()
        return Job(asyncio.ensure_future(self._perform(work, assignment)), assignment.stop)

    async def close(self, grace: float) -> None:
        """Take no more work, wait *grace* seconds for what is being done, stop the rest, and end the forker."""
        await super().close(grace)
        self._idle.close()
        await asyncio.to_thread(self._forker.close)

    async def _perform(self, work: LocalWork, assignment: _Assignment) -> Outcome:
        with ExitStack() as stack:
            try:
                worker = assignment.worker = await self._worker(work)
                stack.callback(worker.close)
                if assignment.is_stopped:
                    return temporary("the server stops")
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
            return await self._new_worker(work.content.path)
        return self._idle.take(work.identity) or await self._new_worker()

    async def _new_worker(self, path: str | None = None) -> Worker:
        """Return a worker that is still root, and will be what its first work says; it gets the file *path*."""
        ours, theirs = socket.socketpair()
        with ExitStack() as failed:
            failed.enter_context(ours)
            with theirs, ExitStack() as sent:
                descriptors = [theirs.fileno()]
                if path is not None:
                    descriptors.append(open_spooled(path))
                    sent.callback(os.close, descriptors[-1])
                await self._fork(descriptors)
            failed.pop_all()
        ours.settimeout(0)
        return Worker(ours)

    async def _fork(self, descriptors: Sequence[int]) -> None:
        """Ask the forker, and if it is dead a new one."""
        asked = self._forker
        try:
            await asked.fork(descriptors)
        except OSError as error:
            # Of several that find it dead, the first one replaces it.
            if self._forker is asked:
                self._warn(f"the process {asked.pid}, which starts deliveries, is dead ({error.strerror}): replaced it")
                self._forker = start_forker()
                await asyncio.to_thread(asked.close)
            await self._forker.fork(descriptors)


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
