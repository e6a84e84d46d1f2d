"""The work of a session, in turns with other sessions."""

from __future__ import annotations

import asyncio
from itertools import count, pairwise
from typing import cast

import pytest

from smtpdsl.runtime.net import work
from smtpdsl.runtime.net.conversation import Conversation
from smtpdsl.runtime.net.work import Work
from smtpdsl.runtime.protocol import server as core


class Endless:
    """A session in which there is always something to do, and the conversation about it."""

    has_transaction = True

    def __init__(self) -> None:
        """Have done nothing."""
        self.handled = 0

    def next_event(self) -> core.Event:
        """Return what costs nothing and says nothing."""
        return core.ContentReceived(b"")

    def handle(self, _: object) -> None:
        """Count it."""
        self.handled += 1


async def turns(seconds_of_an_event: float) -> list[int]:
    """Return how many events were handled in each of three turns, one beginning after the other."""
    endless, handled = Endless(), [0]
    enough = asyncio.Event()

    def go_on() -> None:
        if len(handled) > 3:
            enough.set()
            return
        works.answer(is_draining=False)
        handled.append(endless.handled)

    works = Work(
        asyncio.get_running_loop(),
        cast("core.ServerSession", endless),
        cast("Conversation", endless),
        go_on,
        enough.set,
    )
    clock = count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "monotonic", lambda: next(clock) * seconds_of_an_event)
        go_on()
        await enough.wait()
    return [later - before for before, later in pairwise(handled)]


def test_many_events_make_a_turn() -> None:
    """Then the others have theirs."""
    assert asyncio.run(turns(0.0)) == [128] * 3


def test_where_events_take_long_a_turn_has_few() -> None:
    """At most a little more than some milliseconds; an event is never cut."""
    assert asyncio.run(turns(0.002)) == [3] * 3
    assert asyncio.run(turns(1.0)) == [1] * 3
