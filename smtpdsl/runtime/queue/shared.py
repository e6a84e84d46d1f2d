"""What the parts of a queue have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Submission
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.recorder import Recorder
from smtpdsl.runtime.queue.reporting import Reporting
from smtpdsl.runtime.queue.retrying import ORIGINAL_PLAN, RetryPlan
from smtpdsl.runtime.queue.spool import ContentFolder
from smtpdsl.runtime.queue.store import Store


class Shared(NamedTuple):
    """One of each, for every route.

    *offer* takes the reports that the store has; *on_idle* hears of withdrawn envelopes whose attempt has ended.
    *head_start* is how many seconds whoever brings messages has before they are attempted.
    """

    store: Store
    content: ContentFolder
    recorder: Recorder
    log: Log
    clock: Callable[[], float]
    offer: Callable[[Submission], None]
    on_idle: Callable[[Sequence[int]], None]
    reporting: Reporting | None = None
    plan: RetryPlan = ORIGINAL_PLAN
    head_start: float = 0.0
