"""The sessions that wait for another message.

    ready ──▶ message ──▶ somebody waits ──▶ message ──▶ ... ──▶ nobody does ──▶ waits ──▶ QUIT

A session is handed to whoever waits for one to the same host on the same terms.  One that has waited long enough,
or whose place somebody else needs, is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import NamedTuple

from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.talk import Talk
from smtpdsl.runtime.relay.waiting_room import WaitingRoom

# Sessions that wait, in all: each has a connection.
MAX_WAITING = 50


class _Waiting(NamedTuple):
    talk: Talk
    timer: asyncio.TimerHandle


class WaitingTalks:
    """The sessions that wait for another message, by what they are good for."""

    def __init__(self, room: WaitingRoom) -> None:
        """Have none; who waits for one is in *room*, in the line ``("talk", key)``."""
        self._room = room
        self._waiting: dict[Hashable, list[_Waiting]] = {}
        self._count = 0

    def take(self, key: Hashable) -> Talk | None:
        """Return a session that is good for *key*; the last one that was used is the freshest."""
        while waiting := self._waiting.get(key):
            talk = self._drop(key, waiting[-1])
            if not talk.is_over:
                return talk
            talk.leave()
        return None

    def give(self, key: Hashable, talk: Talk, politeness: Politeness) -> None:
        """Hand *talk* to somebody with the same *key*, let it wait for somebody, or end it."""
        if not talk.takes_more(politeness):
            talk.leave()
        elif politeness.pause > 0:
            asyncio.get_running_loop().call_later(politeness.pause, self._offer, key, talk, politeness)
        else:
            self._offer(key, talk, politeness)

    def end_one(self, what: Hashable) -> bool:
        """End a session that waits and counts for *what*: somebody needs its place.  Say whether there is one."""
        for key, waiting in self._waiting.items():
            for each in waiting:
                if each.talk.counts_for(what):
                    self._drop(key, each).leave()
                    return True
        return False

    def count(self, what: Hashable) -> int:
        """Return how many of those that wait count for *what*."""
        return sum(each.talk.counts_for(what) for waiting in self._waiting.values() for each in waiting)

    def close(self) -> None:
        """End them all."""
        for key in list(self._waiting):
            while waiting := self._waiting.get(key):
                self._drop(key, waiting[-1]).leave()

    def _offer(self, key: Hashable, talk: Talk, politeness: Politeness) -> None:
        if talk.is_over:
            talk.leave()
        elif self._room.call(("talk", key), talk):
            return
        elif politeness.waiting <= 0 or self._count >= MAX_WAITING:
            talk.leave()
        else:
            timer = asyncio.get_running_loop().call_later(politeness.waiting, self._give_up, key, talk)
            self._waiting.setdefault(key, []).append(_Waiting(talk, timer))
            self._count += 1

    def _give_up(self, key: Hashable, talk: Talk) -> None:
        waiting = next(each for each in self._waiting[key] if each.talk is talk)
        self._drop(key, waiting).leave()

    def _drop(self, key: Hashable, waiting: _Waiting) -> Talk:
        waiting.timer.cancel()
        self._waiting[key].remove(waiting)
        if not self._waiting[key]:
            del self._waiting[key]
        self._count -= 1
        return waiting.talk
