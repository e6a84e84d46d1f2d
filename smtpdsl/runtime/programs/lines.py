r"""Octets to lines, as a program writes them.

feed(b"register|re")        []
feed(b"ady\nfilter-")       [b"register|ready"]
feed(b"x" * 1_000_000)      LineError
"""

from __future__ import annotations

from smtpdsl.runtime.programs.command import ProgramError


class LineError(ProgramError):
    """A line is longer than any may be."""


class LineReader:
    """Cuts octets into lines; holds no more than one of them."""

    def __init__(self, max_octets: int) -> None:
        """Read lines of at most *max_octets*, without their end."""
        self._max_octets = max_octets
        self._rest: list[bytes] = []
        self._rest_octets = 0

    def feed(self, octets: bytes) -> list[bytes]:
        """Return the lines that are whole now.

        Raises:
            LineError: One is too long.
        """
        first, *others = octets.split(b"\n")
        self._rest.append(first)
        self._rest_octets += len(first)
        if self._rest_octets > self._max_octets:
            message = f"it wrote a line of more than {self._max_octets} octets"
            raise LineError(message)
        if not others:
            return []
        lines = [b"".join(self._rest), *others]
        last = lines.pop()
        self._rest, self._rest_octets = [last], len(last)
        if max(map(len, (*lines, last))) > self._max_octets:
            message = f"it wrote a line of more than {self._max_octets} octets"
            raise LineError(message)
        return lines
