"""Who broke the rules of the protocol."""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.states import Step


class LocalProtocolError(Exception):
    """We did: a bug of the caller, never the work of a peer."""


class RemoteProtocolError(Exception):
    """The peer did; *reply* tells it so, and *closes* says that nothing more is heard from it.

    If octets follow that are no commands, so many are *skipped* before the reply is given.  A
    *step* is what has happened to the session nevertheless.
    """

    def __init__(
        self, reply: Reply, *, closes: bool = False, skipped: int | None = None, step: Step | None = None
    ) -> None:
        """Answer with *reply*."""
        super().__init__(str(reply))
        self.reply = reply
        self.closes = closes
        self.skipped = skipped
        self.step = step
