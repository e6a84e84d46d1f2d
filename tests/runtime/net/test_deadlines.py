"""How long a client may take."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.deadlines import (
    IDLE,
    LONG_CONTENT,
    NO_HANDSHAKE,
    SLOW_COMMAND,
    SLOW_CONTENT,
    UNREAD_REPLIES,
    Deadlines,
    Overdue,
    Phase,
    Timeouts,
)

TIMEOUTS = Timeouts(idle=300, command=10, handshake=10, data=1000, data_grace=5, min_data_rate=500)


def deadlines(phase: Phase = Phase.COMMAND, timeouts: Timeouts = TIMEOUTS) -> Deadlines:
    """Begin with *phase* at 0."""
    return Deadlines(timeouts, 0, phase)


@pytest.mark.parametrize(
    ("phase", "seconds", "overdue"),
    [
        (Phase.HANDSHAKE, 10, NO_HANDSHAKE),
        (Phase.COMMAND, 300, IDLE),
        (Phase.PARTIAL, 10, SLOW_COMMAND),
        (Phase.CONTENT, 5, SLOW_CONTENT),
        (Phase.UNREAD, 10, UNREAD_REPLIES),
    ],
)
def test_a_silent_client_has_so_much_time(phase: Phase, seconds: float, overdue: Overdue) -> None:
    """Each phase has its limit, and a reason of its own for the log."""
    each = deadlines(phase)

    assert each.next_look(0) == seconds
    assert each.due(seconds - 0.1) is None
    assert each.due(seconds) is overdue
    assert each.next_look(seconds + 1) == 0


def test_who_reads_nothing_is_told_nothing() -> None:
    """Every other end is a 421 that says why (RFC 5321 §3.8)."""
    silent = {NO_HANDSHAKE, UNREAD_REPLIES}
    for overdue in (IDLE, LONG_CONTENT, NO_HANDSHAKE, SLOW_COMMAND, SLOW_CONTENT, UNREAD_REPLIES):
        assert (overdue.reply is None) is (overdue in silent)
        assert overdue.reply is None or str(overdue.reply).startswith("421 4.4.2 ")


def test_a_command_in_drips_is_late() -> None:
    """It does not help to send an octet now and then; the next command has time of its own."""
    each = deadlines()
    for second in range(0, 10, 3):
        each.heard(second, 1)
        each.enter(second, Phase.PARTIAL, 0)
    assert each.due(9.9) is None
    assert each.due(10) is SLOW_COMMAND

    each.enter(9.9, Phase.PARTIAL, 1)
    assert (each.due(10), each.due(19.9)) == (None, SLOW_COMMAND)


def test_each_command_may_be_waited_for() -> None:
    """The clock begins again with the reply to each."""
    each = deadlines()
    for step in range(1, 5):
        each.enter(step * 299.0, Phase.COMMAND, step)
        assert each.due(step * 299.0 + 299) is None


def test_mail_data_must_not_come_too_slowly() -> None:
    """One octet a second is not enough after the grace, and 500 are."""
    slow, fast = deadlines(Phase.CONTENT), deadlines(Phase.CONTENT)
    for second in range(1, 100):
        slow.heard(second, 1)
        fast.heard(second, 500)
        assert fast.due(second) is None

    assert slow.due(5) is None
    assert slow.due(6) is SLOW_CONTENT


def test_what_came_fast_buys_a_pause_and_no_more() -> None:
    """A megabyte at once is half an hour's worth; a client is silent for five minutes at most."""
    each = deadlines(Phase.CONTENT)
    each.heard(1, 1_000_000)

    assert each.due(300.9) is None
    assert each.due(301) is SLOW_CONTENT


def test_mail_data_ends_some_day() -> None:
    """However fast it comes."""
    each = deadlines(Phase.CONTENT)
    for second in range(1000):
        each.heard(second, 100_000)
        assert each.due(second) is None

    assert each.due(1000) is LONG_CONTENT


def test_without_a_rate_only_silence_counts() -> None:
    """A rate of 0 is none."""
    each = deadlines(Phase.CONTENT, TIMEOUTS._replace(min_data_rate=0))
    assert each.next_look(0) == 300
    each.heard(200, 1)

    assert each.due(499) is None
    assert each.due(500) is SLOW_CONTENT


@pytest.mark.parametrize("phase", Phase)
def test_our_time_is_not_the_clients(phase: Phase) -> None:
    """While we store what came, nobody is late; then the client has what was left."""
    each = deadlines(phase)
    left = each.next_look(2)
    each.pause(2)
    each.pause(50)
    assert (each.due(10_000), each.next_look(10_000)) == (None, inf)
    each.resume(100)
    each.resume(100)

    assert each.next_look(100) == left


def test_our_time_is_not_that_of_a_message() -> None:
    """Storing it for an hour does not make it come too late."""
    each = deadlines(Phase.CONTENT)
    each.heard(0, 1_000_000)
    each.pause(1)
    each.resume(3601)
    for second in range(3601, 4600):
        each.heard(second, 100_000)
        assert each.due(second) is None

    assert each.due(4600) is LONG_CONTENT


def test_a_message_does_not_end_a_session() -> None:
    """What follows it has time of its own."""
    each = deadlines(Phase.CONTENT)
    each.enter(999, Phase.COMMAND, 1)

    assert (each.due(1298.9), each.due(1299)) == (None, IDLE)


def test_a_phase_that_begins_while_we_work_has_all_its_time() -> None:
    """What was answered at last is followed by a fresh wait."""
    each = deadlines(Phase.CONTENT)
    each.pause(3)
    each.enter(50, Phase.COMMAND, 1)
    assert each.next_look(60) == inf
    each.resume(80)

    assert each.next_look(80) == 300


ACTS = st.one_of(
    st.tuples(st.just("heard"), st.integers(0, 100_000)),
    st.tuples(st.just("enter"), st.just(0)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
)


@given(
    phase=st.sampled_from(Phase),
    acts=st.lists(st.tuples(st.floats(0, 50), ACTS), max_size=30),
    timeouts=st.builds(
        Timeouts, *[st.integers(1, 1000).map(float)] * 5, min_data_rate=st.sampled_from([0, 1, 500, 10_000])
    ),
)
def test_a_deadline_only_moves_to_the_future(
    phase: Phase, acts: list[tuple[float, tuple[str, int]]], timeouts: Timeouts
) -> None:
    """Nothing that a client sends shortens its time, and who is late stays late."""
    each = Deadlines(timeouts, 0, phase)
    now, end = 0.0, each.next_look(0)
    for pause, (act, octets) in acts:
        now += pause
        match act:
            case "heard":
                each.heard(now, octets)
            case "enter":
                each.enter(now, phase)
            case "pause":
                each.pause(now)
            case _:
                each.resume(now)
        left = each.next_look(now)
        assert (each.due(now) is None) is (left > 0)
        assert left == 0 or now + left >= end - 1e-6 or left == inf
        end = max(end, now + left) if left < inf else end
    look_at = each.go_on(now, phase, 0)
    assert each.due(max(now, look_at) + 1e-6) is not None
    assert max(now, look_at) == pytest.approx(now + each.next_look(now))


@given(octets=st.integers(1, 10_000), parts=st.integers(1, 50), now=st.floats(0, 4))
def test_the_split_of_octets_is_invisible(octets: int, parts: int, now: float) -> None:
    """Mail data buys the same time in one piece and in many."""
    whole, split = deadlines(Phase.CONTENT), deadlines(Phase.CONTENT)
    whole.heard(now, octets * parts)
    for _ in range(parts):
        split.heard(now, octets)

    assert whole.next_look(now) == pytest.approx(split.next_look(now))
