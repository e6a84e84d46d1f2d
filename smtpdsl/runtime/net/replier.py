"""What a session replies; a refusal is told in the log as well, with what has decided it.

replier.reply(OK)                                          250 2.0.0 Ok
replier.refuse(reply, {"rule": "smtpd.conf:7", …})         550 5.1.1 …      smtp failed-command … rule=smtpd.conf:7
"""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.net.session_log import SessionLog
from smtpdsl.runtime.protocol import server as core


class Replier:
    """Answers what the core asks, in one session."""

    __slots__ = ("_log", "_session", "reply")

    def __init__(self, session: core.ServerSession, log: SessionLog) -> None:
        """Answer *session*, and tell *log* of refusals."""
        self._session = session
        self._log = log
        # An answer that is no refusal is the core's affair alone.
        self.reply = session.reply

    def refuse(self, reply: Reply, reasons: Mapping[str, object], *, closes: bool = False) -> None:
        """Say no, for *reasons* that are for the log; that *closes* the session, or not."""
        self._log.refused(self._session.last_command, reply, reasons)
        (self._session.refuse if closes else self._session.reply)(reply)
