"""When a route looks into the store for what is due, and how much of it is loaded.

    store ──due──▶ load ──▶ offer ──▶ memory
                    ▲         └─ no room ─▶ left in the store
         next_due ──┘

Invariant: a pending envelope of the route that is neither in memory nor in an overflowing lane is due
at `next_due` or later.  So one number says both when to wake up, and from where to load.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable
from functools import partial

from smtpdsl.runtime.interfaces import QueuedMessage, Route
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.memory import Bounds, Memory
from smtpdsl.runtime.queue.recorder import PAUSE_SECONDS
from smtpdsl.runtime.queue.report import report_damaged
from smtpdsl.runtime.queue.shared import Shared
from smtpdsl.runtime.queue.store import DueBatch, DueQuery, StoredEnvelope, StoredMessage

# The wall clock may be set, and the clock of the loop stands still while a machine sleeps: look again in time.
LONGEST_SLEEP_SECONDS = 600.0
# How many envelopes, and octets of content, are loaded with one request.
_LOAD_ENVELOPES = 256
_LOAD_OCTETS = 4 * 1024 * 1024
# Less room than this is not worth a request.
_WORTHWHILE_OCTETS = 1024 * 1024

Offer = Callable[[QueuedMessage, Iterable[StoredEnvelope]], None]


class Loading:
    """That of one route."""

    def __init__(
        self,
        route: Route,
        bounds: Bounds,
        memory: Memory,
        shared: Shared,
        frozen: Collection[int],
        offer: Offer,
    ) -> None:
        """Load nothing before `resume`.

        Args:
            route: Whose envelopes are loaded.
            bounds: How much *memory* may hold.
            memory: What is held already.
            shared: Has the store.
            frozen: What an administrator changes just now.
            offer: Takes what was loaded, as far as there is room.
        """
        self._route = route
        self._memory = memory
        self._shared = shared
        self._frozen = frozen
        self._offer = offer
        self._loop = asyncio.get_running_loop()
        # Less than the room that is left by lanes with mail that goes nowhere, see `memory`.
        self._load_envelopes = min(_LOAD_ENVELOPES, max(1, bounds.envelopes // 8))
        self._worthwhile_octets = min(_WORTHWHILE_OCTETS, bounds.octets // 8)
        # Lanes of which envelopes stay in the store until others of them are gone.
        self._overflowing: set[str] = set()
        self._next_due = -math.inf
        self._is_open = False
        self._is_loading = False
        # What was loaded last found no room: only a release can change that.
        self._is_stuffed = False
        self._rest_until = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_is_for = math.inf

    def resume(self) -> None:
        """Load what is due from now on."""
        self._is_open = True
        self._next_due = -math.inf
        self.look()

    def pause(self) -> None:
        """Load nothing before `resume`."""
        self._is_open = False
        self._cancel_timer()
        self._overflowing.clear()

    def leave_lane(self, lane: str) -> None:
        """Know that envelopes of a *lane* that is full stay in the store."""
        self._overflowing.add(lane)

    def released(self, lane: str) -> None:
        """Know that an envelope of *lane* is held no longer."""
        self._is_stuffed = False
        if lane in self._overflowing and self._memory.is_half_empty(lane):
            self._overflowing.discard(lane)
            self._next_due = -math.inf

    def look_again(self) -> None:
        """Look through all that is due: somebody has changed it."""
        self._is_stuffed = False
        self._overflowing.clear()
        self._next_due = -math.inf
        self.look()

    def expect(self, due: float) -> None:
        """Know that an envelope in the store is due then; `look` finds it."""
        self._next_due = min(self._next_due, due)

    def look(self) -> None:
        """Load what is due, or wake up when something is."""
        if self._timer is not None and self._timer_is_for == self._next_due:
            return
        self._cancel_timer()
        if not self._is_open or self._is_loading or self._next_due == math.inf:
            return
        now = self._loop.time()
        wait = max(self._next_due - self._shared.clock(), self._rest_until - now)
        if wait > 0:
            self._timer = self._loop.call_at(now + min(wait, LONGEST_SLEEP_SECONDS), self._on_timer)
            self._timer_is_for = self._next_due
        elif self._is_worthwhile():
            self._load()

    def _on_timer(self) -> None:
        self._timer = None
        self.look()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_worthwhile(self) -> bool:
        return (self._has_room() and not self._is_stuffed) or not len(self._memory)

    def _has_room(self) -> bool:
        envelopes, octets = self._memory.room()
        if envelopes >= self._load_envelopes and octets >= self._worthwhile_octets:
            return True
        # What does not move is not waited for: half of the rest has to do.
        held, octets_held = self._memory.held_by(self._overflowing)
        most = len(self._memory) - held + envelopes, self._memory.octets - octets_held + octets
        return envelopes > max(0, most[0] // 2) and octets > max(0, min(self._worthwhile_octets, most[1] // 2))

    def _load(self) -> None:
        envelopes, octets = self._memory.room()
        full = self._memory.full_lanes()
        self._overflowing |= full
        query = DueQuery(
            route=self._route,
            since=self._next_due,
            until=self._shared.clock(),
            limit=min(envelopes, self._load_envelopes),
            max_octets=min(octets, _LOAD_OCTETS),
            has={*self._memory.numbers(), *self._frozen},
            full=full,
        )
        self._is_loading = True
        # Whatever is left in the store meanwhile lowers it again.
        self._next_due = math.inf
        self._shared.store.load(query).add_done_callback(partial(self._on_loaded, query))

    def _on_loaded(self, query: DueQuery, future: asyncio.Future[DueBatch]) -> None:
        self._is_loading = False
        error = future.exception()
        if error is None:
            self._take(future.result())
        else:
            self._shared.log.warn(f"the queue cannot be read, and is read again later: {error}")
            self._rest_until = self._loop.time() + PAUSE_SECONDS
            self.expect(query.since)
        self.look()

    def _take(self, batch: DueBatch) -> None:
        self.expect(batch.next_due)
        for damage in batch.damaged:
            report_damaged(self._shared.log, damage.number, damage.problem)
        by_message: dict[int, list[StoredEnvelope]] = {}
        for each in batch.envelopes:
            by_message.setdefault(message_of(each.number), []).append(each)
        held = len(self._memory)
        for message_id, envelopes in by_message.items():
            self._offer(self._message(batch.messages[message_id]), envelopes)
        self._is_stuffed = bool(batch.envelopes) and len(self._memory) == held

    def _message(self, stored: StoredMessage) -> QueuedMessage:
        known = self._memory.message(stored.message_id)
        if known is not None:
            return known
        return QueuedMessage(
            message_id=stored.message_id,
            reverse_path=stored.reverse_path,
            client=stored.client,
            created=stored.created,
            content=self._shared.content.content(stored.message_id, stored.octets, stored.size, stored.seal),
            was_tried=stored.run != self._shared.store.run,
            options=stored.options,
        )
