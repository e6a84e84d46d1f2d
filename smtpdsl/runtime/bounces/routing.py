"""Where a report goes: what the policy says of mail that this host sends to that address.

from local, by nobody, for <ann@a.example>  ──policy──▶  envelopes, as for any other mail
"""

from __future__ import annotations

from collections.abc import Awaitable

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.mail.options import NEVER
from smtpdsl.runtime.interfaces import Envelope, NoReport
from smtpdsl.runtime.policy import Accepted, Judgement, Policy, Refused

# RFC 5321 §4.2.1
_TRANSIENT = 4
# RFC 3461 §6.1: nobody is to report on a report.
_NO_REPORTS = frozenset({NEVER})


class PolicyRouter:
    """Implements `Router`."""

    def __init__(self, policy: Policy, server_name: str) -> None:
        """Ask *policy*, as the server called *server_name*."""
        self._policy = policy
        self._client = Client(source=LOCAL, helo=server_name)

    def route(self, recipient: Mailbox) -> tuple[Envelope, ...] | NoReport | Awaitable[tuple[Envelope, ...] | NoReport]:
        """Ask the rules about mail from here."""
        judgement = self._policy.judge(self._client, ReversePath(), recipient)
        if isinstance(judgement, Accepted | Refused):
            return _routed(recipient, judgement)
        return _routed_later(recipient, judgement)


async def _routed_later(recipient: Mailbox, judgement: Awaitable[Judgement]) -> tuple[Envelope, ...] | NoReport:
    return _routed(recipient, await judgement)


def _routed(recipient: Mailbox, judgement: Judgement) -> tuple[Envelope, ...] | NoReport:
    if isinstance(judgement, Accepted):
        return tuple(each._replace(notify=_NO_REPORTS) for each in judgement.envelopes)
    why = f"mail for <{recipient}> is refused: {judgement.why} (rule {judgement.rule})"
    return NoReport(why, is_temporary=judgement.reply.code // 100 == _TRANSIENT)
