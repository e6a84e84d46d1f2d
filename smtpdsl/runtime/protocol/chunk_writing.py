r"""Mail data on its way out by BDAT: line ends become CR LF, and each chunk says how long it is (RFC 3030 §2).

    b"one\n", b".two\n"  ->  b"", b"BDAT 5\r\none\r\n"  and at the end  b"BDAT 6 LAST\r\n.two\r\n"

A block is held until it is known whether another one follows, so that a message of one block
is one chunk.  The length is counted of the octets that follow it, and of nothing else: one
that was wrong would let the server read text of the message as commands.
"""

from __future__ import annotations

from smtpdsl.runtime.protocol.stored_lines import StoredLines


class ChunkWriter(StoredLines):
    """Turns the stored form of one message, block by block, into chunks."""

    def __init__(self) -> None:
        """Hold nothing."""
        super().__init__()
        self._held = b""

    def encode(self, block: bytes) -> bytes:
        """Return the chunk that is complete now that *block* follows it; empty if there is none yet."""
        octets = self._with_crlf(block)
        if not octets:
            return b""
        chunk, self._held = self._held, octets
        return b"BDAT %d\r\n%b" % (len(chunk), chunk) if chunk else b""

    def end(self) -> bytes:
        """Return the last chunk; the last line of the message ends in it."""
        last = self._held if self._is_whole else self._held + self._with_crlf(b"\n")
        self._held = b""
        return b"BDAT %d LAST\r\n%b" % (len(last), last)

    def _with_crlf(self, block: bytes) -> bytes:
        block = self._without_cr(block)
        if block:
            self._is_line_start = block.endswith(b"\n")
        return block.replace(b"\n", b"\r\n")
