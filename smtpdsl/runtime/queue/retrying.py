"""How long an envelope waits after a failure: what the configuration says of it, or else the schedule of OpenSMTPD.

    mta retry-after 5m, 15m, 1h                        after the first failure, the second, and all others
    mta retry-after on "4.7" 15m, 1h                   if that was it: an enhanced status, or a reply code
    mta retry-after for domain "slow.example" 1h       for one domain, which counts for more than a status

Pure: the time is an argument, and nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.protocol.client_verdicts import answer_in
from smtpdsl.runtime.queue.schedule import next_try

_CODE_DIGITS = 3


class RetryRule(NamedTuple):
    """Seconds after each failure, the last of them for all others; empty texts are for all domains, all failures."""

    route: Route
    delays: tuple[int, ...]
    domain: str = ""
    status: str = ""


class Failure(NamedTuple):
    """How often an envelope has failed, at least once, and what was said the last time."""

    tries: int
    text: str
    status: str


class RetryPlan:
    """All that a configuration says."""

    def __init__(self, rules: Iterable[RetryRule] = ()) -> None:
        """Keep to *rules*; the first of those that say most of an envelope is used."""
        # A stable sort.
        self._rules = sorted(rules, key=lambda rule: (not rule.domain, -len(rule.status)))

    def next_try(self, created: float, failure: Failure, now: float, envelope: Envelope) -> float:
        """Return the moment of the next attempt, after *now*.

        Args:
            created: When the message was accepted.
            failure: What became of the attempts so far.
            now: The moment of the last one.
            envelope: What is tried again.
        """
        for rule in self._rules:
            if rule.route is envelope.route and _is_for(rule, failure, envelope):
                return now + max(1, rule.delays[min(failure.tries, len(rule.delays)) - 1])
        return next_try(created, failure.tries, now, envelope.route)


def _is_for(rule: RetryRule, failure: Failure, envelope: Envelope) -> bool:
    if rule.domain and rule.domain.lower() != envelope.dest.domain.lower():
        return False
    return not rule.status or _is_status(rule.status, failure)


def _is_status(wanted: str, failure: Failure) -> bool:
    if len(wanted) == _CODE_DIGITS and wanted.isdigit():
        answer = answer_in(failure.text)
        return answer is not None and answer.text.startswith(wanted)
    return failure.status == wanted or failure.status.startswith(f"{wanted}.")


ORIGINAL_PLAN = RetryPlan()
