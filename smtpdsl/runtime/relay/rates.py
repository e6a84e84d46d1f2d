"""How often mail for a domain is sent: `mta limit for domain D max-mails-per-minute N`.

N = 6      ▷ │ ▷ ▷ ▷        one goes, and calls the next one of the line in ten seconds

Whoever leaves the line, because the queue wants it back, costs those behind it no time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from smtpdsl.ir.matching import fold
from smtpdsl.runtime.relay.waiting_room import WaitingRoom

_MINUTE = 60.0
_MAX_KNOWN = 1000


class Rates:
    """When the next message may go, by domain."""

    def __init__(self, clock: Callable[[], float], room: WaitingRoom) -> None:
        """Let everybody go at once; *clock* gives seconds, and messages wait in *room*."""
        self._clock = clock
        self._room = room
        self._next: dict[str, float] = {}

    async def turn(self, domain: str, per_minute: int) -> None:
        """Wait until another message may be sent to *domain*; 0 is no limit."""
        if not per_minute:
            return
        name = fold(domain)
        line, was_called = ("moment", name), False
        while (seconds := self._next.get(name, 0.0) - self._clock()) > 0:
            await self._room.wait({line: seconds}, name, self._pass_on, is_first=was_called)
            was_called = True
        now, pause = self._clock(), _MINUTE / per_minute
        if len(self._next) >= _MAX_KNOWN:
            self._next = {domain: due for domain, due in self._next.items() if due > now}
        self._next[name] = now + pause
        self._room.call_later(line, pause)

    def _pass_on(self, line: Hashable, _: object) -> None:
        """Let the next one go: whoever was called is not there any more."""
        self._room.call(line)
