"""Threads that check passwords."""

from __future__ import annotations

import asyncio
import threading

import pytest

from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.stored import CheckError


class Gate:
    """A question that is answered when the test says so."""

    def __init__(self) -> None:
        """Let nobody through yet."""
        self.is_open = threading.Event()

    def __call__(self) -> bool:
        """Wait, then say yes."""
        return self.is_open.wait(timeout=60)


def test_the_loop_goes_on_while_a_password_is_checked() -> None:
    """The answer comes when it is there."""

    async def run() -> None:
        pool, gate = CheckPool(1), Gate()
        waiting = asyncio.ensure_future(pool.ask(gate))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        gate.is_open.set()
        assert await waiting
        pool.close()

    asyncio.run(run())


def test_no_more_wait_than_may() -> None:
    """One is at work, two wait, the next is sent away; and when they are through there is room again."""

    async def run() -> None:
        pool, gate = CheckPool(1, waiting=2), Gate()
        asked = [asyncio.ensure_future(pool.ask(gate)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(CheckError, match="too many"):
            await pool.ask(gate)
        gate.is_open.set()
        assert all(await asyncio.gather(*asked))
        assert await pool.ask(gate)
        pool.close()

    asyncio.run(run())


def test_who_stops_waiting_leaves_the_line() -> None:
    """A client that went away keeps nobody else out."""

    async def run() -> None:
        pool, gate = CheckPool(1, waiting=1), Gate()
        first = asyncio.ensure_future(pool.ask(gate))
        second = asyncio.ensure_future(pool.ask(gate))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.ensure_future(pool.ask(gate))
        await asyncio.sleep(0)
        gate.is_open.set()
        assert all(await asyncio.gather(first, third))
        pool.close()

    asyncio.run(run())


def test_an_answer_is_not_waited_for_without_end() -> None:
    """A checker that hangs is a failure of ours, and its thread stays taken."""

    async def run() -> None:
        pool, gate = CheckPool(1, waiting=0, seconds=0.0), Gate()
        with pytest.raises(CheckError, match="within 0 seconds"):
            await pool.ask(gate)
        with pytest.raises(CheckError, match="too many"):
            await pool.ask(gate)
        gate.is_open.set()
        pool.close()

    asyncio.run(run())


def test_what_a_check_raises_is_not_repeated() -> None:
    """Its text may hold the password."""

    def question() -> bool:
        message = "wrong: hunter2"
        raise ValueError(message)

    async def run() -> None:
        pool = CheckPool(1)
        with pytest.raises(CheckError, match="ValueError") as raised:
            await pool.ask(question)
        assert "hunter2" not in str(raised.value)
        assert raised.value.__suppress_context__
        pool.close()

    asyncio.run(run())


def test_a_pool_that_is_closed_says_so() -> None:
    """To those who wait and to those who come: a temporary failure, not the end of their task."""

    async def run() -> None:
        pool, gate = CheckPool(1), Gate()
        first = asyncio.ensure_future(pool.ask(gate))
        second = asyncio.ensure_future(pool.ask(gate))
        await asyncio.sleep(0)
        pool.close()
        with pytest.raises(CheckError, match="no more"):
            await second
        with pytest.raises(CheckError, match="no more"):
            await pool.ask(gate)
        gate.is_open.set()
        assert await first

    asyncio.run(run())
