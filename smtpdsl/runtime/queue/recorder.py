"""Tells the store what became of envelopes, again and again until it knows.

delivered ──▶ record ──▶ committed ──▶ files of messages that are gone are removed, memory is free
                ▲           │
                └─ later ── failed     the envelope stays in memory: it is not delivered again while we live
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.spool import ContentFolder
from smtpdsl.runtime.queue.store import Changes, Store

# How long a store that has failed is left alone.
PAUSE_SECONDS = 5.0


class _Entry(NamedTuple):
    changes: Changes
    then: Callable[[], None]


class Recorder:
    """Changes on their way into the store."""

    def __init__(self, store: Store, content: ContentFolder, log: Log) -> None:
        """Tell *store*, and remove from *content* what it needs no more."""
        self._store = store
        self._content = content
        self._log = log
        self._running: set[asyncio.Future[Sequence[int]]] = set()
        self._failed: list[_Entry] = []
        self._timer: asyncio.TimerHandle | None = None

    def record(self, changes: Changes, then: Callable[[], None]) -> None:
        """Let the store know of *changes*, and call *then* when it does."""
        self._send(_Entry(changes, then))

    async def finish(self) -> None:
        """Wait until everything is recorded; what has failed is tried once more."""
        while self._running:
            await asyncio.wait(self._running)
        self._send_again()
        while self._running:
            await asyncio.wait(self._running)
        self._cancel_timer()
        if self._failed:
            count = sum(len(changes.done) for changes, _ in self._failed)
            self._log.warn(f"the queue could not record {count} deliveries: the next start may repeat them")

    def _send(self, entry: _Entry) -> None:
        future = self._store.record(entry.changes)
        self._running.add(future)
        future.add_done_callback(partial(self._on_recorded, entry))

    def _on_recorded(self, entry: _Entry, future: asyncio.Future[Sequence[int]]) -> None:
        self._running.discard(future)
        error = future.exception()
        if error is not None:
            self._on_failed(entry, error)
            return
        for message_id in future.result():
            self._content.remove(message_id)
        entry.then()

    def _on_failed(self, entry: _Entry, error: BaseException) -> None:
        if not self._failed:
            self._log.warn(f"the queue cannot record what became of messages, and tries again: {error}")
        self._failed.append(entry)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(loop.time() + PAUSE_SECONDS, self._send_again)

    def _send_again(self) -> None:
        self._cancel_timer()
        failed, self._failed = self._failed, []
        for entry in failed:
            self._send(entry)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
