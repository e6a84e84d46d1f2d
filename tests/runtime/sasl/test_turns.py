"""Everybody has a few passwords checked at a time."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.runtime.sasl.turns import AT_A_TIME, Turns


class Visits:
    """Who is having a turn, until the test says that they are over."""

    def __init__(self) -> None:
        """Let nobody go yet."""
        self.turns = Turns()
        self.present: list[str] = []
        self.is_over = asyncio.Event()

    async def visit(self, source: str) -> None:
        """Have one turn."""
        async with self.turns.take(source):
            self.present.append(source)
            try:
                await self.is_over.wait()
            finally:
                self.present.remove(source)


async def settle() -> None:
    """Let every task come as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_source_has_so_many_at_a_time_and_others_do_not_wait() -> None:
    """Those who wait get theirs; and nobody is remembered in the end."""

    async def run() -> None:
        visits = Visits()
        tasks = [asyncio.ensure_future(visits.visit("a")) for _ in range(3 * AT_A_TIME)]
        tasks.append(asyncio.ensure_future(visits.visit("b")))
        await settle()
        assert sorted(visits.present) == ["a"] * AT_A_TIME + ["b"]
        visits.is_over.set()
        await asyncio.gather(*tasks)
        assert len(visits.turns) == 0

    asyncio.run(run())


def test_who_stops_waiting_takes_no_turn() -> None:
    """Whether it has one or waits for one."""

    async def run() -> None:
        visits = Visits()
        tasks = [asyncio.ensure_future(visits.visit("a")) for _ in range(AT_A_TIME + 2)]
        await settle()
        for gone in (tasks[0], tasks[AT_A_TIME]):
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        await settle()
        assert len(visits.present) == AT_A_TIME
        visits.is_over.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(visits.turns) == 0

    asyncio.run(run())
