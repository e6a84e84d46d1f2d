"""Jobs take turns."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.queue.lanes import Lanes, Limits


def test_lanes_take_turns() -> None:
    """A lane with many jobs delays another one by one turn."""
    lanes: Lanes[str] = Lanes(Limits(at_once=10, per_lane=10))
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        lanes.put(name[0], name)

    assert [lanes.take() for _ in range(7)] == ["a1", "b1", "c1", "a2", "b2", "a3", None]


def test_a_lane_has_its_limit() -> None:
    """The next job of a lane begins when one of the lane ends."""
    lanes: Lanes[str] = Lanes(Limits(at_once=10, per_lane=2))
    for name in ("a1", "a2", "a3", "b1"):
        lanes.put(name[0], name)

    assert [lanes.take() for _ in range(4)] == ["a1", "b1", "a2", None]
    lanes.finish("b")
    assert lanes.take() is None
    lanes.finish("a")
    assert lanes.take() == "a3"


def test_all_lanes_have_a_limit() -> None:
    """Never do more run at once."""
    lanes: Lanes[str] = Lanes(Limits(at_once=1, per_lane=7))
    lanes.put("a", "a1")
    lanes.put("b", "b1")

    assert [lanes.take(), lanes.take()] == ["a1", None]
    lanes.finish("a")
    assert lanes.take() == "b1"


def test_clear_forgets_what_waits() -> None:
    """What runs goes on to count."""
    lanes: Lanes[str] = Lanes(Limits(at_once=2, per_lane=2))
    for name in ("a1", "a2", "a3"):
        lanes.put(name[0], name)
    lanes.take()

    assert lanes.clear() == ["a2", "a3"]
    assert lanes.take() is None
    lanes.put("b", "b1")
    lanes.put("b", "b2")
    assert [lanes.take(), lanes.take()] == ["b1", None]


@given(steps=st.lists(st.sampled_from("abc+-"), max_size=60), at_once=st.integers(1, 4), per_lane=st.integers(1, 3))
def test_no_job_is_lost_and_no_limit_is_passed(steps: list[str], at_once: int, per_lane: int) -> None:
    """Whatever the order of events: in the end each job ran once, those of a lane in their order."""
    lanes: Lanes[tuple[str, int]] = Lanes(Limits(at_once, per_lane))
    put: list[tuple[str, int]] = []
    taken: list[tuple[str, int]] = []
    running: list[str] = []

    def take() -> None:
        job = lanes.take()
        if job is None:
            waiting = {lane for lane, _ in set(put) - set(taken)}
            assert len(running) == at_once or all(running.count(lane) == per_lane for lane in waiting)
        else:
            taken.append(job)
            running.append(job[0])
        assert len(running) <= at_once
        assert max(Counter(running).values(), default=0) <= per_lane

    for step in steps:
        if step == "+":
            take()
        elif step == "-":
            if running:
                lanes.finish(running.pop(0))
        else:
            put.append((step, len(put)))
            lanes.put(step, put[-1])
    while len(taken) < len(put):
        take()
        while running:
            lanes.finish(running.pop())

    assert sorted(taken) == sorted(put)
    for lane in "abc":
        jobs = [number for name, number in taken if name == lane]
        assert jobs == sorted(jobs)
