"""What servers are sent of an attempt: the message as it is measured and signed, and who is said to send it.

attempt ──▶ signature, if there are keys ──▶ octets, and whether some are 8-bit ──▶ senders ──▶ Parcel
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.dkim.signer import Signer
from smtpdsl.runtime.interfaces import Attempt, InlineContent
from smtpdsl.runtime.net.outgoing import Measure, measure, measure_octets
from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.plan import Plan
from smtpdsl.runtime.relay.senders import Senders


class Parcel(NamedTuple):
    """A message with its recipients, and what a server is told of it.

    There is a sender for each recipient, in *reverse_paths*.  The header begins with *prefix*, complete
    lines that the queue does not have; *size* counts them.
    """

    attempt: Attempt
    size: Measure
    reverse_paths: tuple[ReversePath, ...]
    politeness: Politeness = Politeness()
    prefix: bytes = b""

    @property
    def domain(self) -> str:
        """The domain of all of its recipients."""
        return self.attempt.envelopes[0].dest.domain


class Parcels:
    """Makes them."""

    def __init__(self, senders: Senders, signer: Signer | None = None) -> None:
        """Ask *senders* who is said to send a message, and let *signer* sign it."""
        self._senders = senders
        self._signer = signer

    async def of(self, attempt: Attempt, plan: Plan, politeness: Politeness) -> Parcel:
        """Put together what servers are sent.

        Raises:
            ContentError: The message cannot be read.
            OSError: So too.
        """
        content = attempt.message.content
        size = measure_octets(content.octets) if isinstance(content, InlineContent) else await measure(content)
        prefix = b""
        if self._signer is not None:
            prefix = await self._signer.prefix(attempt.message)
            size = size._replace(octets=size.octets + len(prefix) + prefix.count(b"\n"))
        return Parcel(attempt, size, self._senders.of(plan, attempt), politeness, prefix)
