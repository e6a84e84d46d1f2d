"""Workers that wait for more work of the same user."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.supervisor import idle_workers
from smtpdsl.runtime.supervisor.idle_workers import IdleWorkers
from smtpdsl.runtime.supervisor.worker import Worker

JOE = Identity("joe", 1000, 1000, "/home/joe")
ANN = JOE._replace(uid=1001)


class Pair(NamedTuple):
    """A worker, and its end of the connection."""

    worker: Worker
    end: socket.socket

    @property
    def is_dismissed(self) -> bool:
        """Whether the server has closed the connection."""
        try:
            return self.end.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True


@pytest.fixture
def make() -> Iterator[Callable[[], Pair]]:
    """Return what makes workers."""
    with ExitStack() as stack:

        def make() -> Pair:
            ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
            for end in (ours, theirs):
                end.settimeout(0)
            return Pair(Worker(ours), theirs)

        yield make


def run(function: Callable[[IdleWorkers], None]) -> None:
    """Call *function* in an event loop, and dismiss who is idle afterwards."""

    async def main() -> None:
        idle = IdleWorkers()
        function(idle)
        idle.close()

    asyncio.run(main())


def test_a_worker_is_taken_once_and_by_its_user(make: Callable[[], Pair]) -> None:
    """Nobody else gets it, and not two at a time; the one that was busy last comes first."""
    first, second = make(), make()

    def use(idle: IdleWorkers) -> None:
        idle.put(JOE, first.worker)
        idle.put(JOE, second.worker)
        assert idle.take(ANN) is None
        assert idle.take(JOE._replace(gid=0)) is None
        assert idle.take(JOE) is second.worker
        assert idle.take(JOE) is first.worker
        assert idle.take(JOE) is None

    run(use)


@pytest.mark.parametrize("how", ["died", "talks", "stopped", "worn out"])
def test_a_worker_that_is_not_fresh_is_dismissed(
    make: Callable[[], Pair], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Whatever happened to it while it had nothing to do, it gets no more work."""
    pair = make()

    def use(idle: IdleWorkers) -> None:
        idle.put(JOE, pair.worker)
        match how:
            case "died":
                pair.end.close()
            case "talks":
                pair.end.send(b"x")
            case "stopped":
                pair.worker.stop()
            case "worn out":
                monkeypatch.setattr("smtpdsl.runtime.supervisor.worker._MAX_WORKS", 0)
        assert idle.take(JOE) is None

    run(use)
    assert how == "died" or pair.is_dismissed


def test_there_is_a_limit(make: Callable[[], Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with many users does not fill up with processes."""
    monkeypatch.setattr(idle_workers, "_MAX_IDLE", 1)
    first, second = make(), make()

    def use(idle: IdleWorkers) -> None:
        idle.put(JOE, first.worker)
        idle.put(ANN, second.worker)
        assert (first.is_dismissed, second.is_dismissed) == (False, True)

    run(use)


def test_a_worker_does_not_wait_for_ever(make: Callable[[], Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is dismissed when its own time is over, others stay."""
    first, second = make(), make()

    async def main() -> None:
        idle = IdleWorkers()
        monkeypatch.setattr(idle_workers, "_IDLE_SECONDS", 0)
        idle.put(JOE, first.worker)
        monkeypatch.setattr(idle_workers, "_IDLE_SECONDS", 1000)
        idle.put(ANN, second.worker)
        # Becomes readable when it is dismissed.
        assert await asyncio.get_running_loop().sock_recv(first.end, 1) == b""
        assert not second.is_dismissed
        assert idle.take(ANN) is second.worker

    asyncio.run(main())


def test_all_are_dismissed_at_the_end(make: Callable[[], Pair]) -> None:
    """The forker waits for them to end."""
    pairs = [make(), make()]

    def use(idle: IdleWorkers) -> None:
        for identity, pair in zip((JOE, ANN), pairs, strict=True):
            idle.put(identity, pair.worker)

    run(use)
    assert all(pair.is_dismissed for pair in pairs)


def test_who_waits_goes_on_first(make: Callable[[], Pair]) -> None:
    """With the next worker of the same user, in the order of asking; nobody waits for ever, or in vain for long."""
    first, second, other = make(), make(), make()

    async def main() -> None:
        idle = IdleWorkers()
        waiting = [asyncio.ensure_future(idle.wait(JOE, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting.pop(0).cancel()
        await asyncio.sleep(0)
        idle.put(ANN, other.worker)
        idle.put(JOE, first.worker)
        idle.put(JOE, second.worker)
        assert await asyncio.gather(*waiting) == [first.worker, second.worker]
        assert idle.take(ANN) is other.worker
        assert await idle.wait(JOE, 0) is None
        idle.put(JOE, first.worker)
        assert idle.take(JOE) is first.worker
        idle.close()

    asyncio.run(main())


def test_who_is_cancelled_keeps_no_worker(make: Callable[[], Pair]) -> None:
    """Also if it has just got one: nobody else knows of that."""
    pair = make()

    async def main() -> None:
        idle = IdleWorkers()
        waiting = asyncio.ensure_future(idle.wait(JOE, 60))
        await asyncio.sleep(0)
        idle.put(JOE, pair.worker)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()

    asyncio.run(main())
    assert pair.is_dismissed
