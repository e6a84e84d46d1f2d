"""What the sessions of a listener share, and the sessions of a server as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.ir.resolved import Listener
from smtpdsl.runtime.interfaces import Intake
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.protocol.server import Limits

if TYPE_CHECKING:
    from smtpdsl.runtime.net.session import Session

# RFC 5321 §4.5.3.2.7: a server waits at least five minutes.
IDLE_SECONDS = 300.0


class Sessions:
    """Every session of a server."""

    def __init__(self) -> None:
        """Have none."""
        self._open: set[Session] = set()
        self._none = asyncio.Event()
        self._none.set()

    def add(self, session: Session) -> None:
        """Take in a session that begins."""
        self._open.add(session)
        self._none.clear()

    def discard(self, session: Session) -> None:
        """Let a session go that has ended."""
        self._open.discard(session)
        if not self._open:
            self._none.set()

    def drain(self) -> None:
        """Let each end when its transaction has ended."""
        for session in tuple(self._open):
            session.drain()

    def abort(self) -> None:
        """End all of them now."""
        for session in tuple(self._open):
            session.abort()

    async def wait_until_none(self) -> None:
        """Wait for the last one to end."""
        await self._none.wait()


class Service(NamedTuple):
    """What the sessions of a listener share.

    *configuration* names the program in log lines; *clock* gives seconds since 1970.
    """

    listener: Listener
    server_name: str
    configuration: str
    policy: Policy
    intake: Intake
    log: Log
    clock: Callable[[], float]
    next_session_id: Callable[[], str]
    limits: Limits
    sessions: Sessions
    idle_seconds: float = IDLE_SECONDS
