r"""Octets as lines of base64 (RFC 2045 §6.8), written as they come.

    encode(b"\x00" * 100)   "AAAA…", 76 characters
    finish()                "\nAAAA…", and what is left

Between two lines is a line end, behind the last one is none.
"""

from __future__ import annotations

from base64 import encodebytes

# RFC 2045 §6.8: a line has at most 76 characters.
_LINE_OCTETS = 76 // 4 * 3


class Base64Lines:
    """The lines of one part."""

    __slots__ = ("_line_end", "_rest")

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._line_end = b""
        # What is less than a line.
        self._rest = b""

    def encode(self, octets: bytes) -> bytes:
        """Return the lines that are complete with *octets*."""
        octets = self._rest + octets
        whole = len(octets) - len(octets) % _LINE_OCTETS
        self._rest = octets[whole:]
        return self._lines(octets[:whole])

    def finish(self) -> bytes:
        """Return the last line, if there is another one."""
        rest, self._rest = self._rest, b""
        return self._lines(rest)

    def _lines(self, octets: bytes) -> bytes:
        if not octets:
            return b""
        lines = self._line_end + encodebytes(octets)[:-1]
        self._line_end = b"\n"
        return lines
