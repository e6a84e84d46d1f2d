"""Everybody has a few passwords checked at a time, and waits for the next.

    192.0.2.1      checking 4, waiting 16        a client with twenty connections, or a guesser
    198.51.100.7   checking 1                    does not wait behind them

So nobody fills the line before the threads (`credentials.pool`), and who guesses over many
connections at once learns of a refusal before the guesses behind it are looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_A_TIME = 4


class _Queue:
    """The turns of one source, for as long as somebody has or wants one."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(AT_A_TIME)
        self.users = 0


class Turns:
    """Hands out turns by source; it remembers nobody who is not there."""

    def __init__(self) -> None:
        """Let everybody have a turn."""
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def take(self, source: str) -> AsyncIterator[None]:
        """Wait for a turn of *source*, and have it until the end of the block."""
        queue = self._queues.setdefault(source, _Queue())
        queue.users += 1
        try:
            async with queue.turns:
                yield
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[source]

    def __len__(self) -> int:
        return len(self._queues)
