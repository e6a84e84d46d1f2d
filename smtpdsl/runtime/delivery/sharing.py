"""One session with a mail store for several recipients of a message (RFC 2033).

    LocalWork for ann ─┐
    LocalWork for ben ─┼─▶ LocalWork for ann, and others: ben, sue ──▶ Outcome of ann, and others
    LocalWork for sue ─┘

Only recipients for whom everything else is the same share one: the same user and group of the system, the same
store.  A field with one recipient's address would tell the others of it, and some of them may be blind copies; so
`Delivered-To` is left to the store, unless all of them came of one address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smtpdsl.ir.resolved import Lmtp, LocalAction
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.interfaces import Envelope, LmtpWork, LocalWork, Outcome, Result


def can_be_shared(action: LocalAction, envelope: Envelope) -> bool:
    """Whether recipients of *action* may get a message in one session; a wrapper gets it for one at a time."""
    method = action.method
    if not isinstance(method, Lmtp) or action.wrapper is not None or envelope.target or envelope.file:
        return False
    # A place that depends on the recipient is for that one.
    return "%" not in method.destination.text


class Session(NamedTuple):
    """A work, and the positions of those that it stands for."""

    work: LocalWork
    positions: Sequence[int]


def sessions_of(works: Sequence[LocalWork]) -> list[Session]:
    """Put *works* together that can share a session; a store may take a recipient who is named twice for one."""
    groups: list[list[int]] = []
    for position, work in enumerate(works):
        group = next((each for each in groups if _fits(work, [works[other] for other in each])), None)
        if group is None:
            groups.append([position])
        else:
            group.append(position)
    return [Session(_joined([works[position] for position in group]), group) for group in groups]


def _fits(work: LocalWork, others: Sequence[LocalWork]) -> bool:
    return _is_same(others[0], work) and all(work.method != other.method for other in others)


def _joined(works: Sequence[LocalWork]) -> LocalWork:
    first, *others = works
    if not others:
        return first
    assert isinstance(first.method, LmtpWork), "nothing else fits"
    recipients = tuple(each.method.recipient for each in others if isinstance(each.method, LmtpWork))
    prefix = first.prefix if all(each.prefix == first.prefix for each in others) else b""
    return first._replace(method=first.method._replace(others=recipients), prefix=prefix)


def _is_same(work: LocalWork, other: LocalWork) -> bool:
    """Whether two works differ in nothing but the recipient, and in what has no meaning for a store."""
    first, second = work.method, other.method
    if not isinstance(first, LmtpWork) or not isinstance(second, LmtpWork):
        return False
    if (work.identity.uid, work.identity.gid) != (other.identity.uid, other.identity.gid):
        return False
    return first._replace(recipient="") == second._replace(recipient="")


def each_outcome(work: LocalWork, outcome: Outcome) -> list[Outcome]:
    """Return one outcome for each recipient of *work*; what went wrong before the store was asked is that of all."""
    count = 1 + (len(work.method.others) if isinstance(work.method, LmtpWork) else 0)
    if len(outcome.others) == count - 1:
        return [outcome._replace(others=()), *outcome.others]
    if outcome.result is Result.OK:
        # Nobody says so; but if it were so, nothing must be taken for delivered that was not.
        outcome = temporary("nothing was said of this recipient")
    return [outcome] * count
