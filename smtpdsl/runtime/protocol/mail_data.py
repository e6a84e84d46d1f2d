r"""Mail data as it comes in: finds its end, undoes what DATA did to it, and judges its octets.

    "..x\r\ny\r\n.\r\nQUIT\r\n"   ->   ".x\ny\n", and the end; "QUIT\r\n" is not ours

Only CRLF "." CRLF ends it (RFC 5321 §4.1.1.4).  A bare CR, a bare LF or a NUL makes the
whole message refused, at its real end: what another server took for an end of data is
never followed by commands here.

Invariant: what is held back between two pieces is the longest suffix that may be the
beginning of the end, so no CRLF and no CRLF "." is ever seen in two halves.  All work is
done by the bulk operations of `bytes`; a piece of any size costs a few passes over it.
"""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.own_replies import (
    CONTENT_HAS_BARE_CR,
    CONTENT_HAS_BARE_LF,
    CONTENT_HAS_NUL,
    CONTENT_TOO_BIG,
)

_END = b"\r\n.\r\n"
_BEGINNINGS_OF_END = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class JudgedContent:
    """The content of a message as far as it is known: its size, and what is wrong with it."""

    # How many octets before the first are counted; they end the line before the content.
    _BEFORE = 0

    def __init__(self, max_octets: int, *, tolerates_bare_lf: bool = False) -> None:
        """Refuse more than *max_octets*, counted with LF at the end of each line."""
        self._max_octets = max_octets
        self._tolerates_bare_lf = tolerates_bare_lf
        self._size = -self._BEFORE
        self._has_nul = False
        self._has_bare_cr = False
        self._has_bare_lf = False
        self.is_complete = False

    @property
    def size(self) -> int:
        """The number of octets so far, with LF at the end of each line and without what is held back."""
        return max(self._size, 0)

    @property
    def problem(self) -> Reply | None:
        """Why the message has to be refused; which of several reasons depends on the octets alone."""
        if self._has_nul:
            return CONTENT_HAS_NUL
        if self._has_bare_cr:
            return CONTENT_HAS_BARE_CR
        if self._has_bare_lf and not self._tolerates_bare_lf:
            return CONTENT_HAS_BARE_LF
        return CONTENT_TOO_BIG if self._size > self._max_octets else None

    def _judge(self, raw: bytes, *, is_stuffed: bool) -> bytes:
        """Judge and count *raw*, and return what of it may be handed out."""
        if not raw:
            return raw
        # Without an octet 13 it has LF ends; with one before each of them it is what it was, if none was bare.
        # To look for pairs of octets takes ten times as long as that.
        content = raw.replace(b"\r", b"")
        line_ends = len(raw) - len(content)
        if content.replace(b"\n", b"\r\n") != raw:
            line_ends = raw.count(b"\r\n")
            self._has_bare_cr |= len(raw) - len(content) != line_ends
            self._has_bare_lf |= content.count(b"\n") != line_ends
        self._has_nul |= b"\0" in raw
        is_first = self._size < 0
        self._size += len(raw) - line_ends
        if is_stuffed:
            # RFC 5321 §4.5.2: a line that begins with a dot has one that is not its own.
            unstuffed = self._unstuffed(raw, content)
            self._size -= len(content) - len(unstuffed)
            content = unstuffed
        if self.problem is not None:
            return b""
        return content[1:] if is_first else content

    def _unstuffed(self, raw: bytes, content: bytes) -> bytes:
        if self._has_bare_lf or self._has_bare_cr:
            # A dot behind a bare LF is text: whoever doubles dots does it behind the line ends of SMTP.
            return raw.replace(b"\r\n.", b"\r\n").replace(b"\r", b"")
        return content.replace(b"\n.", b"\n")


class MailData(JudgedContent):
    """What follows DATA."""

    _BEFORE = 1

    def __init__(self, max_octets: int, *, tolerates_bare_lf: bool = False) -> None:
        """Refuse more than *max_octets*, counted with LF at the end of each line."""
        super().__init__(max_octets, tolerates_bare_lf=tolerates_bare_lf)
        # The line end before the mail data, which a "." in its first line needs; it is not counted.
        self._held = b"\r\n"

    def receive(self, piece: bytes) -> tuple[bytes, int]:
        """Take the next piece.

        Returns:
            What may be handed out: content with LF at the end of each line, empty from the
            first problem on.  And how many octets of *piece* are mail data: all, unless
            `is_complete` holds now.
        """
        octets = self._held + piece
        dot = octets.find(b".")
        if dot >= 0:
            dot = octets.find(b"\r\n.", max(dot - 2, 0))
        end = octets.find(_END, dot) if dot >= 0 else -1
        if end >= 0:
            self.is_complete = True
            used = end + len(_END) - len(self._held)
            # The CRLF before the dot is the end of the last line.
            raw = octets[: end + 2]
        else:
            used = len(piece)
            self._held = b""
            if octets.endswith(_BEGINNINGS_OF_END):
                self._held = next(filter(octets.endswith, _BEGINNINGS_OF_END))
            raw = octets[: len(octets) - len(self._held)]
        return self._judge(raw, is_stuffed=0 <= dot < len(raw) - 2), used
