"""The wish that work ends early."""

from __future__ import annotations

from smtpdsl.runtime.delivery.stop import Stop, is_stopped


def test_a_wish_is_seen_until_it_is_forgotten() -> None:
    """It stays, however often it is looked at or repeated."""
    stop = Stop()
    assert not is_stopped(stop.descriptor)

    for _ in range(100_000):
        stop.request()

    assert is_stopped(stop.descriptor)
    assert is_stopped(stop.descriptor)
    stop.close()


def test_a_wish_that_comes_too_late_does_no_harm() -> None:
    """The work has ended, and its descriptors may be somebody else's by now."""
    stop = Stop()
    ours = stop.descriptor
    stop.close()
    other = Stop()
    assert other.descriptor == ours, "the system gives the lowest number that is free"

    stop.request()
    stop.close()

    assert not is_stopped(other.descriptor)
    other.request()
    assert is_stopped(other.descriptor)
    other.close()
