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


def test_the_highest_priority_goes_first() -> None:
    """Within its lane; other lanes have their turns as before."""
    lanes: Lanes[str] = Lanes(Limits(at_once=100, per_lane=100))
    for lane, job, priority in (("a", "a0", 0), ("b", "b0", 0), ("a", "a1", 1), ("a", "a2", 2), ("a", "a2 too", 2)):
        lanes.put(lane, job, priority)

    assert [lanes.take() for _ in range(6)] == ["a2", "b0", "a2 too", "a1", "a0", None]


def test_nobody_waits_for_ever() -> None:
    """Every fourth turn of a lane is for whoever has waited longest, however much comes that is urgent."""
    lanes: Lanes[str] = Lanes(Limits(at_once=100, per_lane=100))
    for number in range(3):
        lanes.put("a", f"slow {number}", -5)
    taken = []
    for number in range(12):
        lanes.put("a", f"urgent {number}", 5)
        taken.append(lanes.take())

    assert [position for position, job in enumerate(taken) if str(job).startswith("slow")] == [3, 7, 11]
    assert [job for job in taken if str(job).startswith("slow")] == ["slow 0", "slow 1", "slow 2"]
