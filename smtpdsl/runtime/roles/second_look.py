"""Commands and files that an SMTP process wants mail to go to are looked up again by the queue process.

    envelope with a command line ──▶ the rules, aliases and .forward files, once more ──▶ is it there?

They run and are written in the name of a user.  An SMTP process talks to strangers; should one of them
have taken it over, it can still bring mail for anybody, as any client can, but no command of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from smtpdsl.runtime.interfaces import Envelope, Submission
from smtpdsl.runtime.policy import Accepted, Policy


def needs_second_look(envelopes: Sequence[Envelope]) -> bool:
    """Whether any of *envelopes* names what runs, or is written, in a user's name."""
    for each in envelopes:  # noqa: SIM110 - for every message, and most have one envelope
        if each.target or each.file:
            return True
    return False


async def is_meant(policy: Policy, submission: Submission) -> bool:
    """Whether *policy* makes all such envelopes of *submission* out of their recipients."""
    suspects = [each._replace(notify=None, orcpt=None) for each in submission.envelopes if each.target or each.file]
    for recipient in dict.fromkeys(each.recipient for each in suspects):
        judgement = policy.judge(submission.client, submission.reverse_path, recipient)
        if isinstance(judgement, Awaitable):
            judgement = await judgement
        meant = judgement.envelopes if isinstance(judgement, Accepted) else ()
        if any(each.recipient == recipient and each not in meant for each in suspects):
            return False
    return True
