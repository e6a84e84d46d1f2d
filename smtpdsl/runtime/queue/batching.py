"""One thread carries out what the event loop asks, everything that waits at a time.

    event loop                          thread
      submit(a) ─┐
      submit(b) ─┴─▶ prepare [a, b] ───▶ carry out [a, b]
      submit(c) ─┐                         │
      submit(d) ─┼─▶ c d e                 ▼
      submit(e) ─┘   settle a, b ◀──── one call for the batch
                     prepare [c, d, e] ▶ carry out [c, d, e]

The longer a batch takes, the more waits for the next one: under load many requests share the
price of one, and a request that is alone waits for nobody.

The two never run at the same time on what they share.  Whatever is short is done by `prepare`, on the event
loop: each time the thread wants to go on with Python, it has to wait until the loop lets it, and so it had better
have only that to do which takes long.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from smtpdsl.runtime.interfaces import StorageError

_T = TypeVar("_T")

# A batch ends when it has so many requests, or octets.
MAX_REQUESTS = 512
MAX_OCTETS = 16 * 1024 * 1024
# Only a mistake of ours leaves a request so; whoever waits must hear of it.
_NOT_ANSWERED = StorageError("the queue has not said what became of it")


class Request(Generic[_T]):
    """Something that is asked of the thread; the thread notes the result, and the event loop passes it on."""

    # What it adds to the size of a batch.
    octets = 0

    def __init__(self) -> None:
        """Ask; the future belongs to the running event loop."""
        self.future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._result: _T
        self.error: StorageError | None = _NOT_ANSWERED

    def succeed(self, result: _T) -> None:
        """Note *result*, which counts unless `fail` is called afterwards."""
        self._result = result
        self.error = None

    def fail(self, error: StorageError) -> None:
        """Note that it failed."""
        self.error = error

    def settle(self) -> None:
        """Tell whoever asked, if anybody still listens."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self.error)


AnyRequest: TypeAlias = Request[Any]


class Work(Protocol):
    """What a batcher calls."""

    def prepare(self, batch: Sequence[AnyRequest]) -> None:
        """Begin with *batch*, on the event loop; everything may be left to the thread."""

    def carry_out(self, batch: Sequence[AnyRequest]) -> None:
        """Give each request of *batch* a result or an error, in the thread."""

    def needs_cleaning(self) -> bool:
        """Whether `clean_up` is to be called, in the thread."""

    def clean_up(self) -> None:
        """Do what nobody waits for, in the thread; the results of the batch before are on their way."""

    def close(self) -> None:
        """End, in the thread; the last call."""


class Batcher:
    """The thread, and the requests on their way to it."""

    def __init__(self, work: Work) -> None:
        """Start it."""
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[AnyRequest] = deque()
        # What the thread has; nothing, if it waits.
        self._batch: list[AnyRequest] = []
        # The thread is busy, or the waiting requests are looked at soon: others of this turn of the loop join them.
        self._is_due = False
        self._is_closing = False
        self._ended = self._loop.create_future()
        self._batches: queue.SimpleQueue[list[AnyRequest]] = queue.SimpleQueue()
        # A process that ends without closing leaves the store as a crash does, which it has to survive anyway.
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        self._thread.start()

    def submit(self, request: Request[_T]) -> asyncio.Future[_T]:
        """Let *request* be carried out, and return the future of its result."""
        if self._is_closing or self._ended.done():
            _refuse(request)
        else:
            self._waiting.append(request)
            self._go_on_soon()
        return request.future

    async def close(self) -> None:
        """Wait until everything that was asked is done, and end the thread."""
        self._is_closing = True
        self._go_on_soon()
        await asyncio.shield(self._ended)
        self._thread.join()

    def _go_on_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Give the thread what waits; an empty batch ends it."""
        self._batch = self._next_batch()
        self._is_due = bool(self._batch)
        if self._batch:
            try:
                self._work.prepare(self._batch)
            except BaseException:
                # Only a mistake of ours; whoever waits must hear of it.
                self._batches.put([])
                raise
        if self._batch or self._is_closing:
            self._batches.put(self._batch)

    def _next_batch(self) -> list[AnyRequest]:
        batch: list[AnyRequest] = []
        octets = 0
        while self._waiting and len(batch) < MAX_REQUESTS and octets < MAX_OCTETS:
            request = self._waiting.popleft()
            batch.append(request)
            octets += request.octets
        return batch

    def _settle(self) -> None:
        for request in self._batch:
            request.settle()
        self._batch.clear()

    def _settle_and_go_on(self) -> None:
        self._settle()
        self._is_due = False
        if self._waiting or self._is_closing:
            # Not at once: first whoever has waited for this batch hears of it.
            self._go_on_soon()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        # Only a mistake of ours leaves requests here; whoever waits for them must hear of it.
        for request in (*self._batch, *self._waiting):
            _refuse(request)
        self._batch.clear()
        self._waiting.clear()

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        work = self._work
        try:
            while batch := self._batches.get():
                work.carry_out(batch)
                if work.needs_cleaning():
                    self._call(self._settle)
                    work.clean_up()
                self._call(self._settle_and_go_on)
        finally:
            try:
                work.close()
            finally:
                self._call(self._end)

    def _call(self, function: Callable[[], None]) -> None:
        # The loop is closed if the server was ended without closing the queue; then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)


def _refuse(request: AnyRequest) -> None:
    request.fail(StorageError("the queue is closed"))
    request.settle()
