"""An event loop in which nobody waits: when nothing is left to be done now, the clock goes on to what is next.

    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        runner.run(scene())                     an hour of `asyncio.sleep` takes no time

For what happens in one thread, over sockets of loopback: what is written there can be read at once, so nothing that is
still to come is passed over.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

_T = TypeVar("_T")


class _Selector(selectors.SelectSelector):
    """Tells the loop how long it would have waited."""

    loop: WarpLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; if nothing is, let so much time be over."""
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        """Begin at some moment."""
        selector = _Selector()
        selector.loop = self
        self.now = 5000.0
        super().__init__(selector)

    def time(self) -> float:
        """Return the moment that it is."""
        return self.now


def run(coroutine: Coroutine[None, None, _T]) -> _T:
    """Run *coroutine* on a `WarpLoop`."""
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(coroutine)
