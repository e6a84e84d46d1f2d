"""Who is next: jobs of many lanes take turns, and no lane has more than its share of them running.

    joe   ▶ ▶ ▶ ▶ ▶ ▶ ▶ │ · · · ·        seven run, and the others of joe wait
    ann   ▶             │
    sue   ▶             │                at most fifty run in all

A lane is a user, or the domain that mail goes to.  One with a thousand messages delays
another one by at most one turn.  Within a lane the highest priority goes first; but every fourth turn
is for whoever has waited longest, so that nobody waits for ever.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

_Job = TypeVar("_Job")


class Limits(NamedTuple):
    """How many jobs may run: in all, of one lane, and of those lanes that have limits of their own."""

    at_once: int
    per_lane: int
    of_lanes: Mapping[str, int] = MappingProxyType({})

    def of(self, lane: str) -> int:
        """Return how many jobs of *lane* may run."""
        return self.of_lanes.get(lane, self.per_lane)


# Of so many turns of a lane the last one does not look at priorities.
_PATIENCE_TURNS = 4


class _Lane(Generic[_Job]):
    """Jobs that wait, by priority, with the number of their arrival."""

    def __init__(self) -> None:
        self._jobs: dict[int, deque[tuple[int, _Job]]] = {}
        self._arrivals = 0
        self._turns = 0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __iter__(self) -> Iterator[_Job]:
        return (job for jobs in self._jobs.values() for _, job in jobs)

    def put(self, job: _Job, priority: int) -> None:
        self._arrivals += 1
        self._jobs.setdefault(priority, deque()).append((self._arrivals, job))

    def take(self) -> _Job:
        self._turns += 1
        if self._turns % _PATIENCE_TURNS:
            priority = max(self._jobs)
        else:
            priority = min(self._jobs, key=lambda each: self._jobs[each][0][0])
        jobs = self._jobs[priority]
        _, job = jobs.popleft()
        if not jobs:
            del self._jobs[priority]
        return job


class Lanes(Generic[_Job]):
    """Jobs that wait, by lane."""

    def __init__(self, limits: Limits) -> None:
        """Keep to *limits*."""
        self._limits = limits
        self._waiting: dict[str, _Lane[_Job]] = {}
        self._running: Counter[str] = Counter()
        self._total = 0
        # Lanes with a job that may run, in the order of their turns.
        self._ready: deque[str] = deque()

    def put(self, lane: str, job: _Job, priority: int = 0) -> None:
        """Let *job* wait in *lane*, behind those of its *priority*."""
        jobs = self._waiting.get(lane)
        if jobs is None:
            jobs = self._waiting[lane] = _Lane()
            if self._running[lane] < self._limits.of(lane):
                self._ready.append(lane)
        jobs.put(job, priority)

    def take(self) -> _Job | None:
        """Return the job whose turn it is, which counts as running now; None if none may."""
        if not self._ready or self._total >= self._limits.at_once:
            return None
        lane = self._ready.popleft()
        jobs = self._waiting[lane]
        job = jobs.take()
        self._running[lane] += 1
        self._total += 1
        if not jobs:
            del self._waiting[lane]
        elif self._running[lane] < self._limits.of(lane):
            self._ready.append(lane)
        return job

    def finish(self, lane: str) -> None:
        """Say that a job of *lane* runs no more."""
        self._total -= 1
        self._running[lane] -= 1
        # It was at its limit until now, so it had no turn.
        if lane in self._waiting and self._running[lane] == self._limits.of(lane) - 1:
            self._ready.append(lane)
        if not self._running[lane]:
            del self._running[lane]

    def clear(self) -> list[_Job]:
        """Forget the jobs that wait, and return them."""
        jobs = [job for lane in self._waiting.values() for job in lane]
        self._waiting.clear()
        self._ready.clear()
        return jobs
