"""The acceptors of a server together: started, paused and resumed by an administrator, closed.

paused    who connects waits in the backlog of the system, and is served when reception is resumed
"""

from __future__ import annotations

from smtpdsl.runtime.net.acceptor import Acceptor


class Acceptors:
    """All of them."""

    def __init__(self) -> None:
        """Have none."""
        self._acceptors: list[Acceptor] = []
        self.is_paused = False

    def start(self, acceptor: Acceptor) -> None:
        """Start one, and look after it."""
        self._acceptors.append(acceptor)
        if not self.is_paused:
            acceptor.start()

    def pause(self) -> None:
        """Accept nobody until `resume`; the sessions that there are go on."""
        self.is_paused = True
        for acceptor in self._acceptors:
            acceptor.close()

    def resume(self) -> None:
        """Accept again."""
        self.is_paused = False
        for acceptor in self._acceptors:
            acceptor.start()

    def close(self) -> None:
        """Accept nobody any more."""
        for acceptor in self._acceptors:
            acceptor.close()
