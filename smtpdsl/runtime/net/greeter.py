"""How a client is greeted: at once, or when TLS is up; and anew, if it turns out to speak for another one.

greet(reply)                       220 mx.example …
greet(reply) ─▶ … ─▶ secured       220 mx.example …, where TLS comes first
begin_anew ─▶ greet(reply)         220 mx.example …, the answer to XCLIENT
"""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol import server as core


class Greeter:
    """Greets the client of one session."""

    __slots__ = ("_kept", "_say", "_session", "_waits_for_tls")

    def __init__(self, session: core.ServerSession, *, waits_for_tls: bool) -> None:
        """Speak through *session*; who *waits_for_tls* would not understand a word before that."""
        self._session = session
        self._say = session.greet
        self._waits_for_tls = waits_for_tls
        self._kept: Reply | None = None

    def greet(self, reply: Reply) -> None:
        """Greet the client, or refuse it, with *reply*."""
        if self._waits_for_tls:
            self._kept = reply
        else:
            self._say(reply)

    def secured(self) -> None:
        """Take notice that TLS is up."""
        self._waits_for_tls = False
        if self._kept is not None:
            self._say(self._kept)
            self._kept = None

    def begin_anew(self) -> None:
        """From here on it is another client; its greeting is the answer to the one before."""
        self._say = self._session.reply
