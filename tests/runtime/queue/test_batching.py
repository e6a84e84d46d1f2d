"""What waits is carried out together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.queue import batching
from smtpdsl.runtime.queue.batching import AnyRequest, Batcher, Request
from tests.runtime.queue.sample import run


class Work:
    """What a batcher calls; the first batch waits until it is `released`."""

    def __init__(self) -> None:
        """Carry out nothing yet."""
        self.batches: list[int] = []
        self.released = threading.Event()
        self.calls: list[str] = []
        # The threads that prepare, and those that carry out.
        self.preparing: set[int] = set()
        self.carrying_out: set[int] = set()

    def prepare(self, _: Sequence[AnyRequest]) -> None:
        """Note who does it."""
        self.preparing.add(threading.get_ident())

    def carry_out(self, batch: Sequence[AnyRequest]) -> None:
        """Wait, and count."""
        self.released.wait()
        self.carrying_out.add(threading.get_ident())
        self.batches.append(len(batch))
        self.calls.append("carry out")
        for request in batch:
            request.succeed(len(self.batches))

    def needs_cleaning(self) -> bool:
        """Need it each time."""
        return True

    def clean_up(self) -> None:
        """Count."""
        self.calls.append("clean up")

    def close(self) -> None:
        """Count."""
        self.calls.append("close")

    def start(self) -> Batcher:
        """Start a batcher that calls this."""
        return Batcher(self)


class Sized(Request[int]):
    """A request of some size."""

    def __init__(self, octets: int = 0) -> None:
        """Have *octets*."""
        super().__init__()
        self.octets = octets


def test_what_waits_is_one_batch() -> None:
    """While the first request is carried out, the others gather."""

    async def scenario() -> list[int]:
        work = Work()
        batcher = work.start()
        first = batcher.submit(Sized())
        others = [batcher.submit(Sized()) for _ in range(100)]
        work.released.set()
        await asyncio.gather(first, *others)
        await batcher.close()
        assert work.calls[-2:] == ["clean up", "close"]
        return work.batches

    batches = run(scenario())

    assert sum(batches) == 101
    assert len(batches) <= 2


@pytest.mark.parametrize(
    ("octets", "expected"), [(0, batching.MAX_REQUESTS), (batching.MAX_OCTETS // 4, 4), (batching.MAX_OCTETS, 1)]
)
def test_a_batch_is_bounded(octets: int, expected: int) -> None:
    """By its number of requests, and by their size."""

    async def scenario() -> list[int]:
        work = Work()
        batcher = work.start()
        futures = [batcher.submit(Sized(octets)) for _ in range(2 * expected + 1)]
        work.released.set()
        await asyncio.gather(*futures)
        await batcher.close()
        return work.batches

    assert max(run(scenario())) == expected


def test_nobody_waits_for_cleaning_up() -> None:
    """Results are on their way before it begins."""
    told = threading.Event()
    seen: list[bool] = []

    class Patient(Work):
        def clean_up(self) -> None:
            seen.append(told.wait(10))

    async def scenario() -> None:
        work = Patient()
        work.released.set()
        batcher = work.start()
        await batcher.submit(Sized())
        told.set()
        await batcher.close()

    run(scenario())

    assert seen == [True]


def test_closing_does_what_was_asked_before() -> None:
    """Whoever asks later is told that it is too late."""

    async def scenario() -> None:
        work = Work()
        batcher = work.start()
        first = batcher.submit(Sized())
        closing = asyncio.ensure_future(batcher.close())
        await asyncio.sleep(0)
        work.released.set()
        await closing
        assert await first == 1
        with pytest.raises(StorageError, match="the queue is closed"):
            await batcher.submit(Sized())

    run(scenario())


def test_who_asks_while_it_ends_is_told() -> None:
    """At once, even if the thread is still busy."""

    async def scenario() -> None:
        work = Work()
        batcher = work.start()
        first = batcher.submit(Sized())
        closing = asyncio.ensure_future(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(StorageError, match="the queue is closed"):
            await batcher.submit(Sized())
        assert not first.done()
        work.released.set()
        await closing
        assert await first == 1

    run(scenario())


def test_nobody_waits_for_what_was_given_up() -> None:
    """A request whose future was cancelled is carried out, and its result is dropped."""

    async def scenario() -> None:
        work = Work()
        batcher = work.start()
        given_up, other = batcher.submit(Sized()), batcher.submit(Sized())
        given_up.cancel()
        work.released.set()
        await other
        await batcher.close()
        assert sum(work.batches) == 2

    run(scenario())


def test_the_two_threads_take_turns() -> None:
    """A batch is prepared on the event loop, while the thread has nothing."""

    class Sharing(Work):
        busy = False

        def prepare(self, batch: Sequence[AnyRequest]) -> None:
            super().prepare(batch)
            assert not self.busy

        def carry_out(self, batch: Sequence[AnyRequest]) -> None:
            self.busy = True
            super().carry_out(batch)

        def clean_up(self) -> None:
            # By now the loop has heard of the batch, and has asked for more.
            told.wait(10)
            self.busy = False

    told = threading.Event()

    async def scenario() -> Sharing:
        work = Sharing()
        work.released.set()
        batcher = work.start()
        await batcher.submit(Sized())
        second = batcher.submit(Sized())
        await asyncio.sleep(0)
        told.set()
        await second
        await batcher.close()
        return work

    work = run(scenario())

    assert work.preparing == {threading.get_ident()}
    assert work.carrying_out.isdisjoint(work.preparing)
    assert work.batches == [1, 1]


class StumblesLate(Work):
    """Has a bug in the thread."""

    def carry_out(self, _: Sequence[AnyRequest]) -> None:
        """Fail."""
        raise AssertionError


class StumblesEarly(Work):
    """Has a bug on the event loop."""

    def prepare(self, _: Sequence[AnyRequest]) -> None:
        """Fail."""
        raise AssertionError


class Forgets(Work):
    """Says nothing about a request."""

    def carry_out(self, _: Sequence[AnyRequest]) -> None:
        """Do nothing."""


def test_nobody_waits_for_what_is_forgotten() -> None:
    """A request without a result has failed, and the next one is carried out."""

    async def scenario() -> None:
        batcher = Forgets().start()
        for _ in range(2):
            with pytest.raises(StorageError, match="has not said"):
                await asyncio.wait_for(batcher.submit(Sized()), 10)
        await batcher.close()

    run(scenario())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("stumbling", [StumblesEarly, StumblesLate])
def test_a_mistake_of_ours_leaves_nobody_waiting(stumbling: type[Work]) -> None:
    """If the thread ends because of a bug, what it had is refused, and what is asked later, too."""

    async def scenario() -> None:
        # What the loop says of the bug.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        batcher = stumbling().start()
        with pytest.raises(StorageError):
            await batcher.submit(Sized())
        with pytest.raises(StorageError):
            await batcher.submit(Sized())
        await batcher.close()

    run(scenario())
