"""Numbers of messages and envelopes, and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.queue.ids import (
    MAX_ENVELOPES,
    Block,
    MessageNumbers,
    envelope_hex,
    envelope_number,
    message_hex,
    message_of,
    read_envelope_hex,
    read_message_hex,
)

NUMBERS = st.integers(1, 2**39 - 1)
POSITIONS = st.integers(1, MAX_ENVELOPES)


@given(number=NUMBERS)
def test_a_shown_message_can_be_read(number: int) -> None:
    """8 hexadecimal digits give the lowest 32 bits of the number back."""
    shown = message_hex(number)

    assert len(shown) == 8
    assert read_message_hex(shown) == number % 2**32


@given(number=NUMBERS, position=POSITIONS)
def test_a_shown_envelope_can_be_read(number: int, position: int) -> None:
    """16 hexadecimal digits give the message and the position back, and begin with those of the message."""
    envelope = envelope_number(number, position)
    shown = envelope_hex(envelope)

    assert envelope < 2**63
    assert message_of(envelope) == number
    assert len(shown) == 16
    assert shown.startswith(message_hex(number))
    assert read_envelope_hex(shown) == (number % 2**32, position)


@given(first=st.integers(1, 2**32), distance=st.integers(1, 2**32 - 1))
def test_two_messages_look_different(first: int, distance: int) -> None:
    """No two of 2**32 messages that follow each other are shown alike."""
    assert message_hex(first) != message_hex(first + distance)


@given(number=NUMBERS, positions=st.sets(POSITIONS, min_size=2, max_size=2))
def test_two_envelopes_look_different(number: int, positions: set[int]) -> None:
    """No two envelopes of a message are shown alike."""
    assert len({envelope_hex(envelope_number(number, position)) for position in positions}) == 2


@pytest.mark.parametrize("text", ["", "5f1e02a", "5f1e02aa0", "5F1E02AA", "5f1e02ax", "-f1e02aa", "\uff15f1e02aa"])
def test_what_shows_no_message(text: str) -> None:
    """Other texts are refused."""
    with pytest.raises(ValueError, match="hexadecimal digits"):
        read_message_hex(text)


def test_a_mistyped_envelope_is_found() -> None:
    """The digits of another message do not fit to those of the envelope."""
    shown = envelope_hex(envelope_number(4711, 1))
    other = message_hex(4712) + shown[8:]

    with pytest.raises(ValueError, match="no identifier of an envelope"):
        read_envelope_hex(other)


def test_numbers_come_from_reserved_blocks() -> None:
    """A new block is asked for when half of one is used, and follows when it is used up."""
    asked: list[int] = []
    numbers = MessageNumbers(Block(10, 14), lambda: asked.append(1))

    assert [numbers.take() for _ in range(2)] == [10, 11]
    assert asked == []

    assert numbers.take() == 12
    assert asked == [1]

    numbers.add(Block(20, 24))

    assert [numbers.take() for _ in range(3)] == [13, 20, 21]
    assert asked == [1]


def test_without_a_block_counting_goes_on() -> None:
    """Numbers beyond the blocks are new ones, too, and a block that comes late does not repeat them."""
    numbers = MessageNumbers(Block(10, 12), lambda: None)
    taken = [numbers.take() for _ in range(4)]
    numbers.add(Block(12, 16))
    taken += [numbers.take() for _ in range(4)]

    assert taken == list(range(10, 18))
