"""Where passwords are checked: a few threads, a short line before them, and a time limit.

    session ─▶ [ line, at most 64 ] ─▶ thread 1..4 ─▶ yes, no
                 │ full                  │ too slow
                 ▼                       ▼
               CheckError              CheckError     "try again later", never "wrong password"

A hash is made to be slow, and who guesses makes us compute it.  The threads leave the
event loop alone (the libraries compute without the interpreter's lock), their number
leaves processors to the mail, and the line keeps memory and waiting within bounds.

Nothing is remembered of a password that was right.  That would save 25 to 250 ms of a
thread for each further connection of a client, and cost a table of things to guess
against in memory, and passwords that work for a while after they were changed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from smtpdsl.runtime.credentials.stored import CheckError

MAX_THREADS = 4
MAX_WAITING = 64
SECONDS = 15.0

_STOPPING = "no more passwords are checked"


class CheckPool:
    """Asks slow questions in threads."""

    def __init__(self, threads: int | None = None, waiting: int = MAX_WAITING, seconds: float = SECONDS) -> None:
        """Start no thread yet.

        Args:
            threads: How many passwords are checked at once; by default one for two processors, up to `MAX_THREADS`.
            waiting: How many more may wait for a thread.
            seconds: How long an answer is waited for, in the line and in the thread together.
        """
        threads = threads or max(1, min(MAX_THREADS, (os.cpu_count() or 1) // 2))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._most = threads + waiting
        self._seconds = seconds
        self._asked: set[Future[bool]] = set()
        self._is_closed = False

    async def ask(self, question: Callable[[], bool]) -> bool:
        """Return what *question* returns.

        Raises:
            CheckError: It raised something, took too long, or too many are waiting already.
        """
        if len(self._asked) >= self._most:
            message = "too many passwords are waiting to be checked"
            raise CheckError(message)
        if self._is_closed:
            raise CheckError(_STOPPING)
        future = self._threads.submit(question)
        self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        try:
            async with asyncio.timeout(self._seconds):
                # Whoever stops waiting also leaves the line; a thread at work is not to be stopped.
                return await asyncio.wrap_future(future)
        except CheckError:
            raise
        except asyncio.CancelledError:
            # Either whoever waits has been cancelled, or the question has.
            if self._is_closed and not _is_cancelled():
                raise CheckError(_STOPPING) from None
            raise
        except TimeoutError:
            message = f"a password was not checked within {self._seconds:g} seconds"
            raise CheckError(message) from None
        except Exception as error:  # noqa: BLE001 - it knows the password, so nothing but its kind is told
            message = f"a password could not be checked ({type(error).__name__})"
            raise CheckError(message) from None

    def close(self) -> None:
        """Take no more questions, and forget those that wait."""
        self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
