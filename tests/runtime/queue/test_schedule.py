"""When an envelope is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.schedule import BASE_SECONDS, expires, next_try

MOMENTS = st.floats(0, 2**33)
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("tries", "relay", "local"),
    [
        (1, 6 * MINUTE + 40, 10),
        (2, 26 * MINUTE + 40, 40),
        (3, HOUR, 90),
        (4, HOUR + 46 * MINUTE + 40, 160),
        (5, 2 * HOUR + 46 * MINUTE + 40, 250),
        (6, 4 * HOUR, 360),
        (10, 11 * HOUR + 6 * MINUTE + 40, 1000),
        (20, DAY + 20 * HOUR + 26 * MINUTE + 40, 4000),
        (29, 3 * DAY + 21 * HOUR + 26 * MINUTE + 40, 8410),
    ],
)
def test_the_schedule(tries: int, relay: int, local: int) -> None:
    """The times grow with the square of the failed tries."""
    assert next_try(0.0, tries, 0.0, Route.RELAY) == relay
    assert next_try(0.0, tries, 0.0, Route.LOCAL) == local


def test_missed_tries_are_not_made_up_for() -> None:
    """After a long rest the next moment of the schedule is used, not a past one."""
    assert next_try(1000.0, 1, 1000.0 + 400 * 5 * 5, Route.RELAY) == 1000.0 + 400 * 6 * 6


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    """A message from the future is treated as one of now."""
    assert next_try(2_000_000.0, 1, 1_000_000.0, Route.RELAY) == 1_000_400.0


@given(created=MOMENTS, now=MOMENTS, tries=st.integers(1, 200), route=st.sampled_from(Route))
def test_the_next_try_is_the_first_of_the_schedule_that_is_still_to_come(
    created: float, now: float, tries: int, route: Route
) -> None:
    """It is later than now, and no earlier step that has not been used is."""
    due = next_try(created, tries, now, route)
    start, base = min(created, now), BASE_SECONDS[route]
    steps = [step for step in range(tries, tries + 3) if start + base * step * step > now]

    assert due > now
    assert due >= start + base * tries * tries
    if steps:
        assert due == start + base * steps[0] ** 2
    else:
        previous = round(((due - start) / base) ** 0.5) - 1
        assert start + base * previous * previous <= now


@given(created=MOMENTS, tries=st.integers(1, 100), route=st.sampled_from(Route))
def test_tries_become_rarer(created: float, tries: int, route: Route) -> None:
    """Each pause is longer than the one before."""
    moments = [created]
    for step in range(tries, tries + 3):
        moments.append(next_try(created, step, moments[-1], route))

    assert moments[3] - moments[2] > moments[2] - moments[1]


def test_expiry() -> None:
    """An envelope lives as long as its message was accepted for."""
    assert expires(1000.0, 4 * DAY) == 1000.0 + 345600
