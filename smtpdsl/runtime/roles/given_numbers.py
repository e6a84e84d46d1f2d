"""The numbers for messages that an SMTP process was given, each of which is good for one message.

A number is that of a row and the name of a file: used twice, it would change a message that is stored.
One that was given long ago may still be in use, by a client that is slow.  Many are never used, as their transactions
have come to nothing: so a block is forgotten in the end, and then its numbers are good for nothing.
"""

from __future__ import annotations

from bisect import bisect_right

from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.frames import FrameError

# Millions of messages, and less than a megabyte.
MOST_BLOCKS = 1024


class GivenNumbers:
    """All of one process."""

    def __init__(self) -> None:
        """Have none."""
        # In the order of their beginnings, which is bisected; of each, a bit for every number that is used.
        self._starts: list[int] = []
        self._blocks: list[Block] = []
        self._used: list[int] = []
        # What is below, and in none of the blocks, may have been given.
        self._forgotten = 0

    def add(self, block: Block) -> None:
        """Have those of *block*, too."""
        place = bisect_right(self._starts, block.start)
        self._starts.insert(place, block.start)
        self._blocks.insert(place, block)
        self._used.insert(place, 0)
        if len(self._blocks) > MOST_BLOCKS:
            # The store counts upwards: this is the oldest.
            self._forgotten = max(self._forgotten, self._blocks[0].end)
            self._remove(0)

    def _remove(self, place: int) -> None:
        del self._starts[place], self._blocks[place], self._used[place]

    def use(self, number: int) -> bool:
        """Let *number* be that of a message; False if it was given too long ago to tell whether it is used.

        Raises:
            FrameError: It was not given, or is used.
        """
        place = bisect_right(self._starts, number) - 1
        if place < 0 or number >= self._blocks[place].end:
            if self.is_forgotten(number):
                return False
            message = f"a message with the number {number}, which it was not given"
            raise FrameError(message)
        bit = 1 << (number - self._starts[place])
        if self._used[place] & bit:
            message = f"a second message with the number {number}"
            raise FrameError(message)
        self._used[place] |= bit
        if self._used[place] == (1 << (self._blocks[place].end - self._starts[place])) - 1:
            self._remove(place)
        return True

    def is_forgotten(self, number: int) -> bool:
        """Whether nobody knows any more what became of *number*."""
        return number < self._forgotten
