"""Who may come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.gate import FULL, TOO_MANY, TOO_OFTEN, Gate, GateLimits, source_of

STRANGERS = ("192.0.2.1", "192.0.2.2", "[2001:db8::1]")
MACHINE = ("127.0.0.1", "127.9.9.9", "[::1]")


def test_there_is_a_limit_of_connections() -> None:
    """Whoever comes when all places are taken is told to come later; a place that is free again is free for anybody."""
    gate = Gate(GateLimits(connections=2, of_source=10))

    assert gate.admit("192.0.2.1", 0) is None
    assert gate.admit(None, 0) is None
    assert gate.admit("192.0.2.2", 0) is FULL
    assert gate.admit(None, 0) is FULL
    gate.leave(None)
    assert gate.admit("192.0.2.2", 0) is None


def test_there_is_a_limit_for_each_source() -> None:
    """One client that opens many connections is no trouble for another."""
    gate = Gate(GateLimits(connections=10, of_source=2))

    assert [gate.admit("192.0.2.1", 0) for _ in range(3)] == [None, None, TOO_MANY]
    assert gate.admit("192.0.2.2", 0) is None
    gate.leave("192.0.2.1")
    assert gate.admit("192.0.2.1", 0) is None


@pytest.mark.parametrize(
    ("one", "other", "are_the_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("[2001:db8::1]", "[2001:db8::ffff:0:0:2]", True),
        ("[2001:db8::1]", "[2001:db8:0:1::1]", False),
        ("[fe80::1%eth0]", "[fe80::2%eth1]", True),
        ("0.0.0.1", "[0:0:0:1::]", False),
    ],
)
def test_a_source_is_what_one_subscriber_gets(one: str, other: str, are_the_same: bool) -> None:  # noqa: FBT001 - given by name
    """An address of IPv4, and 64 bits of an address of IPv6."""
    assert (source_of(one) == source_of(other)) is are_the_same


@pytest.mark.parametrize("source", MACHINE)
def test_programs_of_this_machine_are_no_strangers(source: str) -> None:
    """Limits for a source leave loopback alone, unless somebody wrote them down."""
    spared = Gate(GateLimits(connections=10, of_source=1, of_source_per_minute=1))
    written = Gate(GateLimits(10, 1, of_source_holds_for_loopback=True))
    timed = Gate(GateLimits(10, 1, 1, per_minute_holds_for_loopback=True))

    assert [spared.admit(source, 0) for _ in range(3)] == [None, None, None]
    assert [written.admit(source, 0) for _ in range(3)] == [None, TOO_MANY, TOO_MANY]
    assert [timed.admit(source, 0) for _ in range(3)] == [None, TOO_OFTEN, TOO_OFTEN]


def test_a_source_may_begin_so_many_connections_a_minute() -> None:
    """A minute's worth at once, then as many as fit; who is refused does not make it worse by trying."""
    gate = Gate(GateLimits(connections=1000, of_source=1000, of_source_per_minute=6))

    assert [gate.admit("192.0.2.1", 0) for _ in range(8)] == [None] * 6 + [TOO_OFTEN] * 2
    assert [gate.admit("192.0.2.1", second) for second in range(1, 10)] == [TOO_OFTEN] * 9
    assert [gate.admit("192.0.2.1", 10) for _ in range(2)] == [None, TOO_OFTEN]
    assert gate.admit("192.0.2.2", 10) is None
    assert [gate.admit("192.0.2.1", 600) for _ in range(7)] == [None] * 6 + [TOO_OFTEN]


def test_many_sources_do_not_fill_the_memory() -> None:
    """A network of a million addresses connects once from each, and the oldest are forgotten."""
    gate = Gate(GateLimits(connections=10, of_source=10, of_source_per_minute=1))
    for number in range(70_000):
        source = f"[2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1]"
        assert gate.admit(source, number / 70_000) is None
        gate.leave(source)

    assert gate.remembered <= 65_537
    # All of them are forgotten when they have nothing to make up for, a little for each that comes.
    for number in range(40_000):
        gate.admit("192.0.2.1", 1000 + 61 * number)
        gate.leave("192.0.2.1")
    assert gate.remembered == 1


@given(
    steps=st.lists(
        st.tuples(st.sampled_from((*STRANGERS, *MACHINE, None)), st.booleans(), st.floats(0, 30)), max_size=60
    ),
    limits=st.builds(GateLimits, st.integers(0, 6), st.integers(0, 3), st.integers(0, 5), st.booleans(), st.booleans()),
)
def test_counts_are_what_is_open(steps: list[tuple[str | None, bool, float]], limits: GateLimits) -> None:
    """Never below zero, never above the limits, and back to zero when everybody has left."""
    gate = Gate(limits)
    inside: list[str | None] = []
    now = 0.0
    for source, leaves, pause in steps:
        now += pause
        if leaves and source in inside:
            inside.remove(source)
            gate.leave(source)
        elif gate.admit(source, now) is None:
            inside.append(source)
        assert gate.connections == len(inside) <= max(limits.connections, 0)
        for stranger in STRANGERS:
            assert gate.connections_of(stranger) == inside.count(stranger) <= limits.of_source
    for source in inside:
        gate.leave(source)
    assert gate.connections == 0
    assert not any(gate.connections_of(source) for source in (*STRANGERS, *MACHINE))
    if not limits.of_source_per_minute:
        assert gate.remembered == 0
