"""Who broke the rules of the protocol."""

from __future__ import annotations

from smtpdsl.mail.reply import Reply


class LocalProtocolError(Exception):
    """We did: a bug of the caller, never the work of a peer."""


class RemoteProtocolError(Exception):
    """The peer did; *reply* tells it so, and *closes* says that nothing more is heard from it."""

    def __init__(self, reply: Reply, *, closes: bool = False) -> None:
        """Answer with *reply*."""
        super().__init__(str(reply))
        self.reply = reply
        self.closes = closes
