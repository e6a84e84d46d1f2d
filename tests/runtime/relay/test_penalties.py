"""How long a server that has failed is left alone."""

from __future__ import annotations

from smtpdsl.runtime.relay.penalties import Penalties
from tests.tls_peers import Clock


def is_left_alone_for(penalties: Penalties, clock: Clock, seconds: float) -> bool:
    """Whether the server is left alone for so long, and no longer."""
    now = clock.time
    clock.time = now + seconds - 1
    before = penalties.problem("server")
    clock.time = now + seconds
    after = penalties.problem("server")
    clock.time = now
    return before == "down" and after == ""


def fail(penalties: Penalties, clock: Clock, times: int) -> None:
    """Let the server fail as soon as it is tried again, some *times*."""
    for _ in range(times):
        while penalties.problem("server"):
            clock.time += 1
        penalties.failed("server", "down")


def test_each_failure_makes_it_longer() -> None:
    """By its square, and an hour at most."""
    clock = Clock()
    penalties = Penalties(clock)
    assert penalties.problem("server") == ""
    for seconds in (15, 60, 135, 240):
        fail(penalties, clock, 1)
        assert is_left_alone_for(penalties, clock, seconds)
    fail(penalties, clock, 20)
    assert is_left_alone_for(penalties, clock, 3600)


def test_those_who_fail_together_count_once() -> None:
    """They were under way before anybody knew."""
    clock = Clock()
    penalties = Penalties(clock)
    for _ in range(10):
        penalties.failed("server", "down")
    assert is_left_alone_for(penalties, clock, 15)


def test_time_takes_failures_back() -> None:
    """As long as the last one has cost, for each."""
    clock = Clock()
    penalties = Penalties(clock)
    fail(penalties, clock, 3)
    clock.time += 135 + 135 + 60
    penalties.failed("server", "down")
    assert is_left_alone_for(penalties, clock, 60)


def test_a_success_takes_all_of_them_back() -> None:
    """At once."""
    clock = Clock()
    penalties = Penalties(clock)
    fail(penalties, clock, 3)
    penalties.succeeded("server")
    assert penalties.problem("server") == ""
    penalties.failed("server", "down")
    assert is_left_alone_for(penalties, clock, 15)


def test_what_is_remembered_has_an_end() -> None:
    """The oldest is forgotten."""
    penalties = Penalties(Clock())
    for number in range(1001):
        penalties.failed(number, "down")

    assert (penalties.problem(0), penalties.problem(1), penalties.problem(1000)) == ("", "down", "down")
