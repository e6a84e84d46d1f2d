"""Who guesses waits; the laws of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.sasl.throttle import DEFAULTS, Limits, Ruling, Throttle

HERE, THERE = "192.0.2.1", "198.51.100.7"
MINUTE = 60.0


def guess(throttle: Throttle, times: int, source: str = HERE, login: str = "ann", now: float = 0.0) -> list[float]:
    """Fail so many times, and return the delays."""
    return [throttle.failed(now, source, login) for _ in range(times)]


def test_answers_come_later_and_later() -> None:
    """Up to a limit."""
    assert guess(Throttle(), 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_another_throttle_goes_on_where_this_one_is() -> None:
    """Whatever its clock says: with failures of sources and logins, and with those who are known."""
    throttle, other = Throttle(), Throttle()
    guess(throttle, 9, now=100.0)
    throttle.succeeded(100.0, THERE, "ann")
    other.remember(7.0, throttle.remembered(130.0))

    assert guess(other, 2, login="ben", now=7.0) == guess(throttle, 2, login="ben", now=130.0)
    for each, now in ((throttle, 130.0), (other, 7.0)):
        assert each.judge_source(now, HERE) is Ruling.SOURCE_REFUSED
        for place in range(50):
            each.failed(now, f"198.51.100.{place + 8}", "ann")
        assert each.judge_login(now, THERE, "ann") is Ruling.TRY
        assert each.judge_login(now, HERE, "ann") is Ruling.LOGIN_REFUSED
    assert other.remembered(7.0) == throttle.remembered(130.0)


def test_a_source_is_refused_at_its_limit_alone() -> None:
    """Whatever the login; and others are not."""
    throttle = Throttle()
    guess(throttle, 9)
    assert throttle.judge_source(0.0, HERE) is Ruling.TRY
    guess(throttle, 1, login="ben")

    assert throttle.judge_source(0.0, HERE) is Ruling.SOURCE_REFUSED
    assert throttle.judge_source(0.0, THERE) is Ruling.TRY


def test_a_failure_is_forgotten_each_minute() -> None:
    """Not all of them at once."""
    throttle = Throttle()
    guess(throttle, 10)

    assert throttle.judge_source(1.0, HERE) is Ruling.TRY
    guess(throttle, 1, now=1.0)
    assert throttle.judge_source(1.0, HERE) is Ruling.SOURCE_REFUSED
    assert throttle.judge_source(10 * MINUTE, HERE) is Ruling.TRY
    assert guess(throttle, 1, now=60 * MINUTE) == [0.5]


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ("[2001:db8:0:1::2]", True),
        ("2001:db8:0:1:ffff::", True),
        ("[2001:db8:0:2::1]", False),
        ("192.0.2.1", False),
    ],
)
def test_a_network_of_ipv6_is_one_source(other: str, is_same: bool) -> None:  # noqa: FBT001 - a column
    """Who has one address there has 2^64."""
    throttle = Throttle()
    guess(throttle, 10, "[2001:db8:0:1::1]")

    assert (throttle.judge_source(0.0, other) is Ruling.SOURCE_REFUSED) == is_same


def test_addresses_of_ipv4_in_ipv6_are_many_sources() -> None:
    """Their network holds them all."""
    throttle = Throttle()
    guess(throttle, 10, "[::ffff:192.0.2.1]")

    assert throttle.judge_source(0.0, "[::ffff:192.0.2.2]") is Ruling.TRY


def test_a_login_is_guarded_against_many_sources() -> None:
    """Each of which is below its own limit."""
    throttle = Throttle()
    for number in range(50):
        assert throttle.judge_login(0.0, THERE, "Ann") is Ruling.TRY
        guess(throttle, 1, f"203.0.113.{number}")

    assert throttle.judge_login(0.0, THERE, "Ann") is Ruling.LOGIN_REFUSED
    assert throttle.judge_login(0.0, THERE, "ben") is Ruling.TRY


def test_who_has_a_login_is_not_locked_out_by_others() -> None:
    """From where it was used not long ago it can be used."""
    throttle = Throttle()
    throttle.succeeded(0.0, HERE, "ann")
    for number in range(50):
        guess(throttle, 1, f"203.0.113.{number}", now=29 * 86400.0)

    assert throttle.judge_login(29 * 86400.0, HERE, "ANN") is Ruling.TRY
    assert throttle.judge_login(29 * 86400.0, THERE, "ann") is Ruling.LOGIN_REFUSED
    for number in range(50):
        guess(throttle, 1, f"203.0.113.{number}", now=31 * 86400.0)
    assert throttle.judge_login(31 * 86400.0, HERE, "ann") is Ruling.LOGIN_REFUSED


def test_who_comes_often_is_not_forgotten_first() -> None:
    """Room is made by those who have not been seen for longest."""
    throttle = Throttle(Limits(entries=3))
    for number in range(10):
        guess(throttle, 1)
        guess(throttle, 1, f"203.0.113.{number}", f"user{number}")

    assert throttle.judge_source(0.0, HERE) is Ruling.SOURCE_REFUSED


def test_a_clock_that_was_set_back_adds_nothing() -> None:
    """Nor does it take anything away."""
    throttle = Throttle()
    guess(throttle, 1, now=1000 * MINUTE)

    assert guess(throttle, 1, now=0.0) == [1.0]


def test_a_login_of_ones_own_forgives_nothing() -> None:
    """Or a guesser with an account would never be refused."""
    throttle = Throttle()
    guess(throttle, 10)
    throttle.succeeded(0.0, HERE, "eve")

    assert throttle.judge_source(0.0, HERE) is Ruling.SOURCE_REFUSED


@given(
    failures=st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(["ann", "ben"]), st.floats(0, 1e6)), min_size=1, max_size=60
    )
)
def test_memory_is_bounded(failures: list[tuple[int, str, float]]) -> None:
    """However many come; and no delay is longer than the longest, even if the clock jumps."""
    throttle = Throttle(Limits(entries=8))
    for source, login, now in failures:
        assert DEFAULTS.first_delay <= throttle.failed(now, f"192.0.2.{source}", login) <= DEFAULTS.longest_delay
        throttle.succeeded(now, f"192.0.2.{source}", login)

    held = [len(value) for value in vars(throttle).values() if hasattr(value, "popitem")]
    assert len(held) == 3
    assert max(held) <= 8


@given(times=st.lists(st.floats(0, 1e5), max_size=30).map(sorted))
def test_guessing_is_bounded(times: list[float]) -> None:
    """In any span a source has as many guesses as its limit, and one for each minute."""
    throttle = Throttle()
    tried = 0
    for now in times:
        if throttle.judge_source(now, HERE) is Ruling.TRY:
            tried += 1
            throttle.failed(now, HERE, "ann")

    span = times[-1] - times[0] if times else 0.0
    assert tried <= DEFAULTS.source_failures + span / DEFAULTS.seconds_to_forget + 1
