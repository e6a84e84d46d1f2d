"""One thread carries out what the event loop asks, everything that waits at a time.

    event loop                          thread
      submit(a) ─┐
      submit(b) ─┼─▶ a b ─────────────▶ carry out [a, b]
      submit(c) ─┼─▶ c d e                 │
      submit(d) ─┤                         ▼
      submit(e) ─┘   settle a, b ◀──── one call for the batch
                                        carry out [c, d, e]

The longer a batch takes, the more waits for the next one: under load many requests share the
price of one, and a request that is alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from smtpdsl.runtime.interfaces import StorageError

_T = TypeVar("_T")

# A batch ends when it has so many requests, or octets.
MAX_REQUESTS = 512
MAX_OCTETS = 16 * 1024 * 1024


class Request(Generic[_T]):
    """Something that is asked of the thread; the thread notes the result, and the event loop passes it on."""

    # What it adds to the size of a batch.
    octets = 0

    def __init__(self) -> None:
        """Ask; the future belongs to the running event loop."""
        self.future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._result: _T
        self._error: StorageError | None = None

    def succeed(self, result: _T) -> None:
        """Note *result*, which counts unless `fail` is called afterwards."""
        self._result = result

    def fail(self, error: StorageError) -> None:
        """Note that it failed."""
        self._error = error

    def settle(self) -> None:
        """Tell whoever asked, if anybody still listens."""
        if self.future.done():
            return
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)


AnyRequest: TypeAlias = Request[Any]


class Batcher:
    """The thread, and what it calls.

    *carry_out* gives each request of a batch a result or an error.  *clean_up* comes after the
    results are on their way, so that nobody waits for it; *close* is the last call.
    """

    def __init__(
        self,
        carry_out: Callable[[Sequence[AnyRequest]], None],
        clean_up: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        """Start it."""
        self._carry_out = carry_out
        self._clean_up = clean_up
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[AnyRequest | None] = queue.SimpleQueue()
        # What was asked in this turn of the loop.
        self._gathered: list[AnyRequest] = []
        self._ended = self._loop.create_future()
        # A process that ends without closing leaves the store as a crash does, which it has to survive anyway.
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        self._thread.start()

    def submit(self, request: Request[_T]) -> asyncio.Future[_T]:
        """Let *request* be carried out, and return the future of its result."""
        if self._ended.done():
            request.fail(StorageError("the queue is closed"))
            request.settle()
        else:
            if not self._gathered:
                self._loop.call_soon(self._hand_over)
            self._gathered.append(request)
        return request.future

    def _hand_over(self) -> None:
        """Give the thread what one turn of the event loop has asked: each time it wakes up, the loop has to stop."""
        for request in self._gathered:
            self._waiting.put(request)
        self._gathered.clear()

    async def close(self) -> None:
        """Wait until everything that was asked is done, and end the thread."""
        self._hand_over()
        self._waiting.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        batch: list[AnyRequest] = []
        try:
            while batch := self._next_batch():
                self._carry_out(batch)
                self._call(_settle, batch)
                self._clean_up()
        finally:
            # Only a mistake of ours leaves requests here; whoever waits for them must hear of it.
            try:
                self._close()
            finally:
                self._call(self._end, batch)

    def _next_batch(self) -> list[AnyRequest]:
        """Wait for a request, and take it with all others that wait; an empty list says that the end has come."""
        request = self._waiting.get()
        batch: list[AnyRequest] = []
        octets = 0
        while request is not None:
            batch.append(request)
            octets += request.octets
            if len(batch) >= MAX_REQUESTS or octets >= MAX_OCTETS:
                return batch
            try:
                request = self._waiting.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._waiting.put(None)
        return batch

    def _call(self, function: Callable[[Sequence[AnyRequest]], None], batch: Sequence[AnyRequest]) -> None:
        # The loop is closed if the server was ended without closing the queue; then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, batch)

    # ------------------------------------------------------------ on the event loop

    def _end(self, batch: Sequence[AnyRequest]) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self._hand_over()
        left = list(batch)
        while not self._waiting.empty():
            request = self._waiting.get_nowait()
            left += [request] if request is not None else []
        for request in left:
            request.fail(StorageError("the queue is closed"))
            request.settle()


def _settle(batch: Sequence[AnyRequest]) -> None:
    for request in batch:
        request.settle()
