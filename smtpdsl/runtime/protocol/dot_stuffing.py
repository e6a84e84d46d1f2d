r"""Mail data on its way out by DATA: line ends become CR LF, and leading dots are doubled (RFC 5321 §4.5.2).

b"one\n.two\n"  ->  b"one\r\n..two\r\n"  and at the end  b".\r\n"
"""

from __future__ import annotations

from smtpdsl.runtime.protocol.stored_lines import StoredLines


class DotStuffer(StoredLines):
    """Turns the stored form of one message, block by block, into what follows DATA."""

    def encode(self, block: bytes) -> bytes:
        """Return what is to be sent for *block*."""
        block = self._without_cr(block)
        if not block:
            return block
        is_dot = self._is_line_start and block.startswith(b".")
        self._is_line_start = block.endswith(b"\n")
        block = block.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
        return b"." + block if is_dot else block

    def end(self) -> bytes:
        """Return what ends the message: the rest of its last line, and the lone dot."""
        rest = b"" if self._is_whole else self.encode(b"\n")
        return rest + b".\r\n"
