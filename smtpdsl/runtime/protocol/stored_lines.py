r"""Mail data as it is stored, on its way out: what may not be sent as it stands, block by block.

    b"one\rtwo\r", b"\nthree"  ->  b"one\ntwo", b"\nthree"  ->  what `DotStuffer` and `ChunkWriter` send

Blocks may be cut anywhere; each costs a few passes of C over its octets and no loop here.
"""

from __future__ import annotations


class StoredLines:
    """The lines of one message; whoever sends them knows where one begins."""

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._is_line_start = True
        self._holds_cr = False

    @property
    def _is_whole(self) -> bool:
        """Whether the last line has its end."""
        return self._is_line_start and not self._holds_cr

    def _without_cr(self, block: bytes) -> bytes:
        """Make every CR, with or without its LF, the end of a line.

        RFC 5321 §2.3.8: a bare CR is never sent.  Our server takes none, so only content
        that came another way has one; a line end is what its readers see in it, and a dot
        after it is doubled like any other.
        """
        if not self._holds_cr and b"\r" not in block:
            return block
        if self._holds_cr:
            block = b"\r" + block
        self._holds_cr = block.endswith(b"\r")
        if self._holds_cr:
            block = block[:-1]
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
