"""What follows from attempts: senders are told, and the store is.

    changes ──▶ nothing to tell ────────────────────────────────▶ recorder ──▶ forgotten
        ├─────▶ something arrived ───▶ report ──────────────────▶
        └─────▶ something failed ──┬─▶ collected for a second ──▶ report ──▶

What has failed stays in memory for that second, and in the store as it was; so the recipients of a
message who fail one after the other are in one report.  What has arrived is never kept waiting: a server that
is killed meanwhile would deliver it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from smtpdsl.runtime.fault import describe_fault
from smtpdsl.runtime.interfaces import Notice, Outcome, QueuedMessage
from smtpdsl.runtime.queue.report import report_held
from smtpdsl.runtime.queue.reporting import Reporting
from smtpdsl.runtime.queue.shared import Shared
from smtpdsl.runtime.queue.store import Changes, State, StoredEnvelope

# How long recipients of a message are waited for, in seconds; as OpenSMTPD does it.
COLLECT_SECONDS = 1.0


class _Conclusion(NamedTuple):
    """What became of some envelopes of a message, and what is to be told of it."""

    message: QueuedMessage
    envelopes: Sequence[StoredEnvelope]
    changes: Changes
    notices: Sequence[Notice]

    def joined(self, other: _Conclusion) -> _Conclusion:
        """Add *other*, of the same message."""
        return _Conclusion(
            self.message,
            [*self.envelopes, *other.envelopes],
            Changes([*self.changes.done, *other.changes.done], [*self.changes.updates, *other.changes.updates]),
            [*self.notices, *other.notices],
        )


class Conclusions:
    """Draws them, for one route."""

    def __init__(self, shared: Shared, on_recorded: Callable[[Changes, Sequence[StoredEnvelope]], None]) -> None:
        """Call *on_recorded* when the store knows what became of envelopes."""
        self._shared = shared
        self._on_recorded = on_recorded
        self._loop = asyncio.get_running_loop()
        self._collected: dict[int, _Conclusion] = {}
        self._is_hurried = False
        self._tasks: set[asyncio.Task[Changes]] = set()

    @property
    def tasks(self) -> frozenset[asyncio.Task[Changes]]:
        """The reports that are being written."""
        return frozenset(self._tasks)

    def hurry(self, *, wanted: bool) -> None:
        """Collect nothing any more, or collect again."""
        self._is_hurried = wanted
        for message_id in list(self._collected) if wanted else ():
            self._report_collected(message_id)

    def abandon(self) -> None:
        """Give the reports up that are being written; the failures that they tell of are found again."""
        for task in self._tasks:
            task.cancel()

    def draw(
        self,
        message: QueuedMessage,
        envelopes: Sequence[StoredEnvelope],
        changes: Changes,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        """Tell the sender of *message* what it is to hear of *changes*, and the store the rest."""
        reporting = self._shared.reporting
        notices = reporting.notices(message, envelopes, changes, outcomes) if reporting is not None else []
        if reporting is None or not notices:
            self._settle(message, envelopes, changes)
            return
        conclusion = _Conclusion(message, envelopes, changes, notices)
        if changes.done or self._is_hurried:
            self._report(reporting, conclusion)
        else:
            self._collect(conclusion)

    def _collect(self, conclusion: _Conclusion) -> None:
        message_id = conclusion.message.message_id
        known = self._collected.get(message_id)
        if known is None:
            self._loop.call_later(COLLECT_SECONDS, self._report_collected, message_id)
        self._collected[message_id] = conclusion if known is None else known.joined(conclusion)

    def _report_collected(self, message_id: int) -> None:
        conclusion = self._collected.pop(message_id, None)
        # If it is gone, somebody was in a hurry.
        if conclusion is not None:
            assert self._shared.reporting is not None, "nothing is collected for nobody"
            self._report(self._shared.reporting, conclusion)

    def _report(self, reporting: Reporting, conclusion: _Conclusion) -> None:
        task = self._loop.create_task(reporting.settle(conclusion.message, conclusion.changes, conclusion.notices))
        self._tasks.add(task)
        task.add_done_callback(partial(self._on_reported, conclusion))

    def _on_reported(self, conclusion: _Conclusion, task: asyncio.Task[Changes]) -> None:
        self._tasks.discard(task)
        changes = conclusion.changes
        if task.cancelled():
            # What was delivered is not delivered again, and what has failed is tried once more.
            changes = Changes(changes.done, [each for each in changes.updates if each.state is not State.HELD])
        elif (error := task.exception()) is not None:
            sender = conclusion.message.reverse_path
            self._shared.log.warn(f"bounce: a report to {sender} failed: {describe_fault(error)}")
        else:
            changes = task.result()
        self._settle(conclusion.message, conclusion.envelopes, changes)

    def _settle(self, message: QueuedMessage, envelopes: Sequence[StoredEnvelope], changes: Changes) -> None:
        """Let the store know of *changes*."""
        if changes.updates:
            self._log_held(message, envelopes, changes)
        self._shared.recorder.record(changes, partial(self._on_recorded, changes, envelopes))

    def _log_held(self, message: QueuedMessage, envelopes: Sequence[StoredEnvelope], changes: Changes) -> None:
        by_number = {each.number: each for each in envelopes}
        for update in changes.updates:
            if update.state is State.HELD:
                stored = by_number[update.number]
                report_held(self._shared.log, message, stored, update.last_error, self._shared.clock())
