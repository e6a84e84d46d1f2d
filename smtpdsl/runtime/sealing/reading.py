"""Files of the queue, read as what they hold; whoever has the descriptor and the seal needs nothing else.

    SealedFile(descriptor, seal)   read(n) ──▶ octets as they came in

A file that is plain is better read as it is.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smtpdsl.runtime.sealing.seal import Seal
from smtpdsl.runtime.sealing.streams import decoded

if TYPE_CHECKING:
    from typing_extensions import Buffer


def pieces(descriptor: int, seal: Seal) -> Iterator[bytes]:
    """Yield what the file *descriptor* holds, piece by piece; its position is left alone.

    Raises:
        SealError: It is not what was written.
        OSError: It cannot be read.
    """
    return decoded(seal.form, seal.key, _Reading(descriptor).read)


class _Reading:
    """A file that is read from its beginning."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def read(self, count: int) -> bytes:
        """Return *count* octets, or fewer at the end."""
        found = b""
        while len(found) < count and (more := os.pread(self._descriptor, count - len(found), self._position)):
            self._position += len(more)
            found = found + more if found else more
        return found


class SealedFile(io.RawIOBase):
    """A file that is read from its beginning, and again after `seek(0)`; it owns its descriptor."""

    def __init__(self, descriptor: int, seal: Seal) -> None:
        """Read the file *descriptor*."""
        super().__init__()
        self._descriptor = descriptor
        self._seal = seal
        self._pieces = pieces(descriptor, seal)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill *buffer* with what comes next, or a part of it; return how much that is."""
        room = memoryview(buffer).cast("B")
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Begin again."""
        assert (offset, whence) == (0, os.SEEK_SET), "what is encoded has no other place that can be found"
        self._pieces = pieces(self._descriptor, self._seal)
        self._rest = memoryview(b"")
        return 0

    def close(self) -> None:
        """Close the descriptor."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
