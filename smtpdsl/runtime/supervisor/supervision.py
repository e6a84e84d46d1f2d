"""What every supervisor does: wait for work, but not for ever, and end in good order.

perform ──start──▶ job ──▶ outcome
   │ late, or nobody waits any more
   └────stop─────▶ job: a command is killed, a maildir gets nothing new
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.interfaces import LocalWork, Outcome

# Commands are ended by who runs them; this is for whoever is stuck in a file system, or does not get to run.
_MARGIN_SECONDS = 10.0
# What is told to stop ends at once, unless the kernel holds it back.
_LAST_WAIT_SECONDS = 5.0


class Job(NamedTuple):
    """Work that is being done; *stop* says that nobody wants the outcome any more, at any time."""

    outcome: asyncio.Future[Outcome]
    stop: Callable[[], None]


class Supervision(ABC):
    """A supervisor, whatever its way to do work."""

    def __init__(self) -> None:
        """Do nothing yet."""
        self._jobs: set[Job] = set()
        self._is_closing = False

    @abstractmethod
    def _start(self, work: LocalWork) -> Job:
        """Begin to do *work*; the outcome comes, whatever happens."""

    async def perform(self, work: LocalWork) -> Outcome:
        """Do *work* with the rights of its identity and no others; raises nothing but cancellation."""
        if self._is_closing:
            return temporary("the server stops")
        job = self._start(work)
        self._jobs.add(job)
        job.outcome.add_done_callback(lambda _: self._jobs.discard(job))
        try:
            # Unlike others, this neither cancels the job nor takes the blame for its own end.
            await asyncio.wait({job.outcome}, timeout=work.time_limit + _MARGIN_SECONDS)
        finally:
            if not job.outcome.done():
                job.stop()
        if not job.outcome.done():
            return temporary(f"not done after {work.time_limit:g} seconds")
        if job.outcome.cancelled():
            return temporary("the server stops")
        return job.outcome.result()

    async def close(self, grace: float) -> None:
        """Take no more work, wait *grace* seconds for what is being done, and stop the rest."""
        self._is_closing = True
        await self._wait(grace)
        for job in list(self._jobs):
            job.stop()
        await self._wait(_LAST_WAIT_SECONDS)
        for job in list(self._jobs):
            job.outcome.cancel()
        await self._wait(None)

    async def _wait(self, seconds: float | None) -> None:
        if self._jobs:
            await asyncio.wait({job.outcome for job in self._jobs}, timeout=seconds)
