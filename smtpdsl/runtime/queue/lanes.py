"""Who is next: jobs of many lanes take turns, and no lane has more than its share of them running.

    joe   ▶ ▶ ▶ ▶ ▶ ▶ ▶ │ · · · ·        seven run, and the others of joe wait
    ann   ▶             │
    sue   ▶             │                at most fifty run in all

A lane is a user, or the domain that mail goes to.  One with a thousand messages delays
another one by at most one turn.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Generic, NamedTuple, TypeVar

_Job = TypeVar("_Job")


class Limits(NamedTuple):
    """How many jobs may run: in all, and of one lane."""

    at_once: int
    per_lane: int


class Lanes(Generic[_Job]):
    """Jobs that wait, by lane."""

    def __init__(self, limits: Limits) -> None:
        """Keep to *limits*."""
        self._limits = limits
        self._waiting: dict[str, deque[_Job]] = {}
        self._running: Counter[str] = Counter()
        self._total = 0
        # Lanes with a job that may run, in the order of their turns.
        self._ready: deque[str] = deque()

    def put(self, lane: str, job: _Job) -> None:
        """Let *job* wait at the end of *lane*."""
        jobs = self._waiting.get(lane)
        if jobs is None:
            self._waiting[lane] = deque((job,))
            if self._running[lane] < self._limits.per_lane:
                self._ready.append(lane)
        else:
            jobs.append(job)

    def take(self) -> _Job | None:
        """Return the job whose turn it is, which counts as running now; None if none may."""
        if not self._ready or self._total >= self._limits.at_once:
            return None
        lane = self._ready.popleft()
        jobs = self._waiting[lane]
        job = jobs.popleft()
        self._running[lane] += 1
        self._total += 1
        if not jobs:
            del self._waiting[lane]
        elif self._running[lane] < self._limits.per_lane:
            self._ready.append(lane)
        return job

    def finish(self, lane: str) -> None:
        """Say that a job of *lane* runs no more."""
        self._total -= 1
        self._running[lane] -= 1
        # It was at its limit until now, so it had no turn.
        if lane in self._waiting and self._running[lane] == self._limits.per_lane - 1:
            self._ready.append(lane)
        if not self._running[lane]:
            del self._running[lane]

    def clear(self) -> list[_Job]:
        """Forget the jobs that wait, and return them."""
        jobs = [job for lane in self._waiting.values() for job in lane]
        self._waiting.clear()
        self._ready.clear()
        return jobs
