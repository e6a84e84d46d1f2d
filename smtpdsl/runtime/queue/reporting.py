"""What the sender of a message hears of it, and what that means for its envelopes.

                     wanted   report        no report
    failed for good    yes    sent, gone    held; if there may be one later, tried again
                       no                   gone
    failed for now     yes    sent          stays as it is
    delivered          yes    sent, gone    gone

A report and the end of the envelopes that it tells of are one change of the store: a server
that dies between the two has done neither.  Mail from nobody is reported to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from smtpdsl.mail.options import DELAY, FAILURE, SUCCESS, wants
from smtpdsl.runtime.interfaces import (
    Envelope,
    Event,
    NoReport,
    Notice,
    Outcome,
    QueuedMessage,
    Reporter,
    Result,
    Route,
    Submission,
)
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.ids import envelope_hex, message_hex
from smtpdsl.runtime.queue.retrying import ORIGINAL_PLAN, Failure, RetryPlan
from smtpdsl.runtime.queue.store import Changes, State, StoredEnvelope, Update

# What the log calls a report on each event.
_SHOWN = {
    Event.FAILED: "failure",
    Event.DELAYED: "delay",
    Event.DELIVERED: "delivery",
    Event.RELAYED: "relaying",
}
# A report tells of so many recipients, and another one of the rest: it is made in memory.
MAX_RECIPIENTS = 100


class Means(NamedTuple):
    """What reports are made with; a delay is reported each time that one of *warn_after* seconds has passed."""

    reporter: Reporter
    next_message_id: Callable[[], int]
    clock: Callable[[], float]
    log: Log
    warn_after: Sequence[int] = ()
    plan: RetryPlan = ORIGINAL_PLAN


class Reporting:
    """Lets senders hear of their mail."""

    def __init__(self, means: Means) -> None:
        """Use *means*."""
        self._means = means

    def notices(
        self,
        message: QueuedMessage,
        envelopes: Sequence[StoredEnvelope],
        changes: Changes,
        outcomes: Sequence[Outcome] = (),
    ) -> list[Notice]:
        """Return what is to be told of *changes* of *envelopes*, which came of *outcomes*; nothing of most mail."""
        if message.reverse_path.is_null:
            return []
        found = list(_successes(envelopes, outcomes))
        if changes.updates:
            found += _failures(message, envelopes, changes.updates, self._means.warn_after)
        return found

    async def settle(self, message: QueuedMessage, changes: Changes, notices: Sequence[Notice]) -> Changes:
        """Write the reports on *notices*, and return what becomes of *changes* with them."""
        reports: list[Submission] = []
        unwanted = [each for each in notices if not _is_wanted(each)]
        for each in unwanted:
            self._means.log.info(f"bounce: no report of failure of {envelope_hex(each.number)}: its sender wants none")
        gone = {each.number for each in unwanted}
        later: dict[int, Envelope] = {}
        for told in _groups([each for each in notices if _is_wanted(each)]):
            event = told[0].event
            answer = await self._report(message, told)
            if isinstance(answer, Submission):
                reports.append(answer)
                gone.update(each.number for each in told if event is Event.FAILED)
            elif answer.is_temporary and event is Event.FAILED:
                later |= {each.number: each.envelope for each in told}
        return self._changes(message, changes, reports, gone, later)

    async def _report(self, message: QueuedMessage, notices: Sequence[Notice]) -> Submission | NoReport:
        """Write one report, and say so in the log."""
        reporter, next_message_id, clock, log, *_ = self._means
        answer = await reporter.report(message, notices, next_message_id(), clock())
        shown = ", ".join(envelope_hex(each.number) for each in notices)
        what = f"bounce: report of {_SHOWN[notices[0].event]} of {shown} to {message.reverse_path}"
        if isinstance(answer, NoReport):
            log.warn(f"{what} cannot be sent{' yet' if answer.is_temporary else ''}: {answer.why}")
        else:
            log.info(f"{what}: message {message_hex(answer.message_id)}")
        return answer

    def _changes(
        self,
        message: QueuedMessage,
        changes: Changes,
        reports: Sequence[Submission],
        gone: set[int],
        later: Mapping[int, Envelope],
    ) -> Changes:
        updates = []
        for each in changes.updates:
            if each.number in later:
                failure = Failure(each.tries, each.last_error, each.last_status)
                due = self._means.plan.next_try(message.created, failure, self._means.clock(), later[each.number])
                updates.append(each._replace(state=State.PENDING, due=due))
            elif each.number not in gone:
                updates.append(each)
        failed = [each.number for each in changes.updates if each.number in gone]
        return Changes([*changes.done, *failed], updates, reports)


def _successes(envelopes: Sequence[StoredEnvelope], outcomes: Sequence[Outcome]) -> Iterator[Notice]:
    """Yield what has arrived, as far as anybody wants to know and no other server will say (RFC 3461 §5.2.2)."""
    for stored, outcome in zip(envelopes, outcomes, strict=bool(outcomes)):
        envelope = stored.envelope
        if outcome.result is Result.OK and not outcome.has_dsn and envelope.notify and SUCCESS in envelope.notify:
            event = Event.DELIVERED if envelope.route is Route.LOCAL else Event.RELAYED
            yield Notice(stored.number, event, envelope, outcome.text, outcome.status)


def _failures(
    message: QueuedMessage, envelopes: Sequence[StoredEnvelope], updates: Sequence[Update], warn_after: Sequence[int]
) -> Iterator[Notice]:
    """Yield what has failed for good, wanted or not, and what is late."""
    by_number = {each.number: each for each in envelopes}
    for update in updates:
        stored = by_number[update.number]
        if update.state is State.HELD:
            event = Event.FAILED
        elif wants(stored.envelope.notify, DELAY) and _is_late(message, stored, update, warn_after):
            event = Event.DELAYED
        else:
            continue
        yield Notice(update.number, event, stored.envelope, update.last_error, update.last_status)


def _is_late(message: QueuedMessage, stored: StoredEnvelope, update: Update, warn_after: Sequence[int]) -> bool:
    """Whether the next attempt lies behind the end of a time to warn after, and the one that failed did not."""
    return any(stored.due <= message.created + seconds < update.due for seconds in warn_after)


def _is_wanted(notice: Notice) -> bool:
    return notice.event is not Event.FAILED or wants(notice.envelope.notify, FAILURE)


def _groups(notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
    """Yield what goes into one report each: notices of one event, and not too many."""
    for event in Event:
        told = [each for each in notices if each.event is event]
        for start in range(0, len(told), MAX_RECIPIENTS):
            yield told[start : start + MAX_RECIPIENTS]
