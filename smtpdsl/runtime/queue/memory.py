"""What of the queue is in memory: envelopes that are due, with their messages, up to a bound.

    lane joe    1000 envelopes     full: the others of joe stay in the store until half of these are gone
    lane ann       2 envelopes
                1002 of 2500       and 5 of 32 MiB of content

A lane gets a quarter of what is left at most, and little of the last eighth.  So however many lanes have mail that
goes nowhere, there is room for another one.  An envelope stays until the store knows what became of it, so that
nothing is attempted twice.
"""

from __future__ import annotations

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


class _Held:
    """What is held of a lane: how many envelopes, of how many each message has, and the octets of the messages."""

    __slots__ = ("envelopes", "octets", "of_message")

    def __init__(self) -> None:
        self.envelopes = 0
        self.octets = 0
        self.of_message: dict[int, int] = {}


_NOTHING = _Held()


class Memory:
    """Envelopes by their numbers, and each message once."""

    def __init__(self, bounds: Bounds) -> None:
        """Hold as much as *bounds* allow."""
        self._bounds = bounds
        self._lane_of: dict[int, str] = {}
        self._lanes: dict[str, _Held] = {}
        self._messages: dict[int, QueuedMessage] = {}
        # In how many lanes a message has envelopes.
        self._lanes_of: dict[int, int] = {}
        self._octets = 0

    def __contains__(self, number: object) -> bool:
        return number in self._lane_of

    def __len__(self) -> int:
        return len(self._lane_of)

    @property
    def octets(self) -> int:
        """How many octets of content are held."""
        return self._octets

    def numbers(self) -> Collection[int]:
        """Return the envelopes that are here now."""
        return frozenset(self._lane_of)

    def full_lanes(self) -> frozenset[str]:
        """Return the lanes of which no more envelopes are taken."""
        return frozenset(filter(self.is_full, self._lanes))

    def is_full(self, lane: str) -> bool:
        """Whether no more envelopes of *lane* are taken; never if there are none of it."""
        held = self._lanes.get(lane)
        if held is None:
            return False
        count, octets = self._share()
        return held.envelopes >= count or held.octets > octets

    def is_half_empty(self, lane: str) -> bool:
        """Whether it is time to look for more envelopes of *lane*."""
        held = self._lanes.get(lane, _NOTHING)
        count, octets = self._share()
        return held.envelopes <= count // 2 and held.octets <= octets // 2

    def _share(self) -> tuple[int, int]:
        """Return how many envelopes, and how many octets of content, a lane may have now."""
        bounds = self._bounds
        envelopes, octets = self.room()
        count = _share(envelopes, bounds.envelopes)
        return max(1, min(bounds.per_lane, count)), max(0, _share(octets, bounds.octets))

    def held_by(self, lanes: Iterable[str]) -> tuple[int, int]:
        """Return how many envelopes, and octets of content, are those of *lanes*."""
        found = [self._lanes.get(lane, _NOTHING) for lane in lanes]
        return sum(held.envelopes for held in found), sum(held.octets for held in found)

    def has_room(self, message: QueuedMessage) -> bool:
        """Whether an envelope of *message* can be taken."""
        if len(self._lane_of) >= self._bounds.envelopes:
            return False
        if not self._lane_of or message.message_id in self._messages:
            return True
        return self._octets + _octets(message) <= self._bounds.octets

    def room(self) -> tuple[int, int]:
        """Return how many envelopes, and how many octets, can be taken."""
        return self._bounds.envelopes - len(self._lane_of), self._bounds.octets - self._octets

    def message(self, message_id: int) -> QueuedMessage | None:
        """Return a message that is here."""
        return self._messages.get(message_id)

    def hold(self, message: QueuedMessage, stored: StoredEnvelope) -> None:
        """Take an envelope that is not here yet."""
        lane, message_id = stored.lane, message.message_id
        self._lane_of[stored.number] = lane
        held = self._lanes.get(lane)
        if held is None:
            held = self._lanes[lane] = _Held()
        held.envelopes += 1
        count = held.of_message.get(message_id, 0)
        held.of_message[message_id] = count + 1
        if count:
            return
        octets = _octets(message)
        held.octets += octets
        lanes = self._lanes_of.get(message_id, 0)
        self._lanes_of[message_id] = lanes + 1
        if not lanes:
            self._messages[message_id] = message
            self._octets += octets

    def release(self, number: int) -> str:
        """Forget an envelope, and with its last one the message; returns its lane."""
        lane, message_id = self._lane_of.pop(number), message_of(number)
        held = self._lanes[lane]
        held.envelopes -= 1
        if held.of_message[message_id] > 1:
            held.of_message[message_id] -= 1
            return lane
        del held.of_message[message_id]
        held.octets -= _octets(self._messages[message_id])
        if not held.envelopes:
            del self._lanes[lane]
        self._lanes_of[message_id] -= 1
        if not self._lanes_of[message_id]:
            del self._lanes_of[message_id]
            self._octets -= _octets(self._messages.pop(message_id))
        return lane


def _share(left: int, bound: int) -> int:
    """Return what a lane may have if so much is *left*: a quarter, or little where only the reserve is."""
    return max((left - bound // _RESERVE) // _PART, left // _SMALL_PART)


def _octets(message: QueuedMessage) -> int:
    return message.content.size if isinstance(message.content, InlineContent) else 0
