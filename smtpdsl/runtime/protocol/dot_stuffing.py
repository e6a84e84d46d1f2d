r"""Mail data on its way out: line ends become CR LF, and leading dots are doubled (RFC 5321 §4.5.2).

    b"one\n.two\n"  ->  b"one\r\n..two\r\n"  and at the end  b".\r\n"

Blocks may be cut anywhere; each costs a few passes of C over its octets and no loop here.
"""

from __future__ import annotations


class DotStuffer:
    """Turns the stored form of one message, block by block, into what follows DATA."""

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._is_line_start = True
        self._holds_cr = False

    def encode(self, block: bytes) -> bytes:
        """Return what is to be sent for *block*."""
        if self._holds_cr or b"\r" in block:
            block = self._without_cr(block)
        if not block:
            return block
        is_dot = self._is_line_start and block.startswith(b".")
        self._is_line_start = block.endswith(b"\n")
        block = block.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
        return b"." + block if is_dot else block

    def end(self) -> bytes:
        """Return what ends the message: the rest of its last line, and the lone dot."""
        rest = self.encode(b"\n") if self._holds_cr or not self._is_line_start else b""
        return rest + b".\r\n"

    def _without_cr(self, block: bytes) -> bytes:
        """Make every CR, with or without its LF, the end of a line.

        RFC 5321 §2.3.8: a bare CR is never sent.  Our server takes none, so only content
        that came another way has one; a line end is what its readers see in it, and a dot
        after it is doubled like any other.
        """
        if self._holds_cr:
            block = b"\r" + block
        self._holds_cr = block.endswith(b"\r")
        if self._holds_cr:
            block = block[:-1]
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
