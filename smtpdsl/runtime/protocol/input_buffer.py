r"""Received octets that nobody has used yet: command lines are taken from them, or mail data.

NOOP\r\n                 the line b"NOOP"
NOOP\n                   a bare LF ends nothing: refused, and the session with it
NOOP AAAAAAA…\r\n        swallowed without being kept, and refused once at its end

For old clients on trusted networks a bare LF may end a line as well, see `bare_lf`.
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.own_replies import BARE_LF, LINE_TOO_LONG, STRANGE_OCTET

# A line that has not ended after so many octets is no command of anybody; the session ends.
MAX_SWALLOWED_OCTETS = 64 * 1024
# So much of a line that is too long is kept for the log.
_SHOWN_OCTETS = 80


class CommandLine(NamedTuple):
    """A line without its CRLF; if it is too long, only how it begins.

    A *problem* is the reply to give instead of obeying it, and *closes* ends the session.
    A *bare* line ended in LF alone, and that is tolerated.
    """

    octets: bytes
    problem: Reply | None = None
    closes: bool = False
    is_bare: bool = False

    def refused_as_too_long(self) -> CommandLine:
        """Return the line as if it had been longer than any may be."""
        return CommandLine(self.octets[:_SHOWN_OCTETS], LINE_TOO_LONG)


class InputBuffer:
    """Octets in the order of their arrival; they are copied as seldom as can be.

    Attributes:
        length: How many there are.
        max_line_octets: What the longest command line may have, its CRLF included; it may be changed between two lines.
    """

    __slots__ = (
        "_later",
        "_octets",
        "_shown",
        "_start",
        "_swallowed",
        "_tolerates_bare_lf",
        "length",
        "max_line_octets",
    )

    def __init__(self, max_line_octets: int, *, tolerates_bare_lf: bool = False) -> None:
        """Take no command line of more than *max_line_octets*."""
        self.max_line_octets = max_line_octets
        self._tolerates_bare_lf = tolerates_bare_lf
        # What is unused: `_octets` from `_start` on, then what came `_later`.
        self._octets = b""
        self._start = 0
        self._later: list[bytes] = []
        self.length = 0
        # Of the line that is being swallowed: how many octets are gone, and how it began.
        self._swallowed = 0
        self._shown = b""

    def append(self, octets: bytes) -> None:
        """Take what has arrived."""
        if self.length:
            self._later.append(octets)
        else:
            self._octets = octets
            self._start = 0
        self.length += len(octets)

    def peek(self, max_octets: int) -> bytes:
        """Return what has arrived first, at most *max_octets*; it stays here."""
        if self._later:
            self._gather()
        return self._octets[self._start : self._start + max_octets]

    def discard(self, count: int) -> None:
        """Forget the first *count* octets: they have been used."""
        self._start += count
        self.length -= count
        if self.length == 0:
            self._octets = b""
            self._start = 0

    def skip(self, max_octets: int) -> int:
        """Forget what has arrived first, at most *max_octets*, and return how many octets that was."""
        count = min(max_octets, self.length)
        if self._later:
            self._gather()
        self.discard(count)
        return count

    def clear(self) -> None:
        """Forget everything."""
        self._octets = b""
        self._start = self.length = 0
        self._later.clear()

    def next_line(self) -> CommandLine | None:
        """Return the next command line, or None if more octets are needed.

        Which line it is, and what is wrong with it, depends on the octets alone and never
        on how they arrived.
        """
        if self._later:
            self._gather()
        start = self._start
        end = self._octets.find(b"\n", start, start + MAX_SWALLOWED_OCTETS - self._swallowed)
        if end < 0:
            return self._swallow()
        octets = self._octets[start:end]
        length = self._swallowed + len(octets) + 1
        self.discard(len(octets) + 1)
        if length > self.max_line_octets:
            return self._end_of_long_line(octets)
        # RFC 5321 §2.3.8: only CRLF ends a line.  Whoever sends anything else is a broken
        # client, or a server that was made to carry commands for somebody.
        is_bare = not octets.endswith(b"\r")
        if is_bare and not self._tolerates_bare_lf:
            return CommandLine(octets, BARE_LF, closes=True)
        octets = octets if is_bare else octets[:-1]
        if b"\r" in octets or b"\0" in octets:
            return CommandLine(octets, STRANGE_OCTET)
        return CommandLine(octets, is_bare=True) if is_bare else CommandLine(octets)

    def _swallow(self) -> CommandLine | None:
        """Forget the octets of a line that is too long, except the last: it may be the CR of its end."""
        length = self._swallowed + self.length
        if length <= self.max_line_octets:
            return None
        self._shown = self._shown or self._octets[self._start : self._start + _SHOWN_OCTETS]
        if length >= MAX_SWALLOWED_OCTETS:
            self.clear()
            return CommandLine(self._shown, LINE_TOO_LONG, closes=True)
        self._swallowed = length - 1
        self.discard(self.length - 1)
        return None

    def _end_of_long_line(self, octets: bytes) -> CommandLine:
        shown = self._shown or octets[:_SHOWN_OCTETS]
        self._shown = b""
        self._swallowed = 0
        if not octets.endswith(b"\r") and not self._tolerates_bare_lf:
            return CommandLine(shown, BARE_LF, closes=True)
        return CommandLine(shown, LINE_TOO_LONG)

    def _gather(self) -> None:
        """Make one piece of everything that is unused."""
        if self._start < len(self._octets):
            self._later.insert(0, self._octets[self._start :])
        self._octets = self._later[0] if len(self._later) == 1 else b"".join(self._later)
        self._start = 0
        self._later.clear()
