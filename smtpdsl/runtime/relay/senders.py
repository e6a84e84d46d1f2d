"""Who is said to send a message that is relayed: one sender for each recipient.

    mail-from "@example.org"    ann@away.example  ──▶  ann@example.org
    srs                         ann@away.example  ──▶  SRS0=HHHH=TT=away.example=ann@here.example

SRS is for what is forwarded: the recipient is not the one that the client named, whose domain is
the new one of the sender.  Recipients of one message may have been named in several domains.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.srs import Srs
from smtpdsl.runtime.interfaces import Attempt, Envelope
from smtpdsl.runtime.relay.plan import Plan, sender_of


class Senders:
    """Chooses senders."""

    def __init__(self, srs: Srs | None = None, clock: Callable[[], float] = time.time) -> None:
        """Rewrite by *srs*, where an action wants that; *clock* gives seconds since 1970."""
        self._srs = srs
        self._clock = clock

    def of(self, plan: Plan, attempt: Attempt) -> tuple[ReversePath, ...]:
        """Return the sender for each envelope of *attempt*, in their order; a null one stays so."""
        sender = sender_of(plan, attempt.message.reverse_path)
        if not plan.action.srs:
            return (sender,) * len(attempt.envelopes)
        moment = self._clock()
        return tuple(self._rewritten(sender, each, moment) for each in attempt.envelopes)

    def _rewritten(self, sender: ReversePath, envelope: Envelope, moment: float) -> ReversePath:
        if sender.mailbox is None or envelope.dest == envelope.recipient:
            return sender
        assert self._srs is not None, "the compiler refuses `srs` without a key"
        return ReversePath(mailbox=self._srs.encode(sender.mailbox, envelope.recipient.domain, moment))
