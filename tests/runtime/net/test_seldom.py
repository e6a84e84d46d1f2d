"""Lines of the log that strangers cause."""

from __future__ import annotations

from smtpdsl.runtime.net.seldom import Seldom
from tests.runtime.net.ticking import Clock


def test_the_first_is_told_at_once_and_the_others_together() -> None:
    """One line a second as long as it goes on, and none when nothing happens."""
    said: list[tuple[int, str]] = []
    clock = Clock()
    seldom = Seldom(lambda count, last: said.append((count, last)), clock.call_later)

    for number in range(5):
        seldom.note(f"a{number}")
    assert said == [(1, "a0")]
    clock.second()
    assert said[1:] == [(4, "a4")]
    seldom.note("b")
    clock.second()
    assert said[2:] == [(1, "b")]
    clock.second()
    clock.second()
    seldom.note("c")
    assert said[3:] == [(1, "c")]


def test_what_is_not_told_yet_is_told_at_the_end() -> None:
    """And the timer is no more."""
    said: list[tuple[int, str]] = []
    clock = Clock()
    seldom = Seldom(lambda count, last: said.append((count, last)), clock.call_later)
    for text in "abc":
        seldom.note(text)
    seldom.close()
    seldom.close()

    assert (said, clock.timers) == ([(1, "a"), (2, "c")], [])
