"""Work of an ordinary user: it delivers as itself, whatever the identity says.

    perform ──▶ a thread of the pool ──▶ maildir, mailbox, or the shell's standard input and output

The event loop never waits for a disk or for a program.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from smtpdsl.runtime.delivery.content import ContentError, open_content
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.delivery.work import do_work
from smtpdsl.runtime.interfaces import CommandWork, LmtpWork, LocalWork, Outcome, WrappedWork
from smtpdsl.runtime.supervisor.supervision import Job, Supervision

# Threads that wait for the disk: more of them do not make it faster.
_FILE_THREADS = 16
# Threads that wait for programs and servers; how many deliveries there are at a time is limited by the queue.
_COMMAND_THREADS = 128


class OwnSupervisor(Supervision):
    """Does all work with the rights that the server has; root is refused."""

    def __init__(self) -> None:
        """Start no thread yet."""
        super().__init__()
        # Of their own: a hundred commands that sleep must not hold up a maildir or a mailbox.
        self._files = ThreadPoolExecutor(_FILE_THREADS, "files")
        self._commands = ThreadPoolExecutor(_COMMAND_THREADS, "command")

    def _start(self, work: LocalWork) -> Job:
        stop = Stop()
        pool = self._commands if isinstance(work.method, CommandWork | LmtpWork | WrappedWork) else self._files
        thread = pool.submit(_perform, work, stop)
        # When the thread has ended, or will never begin; the future of the event loop may be done before that.
        thread.add_done_callback(lambda _: stop.close())
        return Job(asyncio.wrap_future(thread), stop.request)

    async def close(self, grace: float) -> None:
        """Take no more work, wait *grace* seconds for what is being done, and stop the rest."""
        await super().close(grace)
        for pool in (self._files, self._commands):
            pool.shutdown(wait=False, cancel_futures=True)


def _perform(work: LocalWork, stop: Stop) -> Outcome:
    try:
        with open_content(work.content) as content:
            return do_work(work, content, stop.descriptor)
    except ContentError as error:
        return temporary(str(error))
