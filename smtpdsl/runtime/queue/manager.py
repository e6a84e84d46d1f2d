"""The queue: takes the responsibility for messages, and sees to it that each is delivered.

    session ──enqueue──▶ spool ──▶ store ──committed──▶ "250"
                                      │
                                      └──▶ route queues ──▶ agents ──▶ reports to senders ──▶ store

    mda    LOCAL     a RouteQueue of its own, with its own share of the memory:
    mta    RELAY     mail that waits for one route delays nothing of the other

What is not due soon is only in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from smtpdsl.runtime.interfaces import (
    ContentWriter,
    DeliveryAgent,
    InlineContent,
    QueuedMessage,
    Reporter,
    Route,
    Submission,
)
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.administration import Administration
from smtpdsl.runtime.queue.arrivals import Arrivals, Body
from smtpdsl.runtime.queue.files import Files
from smtpdsl.runtime.queue.ids import Block, envelope_number
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.memory import Bounds
from smtpdsl.runtime.queue.opening import Spool, open_spool
from smtpdsl.runtime.queue.priority import priority_of
from smtpdsl.runtime.queue.recorder import Recorder
from smtpdsl.runtime.queue.reporting import Means, Reporting
from smtpdsl.runtime.queue.retrying import ORIGINAL_PLAN, RetryPlan
from smtpdsl.runtime.queue.route_queue import RouteQueue
from smtpdsl.runtime.queue.shared import Shared
from smtpdsl.runtime.queue.store import StoredEnvelope, Summary, lane_of
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals


class Settings(NamedTuple):
    """How much the queue does at once, and holds in memory.

    `local` limits deliveries in all and to a user, `relay` in all and to a domain.  The bounds on
    envelopes and octets of content are shared by the routes in equal parts.  Whoever waits for a
    delivery hears of the delay after each of *warn_after* seconds.  *seals* say how entries of the
    spool are kept, and *plan* when they are tried again.  At most *max_hurried* are tried sooner when
    their host is there again.  Whoever brings messages has a *head_start* of so many seconds: another process that has
    to answer a client comes before deliveries, which would have its processor.
    """

    local: Limits = Limits(at_once=50, per_lane=7)
    relay: Limits = Limits(at_once=100, per_lane=10)
    max_inflight: int = 5000
    max_content_octets: int = 64 * 1024 * 1024
    max_per_lane: int = 1000
    paused: frozenset[Route] = frozenset()
    warn_after: tuple[int, ...] = ()
    seals: Seals = PLAIN_SEALS
    plan: RetryPlan = ORIGINAL_PLAN
    max_hurried: int = 100
    head_start: float = 0.0


class Queue:
    """Implements `Intake`, and drives the agents."""

    def __init__(
        self,
        spool: str | Path,
        agents: Mapping[Route, DeliveryAgent],
        log: Log,
        clock: Callable[[], float] = time.time,
        settings: Settings | None = None,
        *,
        reporter: Reporter | None = None,
        vfs: str | None = None,
        files: Files | None = None,
    ) -> None:
        """Keep messages in the folder *spool*; nothing is opened before `start`.

        Args:
            spool: A folder, which is made if it is missing.
            agents: What delivers, for each route.  Mail for a route without one waits.
            log: Where deliveries are reported to.
            clock: Tells the time; seconds since 1970.
            settings: Limits; the default suits a small server.
            reporter: What writes to senders.  Without it nobody hears of a failure, and what has failed is held.
            vfs: What SQLite does its input and output with, if not with the operating system.
            files: What large messages are stored with, if not with the operating system.
        """
        # Whoever delivers may work in another folder.
        self._path = Path(spool).absolute()
        self._agents = agents
        self._log = log
        self._clock = clock
        self._settings = settings or Settings()
        self._reporter = reporter
        self._open = partial(open_spool, self._path, vfs=vfs, files=files, seals=self._settings.seals)
        self._spool: Spool
        self._recorder: Recorder
        # How it is seen and changed by hand, from `start` on.
        self.administration: Administration
        self._arrivals: Arrivals
        self._routes: dict[Route, RouteQueue] = {}

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Open the spool, and deliver what is due.

        Raises:
            SpoolError: The spool cannot be used.
        """
        self._spool = self._open()
        store, content, _, cleaning = self._spool
        if cleaning.unfinished or cleaning.orphans:
            self._log.info(
                f"removed from the spool: {cleaning.unfinished} unfinished messages, "
                f"{cleaning.orphans} files of messages that are gone"
            )
        store.start()
        self._arrivals = Arrivals(store, content, self._offer)
        self._recorder = Recorder(store, content, self._log)
        offer = self._offer_report
        self.administration = Administration(store, content, self._log, self._clock, self._routes)
        on_idle = self.administration.on_idle
        reporting, plan, head_start = self._reporting(), self._settings.plan, self._settings.head_start
        shared = Shared(
            store, content, self._recorder, self._log, self._clock, offer, on_idle, reporting, plan, head_start
        )
        for route, agent in self._agents.items():
            limits = self._settings.local if route is Route.LOCAL else self._settings.relay
            self._routes[route] = RouteQueue(route, agent, limits, self._bounds(), shared)
            if route not in self._settings.paused:
                self._routes[route].resume()

    def _reporting(self) -> Reporting | None:
        if self._reporter is None:
            return None
        warn_after, plan = self._settings.warn_after, self._settings.plan
        return Reporting(Means(self._reporter, self.next_message_id, self._clock, self._log, warn_after, plan))

    def _bounds(self) -> Bounds:
        settings, count = self._settings, len(Route)
        envelopes = max(1, settings.max_inflight // count)
        return Bounds(envelopes, settings.max_content_octets // count, min(envelopes, settings.max_per_lane))

    async def stop(self, grace: float) -> None:
        """Start no more attempts, wait *grace* seconds for those that run, and close the spool.

        Messages are taken until the end, but not attempted.
        """
        for route in self._routes.values():
            route.pause()
        tasks = self._tasks()
        if tasks and grace > 0:
            await asyncio.wait(tasks, timeout=grace)
        for route in self._routes.values():
            route.abandon()
        # An attempt that has just ended may have begun a report.
        while late := self._tasks():
            await asyncio.wait(late)
        await self._recorder.finish()
        await self.administration.finish()
        await self._spool.content.close()
        await self._spool.store.close()
        self._spool.lock.release()

    def _tasks(self) -> frozenset[asyncio.Task[Any]]:
        return frozenset(task for route in self._routes.values() for task in route.tasks)

    def pause(self, route: Route) -> None:
        """Attempt nothing of *route* until `resume`; what runs, ends."""
        self._routes[route].pause()

    def resume(self, route: Route) -> None:
        """Attempt what is due of *route*."""
        self._routes[route].resume()

    def is_paused(self, route: Route) -> bool:
        """Whether nothing of *route* is attempted."""
        return not self._routes[route].is_open

    def running(self) -> dict[str, int]:
        """Return how many envelopes of each route are attempted just now, and how many are in memory."""
        found = {}
        for route, route_queue in self._routes.items():
            found[f"{route.value}.running"] = route_queue.running
            found[f"{route.value}.envelope"] = len(route_queue.memory)
        return found

    def hurry(self, lane: str) -> None:
        """Attempt mail for the domain *lane* that could not reach its host: somebody has seen that it is there again.

        Nobody waits for it; what cannot be done now is tried at its time.
        """
        if Route.RELAY in self._routes:
            now = self._clock()
            hurried = self._spool.store.hurry(lane, now, self._settings.max_hurried)
            hurried.add_done_callback(partial(self._on_hurried, now))

    def _on_hurried(self, now: float, hurried: asyncio.Future[int]) -> None:
        if not hurried.cancelled() and hurried.exception() is None and hurried.result():
            self._routes[Route.RELAY].expect(now)

    async def summary(self) -> Summary:
        """Count what the queue has.

        Raises:
            StorageError: It cannot be read now.
        """
        return await self._spool.store.summary()

    # ------------------------------------------------------------ intake

    def next_message_id(self) -> int:
        """Return a number that no other message of this spool has."""
        return self._arrivals.next_message_id()

    def reserve(self) -> asyncio.Future[Block]:
        """Return numbers for messages that come from another process; it fails with `StorageError`."""
        return self._arrivals.reserve()

    def open_content(self, message_id: int) -> ContentWriter:
        """Start to store a large message."""
        return self._spool.content.open(message_id)

    def enqueue(self, submission: Submission) -> Awaitable[None]:
        """Take the responsibility for a message; done when it is on stable storage."""
        return self._arrivals.take(submission)

    def _offer(self, submission: Submission, body: Body) -> None:
        """Attempt a message at once, without reading it back."""
        message = QueuedMessage(
            message_id=submission.message_id,
            reverse_path=submission.reverse_path,
            client=submission.client,
            created=submission.created,
            content=self._spool.content.content(submission.message_id, *body),
            options=submission.options,
        )
        priority = priority_of(submission, body.size)
        by_route: dict[Route, list[StoredEnvelope]] = {}
        for position, each in enumerate(submission.envelopes, 1):
            number = envelope_number(submission.message_id, position)
            stored = StoredEnvelope(number, each, lane_of(each), submission.created, priority=priority)
            by_route.setdefault(each.route, []).append(stored)
        for route, envelopes in by_route.items():
            if route in self._routes:
                self._routes[route].offer(message, envelopes)

    def _offer_report(self, report: Submission) -> None:
        """Attempt a report that the store has."""
        assert isinstance(report.content, InlineContent), "reports are short"
        self._offer(report, Body(report.content.octets, report.content.size))
