"""What of the queue is in memory: envelopes that are due, with their messages, up to a bound.

    lane joe    1000 envelopes     full: the others of joe stay in the store until half of these are gone
    lane ann       2 envelopes
                1002 of 2500       and 5 of 32 MiB of content

A lane gets a quarter of what is left at most, and little of the last eighth.  So however many lanes have mail that
goes nowhere, there is room for another one.  An envelope stays until the store knows what became of it, so that
nothing is attempted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from smtpdsl.runtime.interfaces import InlineContent, QueuedMessage
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.store import StoredEnvelope

# The part of everything that no lane counts on, so that what is read from the store finds room.
_RESERVE = 8
# The parts of what is left that a lane may have: before the reserve is touched, and of all of it.
_PART, _SMALL_PART = 4, 16


class Bounds(NamedTuple):
    """How much there may be at most; a message that is alone may have more octets."""

    envelopes: int
    octets: int
    per_lane: int


class Memory:
    """Envelopes by their numbers, and each message once."""

    def __init__(self, bounds: Bounds) -> None:
        """Hold as much as *bounds* allow."""
        self._bounds = bounds
        self._lanes: dict[int, str] = {}
        self._per_lane: Counter[str] = Counter()
        # The octets of the messages of a lane, and how many of its envelopes each of them has.
        self._octets_of: Counter[str] = Counter()
        self._of_message: Counter[tuple[str, int]] = Counter()
        self._messages: dict[int, QueuedMessage] = {}
        self._per_message: Counter[int] = Counter()
        self._octets = 0

    def __contains__(self, number: object) -> bool:
        return number in self._lanes

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def octets(self) -> int:
        """How many octets of content are held."""
        return self._octets

    def numbers(self) -> Collection[int]:
        """Return the envelopes that are here now."""
        return frozenset(self._lanes)

    def full_lanes(self) -> frozenset[str]:
        """Return the lanes of which no more envelopes are taken."""
        return frozenset(filter(self.is_full, self._per_lane))

    def is_full(self, lane: str) -> bool:
        """Whether no more envelopes of *lane* are taken; never if there are none of it."""
        count, octets = self._share()
        return self._per_lane[lane] >= count or self._octets_of[lane] > octets

    def is_half_empty(self, lane: str) -> bool:
        """Whether it is time to look for more envelopes of *lane*."""
        count, octets = self._share()
        return self._per_lane[lane] <= count // 2 and self._octets_of[lane] <= octets // 2

    def _share(self) -> tuple[int, int]:
        """Return how many envelopes, and how many octets of content, a lane may have now."""
        bounds = self._bounds
        envelopes, octets = self.room()
        count = _share(envelopes, bounds.envelopes)
        return max(1, min(bounds.per_lane, count)), max(0, _share(octets, bounds.octets))

    def held_by(self, lanes: Iterable[str]) -> tuple[int, int]:
        """Return how many envelopes, and octets of content, are those of *lanes*."""
        found = list(lanes)
        return sum(self._per_lane[lane] for lane in found), sum(self._octets_of[lane] for lane in found)

    def has_room(self, message: QueuedMessage) -> bool:
        """Whether an envelope of *message* can be taken."""
        if not self._lanes or message.message_id in self._messages:
            return len(self._lanes) < self._bounds.envelopes
        fits = self._octets + _octets(message) <= self._bounds.octets
        return fits and len(self._lanes) < self._bounds.envelopes

    def room(self) -> tuple[int, int]:
        """Return how many envelopes, and how many octets, can be taken."""
        return self._bounds.envelopes - len(self._lanes), self._bounds.octets - self._octets

    def message(self, message_id: int) -> QueuedMessage | None:
        """Return a message that is here."""
        return self._messages.get(message_id)

    def hold(self, message: QueuedMessage, stored: StoredEnvelope) -> None:
        """Take an envelope that is not here yet."""
        self._lanes[stored.number] = stored.lane
        self._per_lane[stored.lane] += 1
        if not self._of_message[stored.lane, message.message_id]:
            self._octets_of[stored.lane] += _octets(message)
        self._of_message[stored.lane, message.message_id] += 1
        self._per_message[message.message_id] += 1
        if message.message_id not in self._messages:
            self._messages[message.message_id] = message
            self._octets += _octets(message)

    def release(self, number: int) -> str:
        """Forget an envelope, and with its last one the message; returns its lane."""
        lane, message_id = self._lanes.pop(number), message_of(number)
        self._of_message[lane, message_id] -= 1
        if not self._of_message[lane, message_id]:
            del self._of_message[lane, message_id]
            self._octets_of[lane] -= _octets(self._messages[message_id])
        self._per_lane[lane] -= 1
        if not self._per_lane[lane]:
            del self._per_lane[lane], self._octets_of[lane]
        self._per_message[message_id] -= 1
        if not self._per_message[message_id]:
            del self._per_message[message_id]
            self._octets -= _octets(self._messages.pop(message_id))
        return lane


def _share(left: int, bound: int) -> int:
    """Return what a lane may have if so much is *left*: a quarter, or little where only the reserve is."""
    return max((left - bound // _RESERVE) // _PART, left // _SMALL_PART)


def _octets(message: QueuedMessage) -> int:
    return message.content.size if isinstance(message.content, InlineContent) else 0
