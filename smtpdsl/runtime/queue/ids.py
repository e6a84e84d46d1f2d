"""The identifiers of messages and envelopes: what the queue counts, and what people see of it.

    message     n             1, 2, 3 … from a random start      shown  8 digits   5f1e02aa
    envelope    n << 24 | k   k = 1, 2, 3 … within its message   shown 16 digits   5f1e02aa9c31d407

The count makes rows that lie together in the database; what is shown looks like the random
identifiers of OpenSMTPD, and two that follow each other differ in most digits.  Showing is
multiplying by an odd constant modulo 2**32, so it can be undone, and no two messages look
alike until 2**32 of them have passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

# Envelopes of one message.
ENVELOPE_BITS = 24
MAX_ENVELOPES = (1 << ENVELOPE_BITS) - 1
# A new spool begins with a number below this.
FIRST_NUMBER_LIMIT = 2**31

_BITS = 32
_MASK = (1 << _BITS) - 1
_DIGITS = 8
# Odd, and near 2**32 divided by the golden ratio: neighbours come to lie far apart (Knuth, volume 3, §6.4).
_SPREAD = 0x9E3779B1
_GATHER = pow(_SPREAD, -1, 1 << _BITS)


def message_hex(message_id: int) -> str:
    """Show a message: 8 hexadecimal digits."""
    return f"{message_id * _SPREAD & _MASK:08x}"


def envelope_number(message_id: int, position: int) -> int:
    """Number the envelope at *position*, from 1, of a message."""
    return message_id << ENVELOPE_BITS | position


def message_of(number: int) -> int:
    """Return the message of the envelope *number*."""
    return number >> ENVELOPE_BITS


def envelope_hex(number: int) -> str:
    """Show an envelope: 16 hexadecimal digits, the first 8 are those of its message."""
    message = message_of(number) * _SPREAD & _MASK
    return f"{message:08x}{(number * _SPREAD & _MASK) ^ message:08x}"


def read_message_hex(text: str) -> int:
    """Return the lowest 32 bits of the message shown as *text*.

    Raises:
        ValueError: *text* shows no message.
    """
    return (_read(text, _DIGITS) * _GATHER) & _MASK


def read_envelope_hex(text: str) -> tuple[int, int]:
    """Return the lowest 32 bits of the message, and the envelope's position in it.

    Raises:
        ValueError: *text* shows no envelope; most mistyped ones are found.
    """
    shown = _read(text, 2 * _DIGITS)
    message, low = shown >> _BITS, shown & _MASK
    message_id = message * _GATHER & _MASK
    number = (low ^ message) * _GATHER & _MASK
    # The lowest bits of an envelope's number hold its position, and above it the lowest ones of its message.
    if number >> ENVELOPE_BITS != message_id & (_MASK >> ENVELOPE_BITS):
        error = f"{text} is no identifier of an envelope: its digits do not belong together; is one mistyped?"
        raise ValueError(error)
    return message_id, number & MAX_ENVELOPES


def _read(text: str, digits: int) -> int:
    if len(text) != digits or text.strip("0123456789abcdef"):
        error = f"expected {digits} hexadecimal digits, found {text}"
        raise ValueError(error)
    return int(text, 16)


class Block(NamedTuple):
    """Numbers that the store has promised to give to nobody else: *start* up to, not including, *end*."""

    start: int
    end: int


class MessageNumbers:
    """Hands numbers out of reserved blocks, and asks for the next block in time.

    While the store fails and all blocks are used up, counting goes on beyond them: whoever
    holds such a number cannot have stored a message yet, and storing one reserves its number.
    """

    def __init__(self, block: Block, ask: Callable[[], None]) -> None:
        """Begin with *block*; *ask* is called when another one is wanted, and may be called again."""
        self._next, self._end = block
        self._ask_at = (block.start + block.end) // 2
        self._blocks: deque[Block] = deque()
        self._ask = ask

    def take(self) -> int:
        """Return a number that was never returned before."""
        if self._next >= self._end and self._blocks:
            block = self._blocks.popleft()
            self._next, self._end = max(self._next, block.start), block.end
            self._ask_at = (block.start + block.end) // 2
        number = self._next
        self._next += 1
        if self._next > self._ask_at and not self._blocks:
            self._ask()
        return number

    def add(self, block: Block) -> None:
        """Go on with *block* when those that are here are used up."""
        self._blocks.append(block)
