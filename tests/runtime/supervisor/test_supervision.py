"""Waiting for work, giving it up, and ending in good order."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.runtime.delivery.outcomes import DELIVERED, temporary
from smtpdsl.runtime.interfaces import LocalWork, Outcome, Result
from smtpdsl.runtime.supervisor import supervision
from smtpdsl.runtime.supervisor.supervision import Job, Supervision
from tests.runtime.deliveries import identity_of, work_of

WORK = work_of("true", identity_of("/"), time_limit=0)


class Fake(Supervision):
    """Does nothing by itself; its jobs end when the test says so, or when they are told to stop."""

    def __init__(self, *, obeys: bool = True) -> None:
        """Begin."""
        super().__init__()
        self.obeys = obeys
        self.started: list[asyncio.Future[Outcome]] = []
        self.stopped = 0

    def _start(self, work: LocalWork) -> Job:
        del work
        outcome = asyncio.get_running_loop().create_future()
        self.started.append(outcome)
        return Job(outcome, lambda: self.stop(outcome))

    def stop(self, outcome: asyncio.Future[Outcome]) -> None:
        """Count, and obey if it does."""
        self.stopped += 1
        if self.obeys:
            outcome.set_result(temporary("stopped"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be waited for."""
    monkeypatch.setattr(supervision, "_LAST_WAIT_SECONDS", 0)


async def begin(fake: Fake) -> asyncio.Task[Outcome]:
    """Ask for work, and return when it has begun."""
    task = asyncio.ensure_future(fake.perform(WORK))
    await asyncio.sleep(0)
    return task


def test_the_outcome_is_what_the_job_says() -> None:
    """Work that ends in time is left alone."""

    async def run() -> tuple[Outcome, int]:
        fake = Fake()
        task = await begin(fake)
        fake.started[0].set_result(DELIVERED)
        return await task, fake.stopped

    assert asyncio.run(run()) == (DELIVERED, 0)


def test_work_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is stuck is told to stop, and the message waits for another attempt."""
    monkeypatch.setattr(supervision, "_MARGIN_SECONDS", 0)

    async def run() -> tuple[Outcome, int]:
        fake = Fake(obeys=False)
        outcome = await fake.perform(WORK)
        await fake.close(0)
        return outcome, fake.stopped

    outcome, stopped = asyncio.run(run())
    assert outcome == temporary("not done after 0 seconds")
    assert stopped == 2


def test_work_that_nobody_waits_for_is_stopped() -> None:
    """Cancellation passes, and the job hears of it."""

    async def run() -> tuple[bool, int]:
        fake = Fake()
        task = await begin(fake)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), fake.stopped

    assert asyncio.run(run()) == (True, 1)


def test_work_may_end_within_the_grace() -> None:
    """Closing waits for what is being done."""

    async def run() -> tuple[Outcome, int]:
        fake = Fake()
        task = await begin(fake)
        closing = asyncio.ensure_future(fake.close(60))
        await asyncio.sleep(0)
        fake.started[0].set_result(DELIVERED)
        await closing
        return await task, fake.stopped

    assert asyncio.run(run()) == (DELIVERED, 0)


@pytest.mark.parametrize(("obeys", "text"), [(True, "stopped"), (False, "the server stops")])
def test_work_ends_after_the_grace(*, obeys: bool, text: str) -> None:
    """What does not end by itself is stopped, and whoever waits for it is told, even if it does not obey."""

    async def run() -> tuple[Outcome, int]:
        fake = Fake(obeys=obeys)
        task = await begin(fake)
        await fake.close(0)
        return await task, fake.stopped

    assert asyncio.run(run()) == (temporary(text), 1)


def test_after_the_end_nothing_begins() -> None:
    """Work for a server that stops is for the next one."""

    async def run() -> tuple[Outcome, int]:
        fake = Fake()
        await fake.close(0)
        return await fake.perform(WORK), len(fake.started)

    outcome, started = asyncio.run(run())
    assert (outcome.result, started) == (Result.TEMPORARY, 0)
