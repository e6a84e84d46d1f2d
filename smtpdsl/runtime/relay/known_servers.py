"""What is kept in mind of servers, by their addresses; some thousands of them, until this one is stopped.

192.0.2.25, port 25      Habits(breaks_chunks=True)
"""

from __future__ import annotations

from smtpdsl.runtime.protocol.client_habits import Habits

# Then all of them are forgotten.
MAX_SERVERS = 5000


class KnownServers:
    """The habits of all servers."""

    def __init__(self) -> None:
        """Know nobody."""
        self._habits: dict[tuple[str, int], Habits] = {}

    def habits(self, address: str, port: int) -> Habits:
        """Return those of the server at *address* and *port*."""
        if (address, port) not in self._habits and len(self._habits) >= MAX_SERVERS:
            self._habits.clear()
        return self._habits.setdefault((address, port), Habits())
