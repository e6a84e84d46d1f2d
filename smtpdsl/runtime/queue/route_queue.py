"""The envelopes of one route: what is due is loaded, takes its turn, is attempted, and recorded.

    enqueue ──fresh──▶ offer ──▶ memory ──▶ lanes ──▶ agent ──▶ conclusions ──▶ store
                         ▲  └─ no room ─▶ stays in the store          │
      store ──due──▶ load┘◀──────────── next_due ◀────── later ───────┘

When the store is looked into, and how much is loaded, is in `due`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

from smtpdsl.runtime.fault import describe_fault
from smtpdsl.runtime.interfaces import (
    DeliveryAgent,
    NotBegunError,
    Outcome,
    PatientAgent,
    QueuedMessage,
    Result,
    Route,
)
from smtpdsl.runtime.queue.checking import SpoolDamageError
from smtpdsl.runtime.queue.conclusions import Conclusions
from smtpdsl.runtime.queue.due import Loading
from smtpdsl.runtime.queue.ids import envelope_hex
from smtpdsl.runtime.queue.jobs import Job, attempt_of, expire, jobs_of, judge, part_expired, set_aside, unreadable
from smtpdsl.runtime.queue.lanes import Lanes, Limits
from smtpdsl.runtime.queue.memory import Bounds, Memory
from smtpdsl.runtime.queue.shared import Shared
from smtpdsl.runtime.queue.store import Changes, State, StoredEnvelope

_FAULT = Outcome(Result.TEMPORARY, "internal error of the delivery agent", "4.3.0")


class RouteQueue:
    """What is known of a route's envelopes; everything happens on the event loop."""

    def __init__(self, route: Route, agent: DeliveryAgent, limits: Limits, bounds: Bounds, shared: Shared) -> None:
        """Attempt nothing before `resume`."""
        self._route = route
        self._agent = agent
        self._shared = shared
        self._log = shared.log
        self._loop = asyncio.get_running_loop()
        self._lanes: Lanes[Job] = Lanes(limits)
        self._memory = Memory(bounds)
        self._tasks: set[asyncio.Task[Sequence[Outcome]]] = set()
        # When the attempts began of envelopes of which the store does not know yet what became of them.
        self._started: dict[int, float] = {}
        # What an administrator changes just now is not attempted until `thaw`.
        self._frozen: Counter[int] = Counter()
        self._loading = Loading(route, bounds, self._memory, shared, self._frozen, self.offer)
        self._conclusions = Conclusions(shared, self._on_recorded)
        self._is_open = False
        self._is_about_to_start = False
        self._is_abandoned = False

    @property
    def memory(self) -> Memory:
        """What is held."""
        return self._memory

    @property
    def tasks(self) -> frozenset[asyncio.Task[Any]]:
        """The attempts that run, and the reports that are written."""
        return frozenset((*self._tasks, *self._conclusions.tasks))

    def resume(self) -> None:
        """Attempt what is due."""
        self._is_open = True
        self._conclusions.hurry(wanted=False)
        self._loading.resume()

    def pause(self) -> None:
        """Start no attempts, and hold nothing but those that run."""
        self._is_open = False
        self._conclusions.hurry(wanted=True)
        for job in self._lanes.clear():
            for each in job.envelopes:
                self._memory.release(each.number)
        self._loading.pause()
        self._call_back()

    def _call_back(self) -> None:
        """End the attempts that have not begun, and wait for others."""
        if isinstance(self._agent, PatientAgent):
            self._agent.call_back()

    def abandon(self) -> None:
        """End the attempts that run; their envelopes stay as they are, and the next start tries them."""
        self._is_abandoned = True
        self._conclusions.abandon()
        for task in self._tasks:
            task.cancel()

    def offer(self, message: QueuedMessage, envelopes: Iterable[StoredEnvelope]) -> None:
        """Take envelopes that the store has, as far as there is room, and attempt them."""
        taken = [each for each in envelopes if self._hold(message, each)]
        for job in jobs_of(self._agent.group, message, taken):
            self._lanes.put(job.lane, job, job.priority)
        if not self._shared.head_start:
            self._start_attempts()
        elif not self._is_about_to_start:
            self._is_about_to_start = True
            self._loop.call_later(self._shared.head_start, self._start_after_answers)

    def _hold(self, message: QueuedMessage, stored: StoredEnvelope) -> bool:
        memory = self._memory
        if stored.number in memory or stored.number in self._frozen:
            return False
        if memory.is_full(stored.lane):
            self._loading.leave_lane(stored.lane)
        elif self._is_open and memory.has_room(message):
            memory.hold(message, stored)
            return True
        else:
            self._loading.expect(stored.due)
        return False

    # ------------------------------------------------------------ attempts

    def _start_after_answers(self) -> None:
        self._is_about_to_start = False
        self._start_attempts()

    def _start_attempts(self) -> None:
        while self._is_open and (job := self._lanes.take()) is not None:
            self._start(job)

    def _start(self, job: Job) -> None:
        now = self._shared.clock()
        for each in job.envelopes:
            self._started[each.number] = now
        old, others = part_expired(job, now)
        if old:
            self._conclusions.draw(job.message, old, expire(self._log, job.message, old, now))
        if not others:
            self._lanes.finish(job.lane)
            return
        job = job._replace(envelopes=others) if old else job
        task = self._loop.create_task(self._deliver(job))
        self._tasks.add(task)
        task.add_done_callback(partial(self._on_attempted, job))

    async def _deliver(self, job: Job) -> Sequence[Outcome]:
        try:
            await self._shared.content.check(job.message.message_id, job.message.content)
        except OSError as error:
            return [unreadable(error)] * len(job.envelopes)
        return await self._agent.deliver(attempt_of(job))

    def _on_attempted(self, job: Job, task: asyncio.Task[Sequence[Outcome]]) -> None:
        self._tasks.discard(task)
        self._lanes.finish(job.lane)
        if task.cancelled() and self._is_abandoned:
            return
        if not task.cancelled() and isinstance(task.exception(), NotBegunError):
            self._take_back(job.envelopes)
            return
        if not task.cancelled() and isinstance(error := task.exception(), SpoolDamageError):
            self._conclusions.draw(job.message, job.envelopes, set_aside(self._log, job, str(error)))
            self._start_attempts()
            return
        outcomes = self._outcomes(job, task)
        changes = judge(self._log, job, outcomes, self._shared.clock(), self._shared.plan)
        self._conclusions.draw(job.message, job.envelopes, changes, outcomes)
        self._start_attempts()

    def _take_back(self, envelopes: Sequence[StoredEnvelope]) -> None:
        """Hold *envelopes* no longer, whose attempt was called back."""
        self._forget(envelopes)
        for each in envelopes:
            self._loading.expect(each.due)
        if self._frozen and (idle := [each.number for each in envelopes if each.number in self._frozen]):
            self._shared.on_idle(idle)
        self._start_attempts()
        self._loading.look()

    def _outcomes(self, job: Job, task: asyncio.Task[Sequence[Outcome]]) -> Sequence[Outcome]:
        """Return what the agent says; if it does not keep its promise, the envelopes stay."""
        if task.cancelled():
            problem = "it was cancelled"
        elif (error := task.exception()) is not None:
            problem = describe_fault(error)
        elif not isinstance(outcomes := task.result(), Sequence) or len(outcomes) != len(job.envelopes):
            problem = f"it returned no {len(job.envelopes)} outcomes"
        else:
            return outcomes
        shown = ", ".join(envelope_hex(each.number) for each in job.envelopes)
        self._log.warn(f"the agent for {self._route.value} failed to deliver {shown}: {problem}")
        return [_FAULT] * len(job.envelopes)

    def _on_recorded(self, changes: Changes, envelopes: Sequence[StoredEnvelope]) -> None:
        """Forget what the store knows now."""
        self._forget(envelopes)
        for update in changes.updates:
            if update.state is State.PENDING:
                self._loading.expect(update.due)
        for report in changes.reports:
            self._shared.offer(report)
        if self._frozen and (idle := [each.number for each in envelopes if each.number in self._frozen]):
            self._shared.on_idle(idle)
        self._loading.look()

    def _forget(self, envelopes: Sequence[StoredEnvelope]) -> None:
        """Make room."""
        for each in envelopes:
            del self._started[each.number]
            self._loading.released(self._memory.release(each.number))

    # ------------------------------------------------------------ administration

    @property
    def is_open(self) -> bool:
        """Whether anything is attempted."""
        return self._is_open

    @property
    def running(self) -> int:
        """How many envelopes are in an attempt."""
        return len(self._started)

    def started(self, number: int) -> float | None:
        """Return when the attempt began that an envelope is in; None if it waits for a better moment."""
        started = self._started.get(number)
        if started is not None and isinstance(self._agent, PatientAgent):
            return None if self._agent.is_resting(envelope_hex(number)) else started
        return started

    def withdraw(self, numbers: Sequence[int]) -> frozenset[int]:
        """Begin no attempt of *numbers* until `thaw`.

        Returns:
            Those that are in an attempt just now; `Shared.on_idle` is told when it has ended.
        """
        self._frozen.update(numbers)
        held = {number for number in numbers if number in self._memory}
        attempted = held & self._started.keys()
        if waiting := held - attempted:
            self._give_back(waiting)
        if attempted:
            self._call_back()
        return frozenset(attempted)

    def _give_back(self, waiting: Collection[int]) -> None:
        """Hold those no longer that wait for their turn; the store has them."""
        for job in self._lanes.clear():
            kept = [each for each in job.envelopes if each.number not in waiting]
            if kept:
                self._lanes.put(job.lane, Job(job.message, kept), job.priority)
        for number in waiting:
            self._memory.release(number)

    def thaw(self, numbers: Iterable[int]) -> None:
        """Let *numbers* be attempted again; `look_again` finds them."""
        for number in numbers:
            self._frozen[number] -= 1
            if not self._frozen[number]:
                del self._frozen[number]

    def look_again(self) -> None:
        """Look through all that is due: somebody has changed it."""
        self._start_attempts()
        self._loading.look_again()

    def expect(self, due: float) -> None:
        """Know that something in the store is due then which was due later."""
        self._loading.expect(due)
        self._loading.look()
