"""Workers that have done their work and may be given more of the same user's, for a moment.

    put ──▶ somebody waits for one of that user ──▶ goes on at once
       └──▶ nobody does ──▶ idle ──take──▶ works again
                               └─ a moment later ─▶ ends

A fork costs several times what a delivery does, and mail often comes for few users: all
virtual mailboxes of a host may belong to one.
"""

from __future__ import annotations

import asyncio
from collections import deque

from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.supervisor.worker import Worker

_IDLE_SECONDS = 1.0
_MAX_IDLE = 64


class IdleWorkers:
    """Workers by their identity."""

    def __init__(self) -> None:
        """Keep none."""
        # In the order in which they have become idle.
        self._workers: list[tuple[Identity, Worker, float]] = []
        self._waiting: dict[Identity, deque[asyncio.Future[Worker]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def put(self, identity: Identity, worker: Worker) -> None:
        """Keep *worker*, which has nothing to do, unless there are enough or it is worn out."""
        if not worker.is_fresh:
            worker.close()
            return
        if (waiting := self._next_waiting(identity)) is not None:
            waiting.set_result(worker)
            return
        if len(self._workers) >= _MAX_IDLE:
            worker.close()
            return
        loop = asyncio.get_running_loop()
        self._workers.append((identity, worker, loop.time() + _IDLE_SECONDS))
        if self._sweeper is None:
            self._sweeper = loop.call_later(_IDLE_SECONDS, self._sweep, loop)

    def take(self, identity: Identity) -> Worker | None:
        """Return a worker of *identity*, if there is one; the one that was busy last."""
        for place in reversed(range(len(self._workers))):
            if self._workers[place][0] == identity:
                _, worker, _ = self._workers.pop(place)
                if worker.is_fresh:
                    return worker
                worker.close()
        return None

    async def wait(self, identity: Identity, seconds: float) -> Worker | None:
        """Return the next worker of *identity* that has done its work, if one has within some *seconds*."""
        waiting: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(identity, deque()).append(waiting)
        try:
            await asyncio.wait({waiting}, timeout=seconds)
        except asyncio.CancelledError:
            if waiting.done():
                waiting.result().close()
            raise
        finally:
            if not waiting.done():
                self._forget(identity, waiting)
        return waiting.result() if waiting.done() and not waiting.cancelled() else None

    def _next_waiting(self, identity: Identity) -> asyncio.Future[Worker] | None:
        queue = self._waiting.get(identity)
        if queue is None:
            return None
        waiting = queue.popleft()
        if not queue:
            del self._waiting[identity]
        return waiting

    def _forget(self, identity: Identity, waiting: asyncio.Future[Worker]) -> None:
        waiting.cancel()
        queue = self._waiting[identity]
        queue.remove(waiting)
        if not queue:
            del self._waiting[identity]

    def close(self) -> None:
        """Let all of them end."""
        for _, worker, _ in self._workers:
            worker.close()
        self._workers.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let those end that have been idle for long enough."""
        while self._workers and self._workers[0][2] <= loop.time():
            self._workers.pop(0)[1].close()
        self._sweeper = loop.call_at(self._workers[0][2], self._sweep, loop) if self._workers else None
