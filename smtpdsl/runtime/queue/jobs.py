"""Which envelopes are attempted together, and what becomes of them.

local    each alone, but for those that one mail store gets in one session
relay    those of one message with one action and one domain
         at most 100 together (RFC 5321 §4.5.3.1.8)

Ok ───────────────────────▶ gone
TempFail ──▶ too old? ─no─▶ pending, due later
                └──── yes ▶ held
PermFail ─────────────────▶ held

That is what becomes of them if nobody hears of it; `reporting` has what a report changes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Attempt, Envelope, Outcome, QueuedMessage, Result
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.ids import envelope_hex
from smtpdsl.runtime.queue.report import report_attempt, report_damaged, report_expired
from smtpdsl.runtime.queue.retrying import ORIGINAL_PLAN, Failure, RetryPlan
from smtpdsl.runtime.queue.schedule import expires
from smtpdsl.runtime.queue.store import Changes, State, StoredEnvelope, Update

# What every server has to take in one transaction.
MAX_TOGETHER = 100
# Delivery time expired, RFC 3463 §3.5.
_EXPIRED_STATUS = "5.4.7"


class Job(NamedTuple):
    """Envelopes of one message that are attempted together, in the lane of the first."""

    message: QueuedMessage
    envelopes: Sequence[StoredEnvelope]

    @property
    def lane(self) -> str:
        """Where it takes its turn."""
        return self.envelopes[0].lane

    @property
    def priority(self) -> int:
        """Whether it goes before others of its lane."""
        return self.envelopes[0].priority


def jobs_of(
    group_of: Callable[[Envelope], Hashable | None], message: QueuedMessage, envelopes: Sequence[StoredEnvelope]
) -> Iterator[Job]:
    """Put envelopes of *message* together that have one group."""
    if len(envelopes) == 1:
        # Most of them: nobody need be asked.
        yield Job(message, envelopes)
        return
    groups: dict[Hashable, list[StoredEnvelope]] = {}
    for each in envelopes:
        group_name = group_of(each.envelope)
        groups.setdefault(each.number if group_name is None else (group_name,), []).append(each)
    for group in groups.values():
        for start in range(0, len(group), MAX_TOGETHER):
            yield Job(message, group[start : start + MAX_TOGETHER])


def attempt_of(job: Job) -> Attempt:
    """Tell an agent what to do."""
    message = job.message
    if any(each.tries for each in job.envelopes):
        message = message._replace(was_tried=True)
    envelopes = tuple(each.envelope for each in job.envelopes)
    return Attempt(message, envelopes, tuple(envelope_hex(each.number) for each in job.envelopes))


def part_expired(job: Job, now: float) -> tuple[Sequence[StoredEnvelope], Sequence[StoredEnvelope]]:
    """Part the envelopes that are too old from the others; one that was never attempted is not too old."""
    if not any(each.tries for each in job.envelopes):
        return [], job.envelopes
    old: list[StoredEnvelope] = []
    others: list[StoredEnvelope] = []
    for each in job.envelopes:
        (old if each.tries and _is_expired(job.message, each, now) else others).append(each)
    return old, others


def expire(log: Log, message: QueuedMessage, envelopes: Iterable[StoredEnvelope], now: float) -> Changes:
    """Hold envelopes that are too old."""
    return Changes(updates=[_expired(log, message, each, now) for each in envelopes])


def set_aside(log: Log, job: Job, problem: str) -> Changes:
    """Keep the envelopes of *job*, whose message is damaged, and never try them again."""
    for each in job.envelopes:
        report_damaged(log, each.number, problem)
    return Changes(
        updates=[_update(each._replace(last_error=problem), State.DAMAGED, each.due) for each in job.envelopes]
    )


def unreadable(error: OSError) -> Outcome:
    """Say that the file of a message cannot be read now."""
    return Outcome(Result.TEMPORARY, f"cannot read the file of the message: {error.strerror or error}", "4.3.0")


def judge(log: Log, job: Job, outcomes: Sequence[Outcome], now: float, plan: RetryPlan = ORIGINAL_PLAN) -> Changes:
    """Decide what becomes of the envelopes of *job*, and report it; *plan* says when they are tried again."""
    done: list[int] = []
    updates: list[Update] = []
    for each, outcome in zip(job.envelopes, outcomes, strict=True):
        report_attempt(log, job.message, each, outcome, now)
        if outcome.result is Result.OK:
            done.append(each.number)
        else:
            updates.append(_failed(log, job.message, each, outcome, now, plan))
    return Changes(done, updates)


def _failed(
    log: Log, message: QueuedMessage, stored: StoredEnvelope, outcome: Outcome, now: float, plan: RetryPlan
) -> Update:
    stored = stored._replace(tries=stored.tries + 1, last_try=now, last_error=outcome.text, last_status=outcome.status)
    if outcome.result is Result.PERMANENT:
        return _update(stored, State.HELD, now)
    if _is_expired(message, stored, now):
        return _expired(log, message, stored, now)
    # Its end comes in time, also between two tries.
    due = min(
        plan.next_try(message.created, Failure(stored.tries, outcome.text, outcome.status), now, stored.envelope),
        expires(max(message.created, stored.freed), stored.envelope.ttl),
    )
    return _update(stored, State.PENDING, due)


def _expired(log: Log, message: QueuedMessage, stored: StoredEnvelope, now: float) -> Update:
    text = f"Envelope expired, the last error was: {stored.last_error}"
    report_expired(log, message, stored, text, now)
    return _update(stored._replace(last_error=text, last_status=_EXPIRED_STATUS), State.HELD, now)


def _is_expired(message: QueuedMessage, stored: StoredEnvelope, now: float) -> bool:
    return expires(max(message.created, stored.freed), stored.envelope.ttl) <= now


def _update(stored: StoredEnvelope, state: State, due: float) -> Update:
    return Update(stored.number, state, due, stored.tries, stored.last_try, stored.last_error, stored.last_status)
