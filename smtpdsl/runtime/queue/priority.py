"""Who goes first of those that are due in one lane: what is short, and what was asked to be urgent.

    report of ours     2          MT-PRIORITY n of its sender (RFC 6710) adds 3 * n
    up to 64 KiB       1
    larger             0

It decides among envelopes that could be attempted now; `lanes` and `loading` see to it that nobody waits for ever.
"""

from __future__ import annotations

from smtpdsl.mail.envelope import LOCAL
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS, Submission

_REPORT, _SMALL, _LARGE = 2, 1, 0
_CLASSES = 3


def priority_of(submission: Submission, size: int) -> int:
    """Return the priority of the envelopes of a message that has *size* octets; higher ones go first."""
    urgency = submission.options.mt_priority or 0
    return _CLASSES * urgency + _class(submission, size)


def _class(submission: Submission, size: int) -> int:
    if submission.reverse_path.is_null and submission.client.source == LOCAL:
        return _REPORT
    return _SMALL if size <= MAX_INLINE_OCTETS else _LARGE
