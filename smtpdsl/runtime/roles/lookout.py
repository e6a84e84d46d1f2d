"""Which SMTP processes have not said anything for so long that they serve nobody any more.

    heard ──▶ 0      looked for ──▶ 1 ──▶ 2 ──▶ 3 ──▶ killed, and its link is over

Each tells now and then what it has counted.  One that does not is stopped, or in a loop without end, and keeps its
clients for ever.  Looks are counted, and not time: nobody is blamed for time that the queue process itself has lost.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress

from smtpdsl.runtime.roles.smtp_peer import SmtpPeer

# How often each is looked for, and how often in vain until it is given up.
_LOOKING_SECONDS = 10.0
_MAX_SILENCE = 3


def kill(process: int) -> None:
    """End a process of this account at once, even one that is stopped; its link is there, so its number is its own."""
    with suppress(OSError):
        os.kill(process, signal.SIGKILL)


class Lookout:
    """Looks for all of them."""

    def __init__(self, peers: Callable[[], Iterable[SmtpPeer]], kill: Callable[[int], None]) -> None:
        """Look for *peers*, and *kill* the process with a number."""
        self._peers = peers
        self._kill = kill
        self._next: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """End those that have been silent for too long, from now on until `close`."""
        for peer in tuple(self._peers()):
            if peer.look_for() < _MAX_SILENCE:
                continue
            if peer.ready.done() and isinstance(process := peer.ready.result(), int):
                self._kill(process)
            peer.link.abort(f"it has not said anything for {_MAX_SILENCE * _LOOKING_SECONDS:.0f} seconds")
        self._next = asyncio.get_running_loop().call_later(_LOOKING_SECONDS, self.look)

    def close(self) -> None:
        """Look for nobody any more."""
        if self._next is not None:
            self._next.cancel()
