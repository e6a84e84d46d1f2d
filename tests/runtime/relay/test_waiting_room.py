"""Lines of those who wait, as far as the other tests of relaying do not come by."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from smtpdsl.runtime.interfaces import NotBegunError
from smtpdsl.runtime.relay.permits import Limit, Permits
from smtpdsl.runtime.relay.rates import Rates
from smtpdsl.runtime.relay.waiting_room import WaitingRoom
from tests.warp_loop import run

HERE = "here"


class Waiting:
    """A room, and somebody who waits in it for one thing, with others."""

    def __init__(self, names: str) -> None:
        """Let *names* wait, in this order; each is a lane."""
        self.room = WaitingRoom()
        self.given_back: list[object] = []
        self.tasks = {name: asyncio.ensure_future(self._wait(name)) for name in names}

    async def _wait(self, name: str) -> tuple[Hashable, object]:
        return await self.room.wait({HERE: 3600.0}, name, lambda _, gift: self.given_back.append(gift))

    async def settle(self) -> None:
        """Let everybody do what there is to be done."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert self.room.is_empty
        self.room.close()


def test_who_was_just_cancelled_is_not_called() -> None:
    """The next one is: what is free would not be told of again."""

    async def scene() -> None:
        waiting = Waiting("ab")
        await waiting.settle()
        waiting.tasks["a"].cancel()
        assert waiting.room.call(HERE, "gift")
        await waiting.settle()
        assert waiting.tasks["a"].cancelled()
        assert waiting.tasks["b"].result() == (HERE, "gift")
        assert not waiting.room.call(HERE, "another one")
        await waiting.close()

    run(scene())


def test_who_is_cancelled_after_the_call_gives_it_back() -> None:
    """Also if nobody else waits."""

    async def scene() -> None:
        waiting = Waiting("a")
        await waiting.settle()
        assert waiting.room.call(HERE, "gift")
        waiting.tasks["a"].cancel()
        await waiting.settle()
        assert waiting.given_back == ["gift"]
        await waiting.close()

    run(scene())


def test_all_can_be_sent_away() -> None:
    """Those who were cancelled before, or are cancelled now, stay cancelled."""

    async def scene() -> None:
        waiting = Waiting("abc")
        await waiting.settle()
        waiting.tasks["a"].cancel()
        waiting.room.send_away(NotBegunError())
        waiting.tasks["b"].cancel()
        await waiting.settle()
        assert [waiting.tasks[name].cancelled() for name in "abc"] == [True, True, False]
        assert isinstance(waiting.tasks["c"].exception(), NotBegunError)
        await waiting.close()

    run(scene())


def test_who_is_sent_away_costs_the_rate_nothing() -> None:
    """However often the queue takes back what waits for its moment: a minute has as many messages."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        room = WaitingRoom()
        rates = Rates(loop.time, room)
        began = loop.time()
        await rates.turn("A.example", 6)
        for _ in range(100):
            task = asyncio.ensure_future(rates.turn("a.example", 6))
            await asyncio.sleep(0)
            room.send_away(NotBegunError())
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*(rates.turn("a.example", 6) for _ in range(3)))
        assert 30 <= loop.time() - began < 31
        room.close()

    run(scene())


def test_who_is_cancelled_costs_the_rate_nothing() -> None:
    """Before its turn and when it was just called."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        room = WaitingRoom()
        rates = Rates(loop.time, room)
        began = loop.time()
        await rates.turn("a.example", 60)
        tasks = [asyncio.ensure_future(rates.turn("a.example", 60)) for _ in range(4)]
        await asyncio.sleep(0)
        assert room.call(("moment", "a.example"))
        tasks[0].cancel()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [task.cancelled() for task in tasks] == [True, True, False, False]
        assert 2 <= loop.time() - began < 3
        room.close()

    run(scene())


def test_a_second_connection_counts_as_the_first_did() -> None:
    """Where one without TLS follows, it begins when the first may be closed already."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        permits = Permits(loop.time, WaitingRoom())
        permit = permits.take([Limit(HERE, 1)])
        permit.hold()
        first, second = loop.create_future(), loop.create_future()
        permit.attach(first)
        first.set_result(None)
        await asyncio.sleep(0)
        assert permits.obstacle([Limit(HERE, 1)]) is not None
        permit.attach(second)
        permit.let_go()
        assert permits.of(HERE).connections == 1
        second.set_result(None)
        await asyncio.sleep(0)
        assert permits.of(HERE).connections == 0
        assert permits.obstacle([Limit(HERE, 1)]) is None

    run(scene())
