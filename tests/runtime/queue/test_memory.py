"""What is in memory has its bounds."""

from __future__ import annotations

from smtpdsl.runtime.interfaces import InlineContent, QueuedMessage, SpooledContent
from smtpdsl.runtime.queue.ids import envelope_number
from smtpdsl.runtime.queue.memory import Bounds, Memory
from smtpdsl.runtime.queue.store import StoredEnvelope
from tests.runtime.queue.sample import CLIENT, CREATED, SENDER, local


def message(number: int, size: int = 10) -> QueuedMessage:
    """Return a message of *size* octets."""
    return QueuedMessage(number, SENDER, CLIENT, CREATED, InlineContent(bytes(size)))


def stored(number: int, position: int = 1, lane: str = "joe") -> StoredEnvelope:
    """Return an envelope of the message *number*."""
    return StoredEnvelope(envelope_number(number, position), local(lane), lane, CREATED)


def test_a_message_counts_once() -> None:
    """However many of its envelopes there are; a file counts nothing."""
    memory = Memory(Bounds(10, 100, 10))
    for position in (1, 2, 3):
        memory.hold(message(7, 40), stored(7, position))
    memory.hold(message(8)._replace(content=SpooledContent("/8", 10**9)), stored(8))

    assert (len(memory), memory.octets) == (4, 40)
    assert memory.room() == (6, 60)
    for position in (1, 2, 3):
        memory.release(stored(7, position).number)
    assert (len(memory), memory.octets, memory.message(7)) == (1, 0, None)
    assert stored(8).number in memory


def test_there_is_room_up_to_the_bounds() -> None:
    """For another envelope of a message that is here, and for a message that is alone, however large it is."""
    memory = Memory(Bounds(3, 100, 10))

    assert memory.has_room(message(1, 1000))
    memory.hold(message(1, 90), stored(1))
    assert not memory.has_room(message(2, 20))
    assert memory.has_room(message(2, 10))
    memory.hold(message(1, 90), stored(1, 2))
    memory.hold(message(1, 90), stored(1, 3))
    assert not memory.has_room(message(1, 90))


def test_a_lane_is_full() -> None:
    """Until half of it is gone it is not worth asking for more."""
    memory = Memory(Bounds(100, 1000, 4))
    for position in range(1, 5):
        memory.hold(message(7), stored(7, position))
    memory.hold(message(7), stored(7, 5, "bob"))

    assert memory.full_lanes() == {"joe"}
    assert memory.is_full("joe")
    assert not memory.is_full("bob")
    memory.release(stored(7, 1).number)
    assert memory.full_lanes() == set()
    assert not memory.is_half_empty("joe")
    memory.release(stored(7, 2).number)
    assert memory.is_half_empty("joe")


def test_lanes_that_do_not_move_leave_room() -> None:
    """For envelopes, and for octets, however many such lanes there are."""
    for bounds in (Bounds(2500, 10**9, 1000), Bounds(10**9, 25_000, 1000)):
        memory, number = Memory(bounds), 0
        for lane in map(str, range(20)):
            while not memory.is_full(lane):
                number += 1
                assert memory.has_room(message(number))
                memory.hold(message(number), stored(number, lane=lane))
        assert memory.has_room(message(number + 1))
        assert 200 <= min(memory.room()[0], memory.room()[1] // 10) <= 500
        assert memory.held_by(["0"])[0] > memory.held_by(["19"])[0] > 10
