r"""A message of any octets (RFC 3030 §3), made one of lines that says the same.

    Content-Type: multipart/mixed; boundary=x          Content-Type: multipart/mixed; boundary=x
    Content-Transfer-Encoding: binary                  Content-Transfer-Encoding: 8bit

    --x                                                --x
    Content-Type: image/png                      ──▶   Content-Type: image/png
    Content-Transfer-Encoding: binary                  Content-Transfer-Encoding: base64

    \x89PNG\r\n\x1a\n\0\0\0\rIHDR…                     iVBORw0KGgoAAAANSUhEUg…
    --x--                                              --x--

It is read in pieces and written as it is read: what is held is a header section, or the
beginning of a line that may be a boundary.  Lines come with CRLF and go with LF.  Nothing is
changed but binary bodies, and the fields that call a part binary.  Outside of such bodies CR,
LF and NUL are trouble where they are no line ends, so nothing is lost.

Invariant: between two steps, what is held begins with the line end before the next line, or
inside of a line that is no boundary.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from smtpdsl.mail.base64_lines import Base64Lines
from smtpdsl.mail.mime_boundaries import Boundary, Multiparts
from smtpdsl.mail.mime_part import Body, read_part

# A header section that does not end within so many octets is none.
MAX_HEADER_OCTETS = 256 * 1024
# Each costs a look at its header, and while that is taken everybody else waits.
MAX_PARTS = 5000

# A line that begins like a boundary, and has not ended after so many octets, is none.
_MAX_BOUNDARY_LINE_OCTETS = 1000
_LINE_END = b"\r\n"
_DASHES = b"\r\n--"
_BEGINNINGS_OF_DASHES = (b"\r\n-", b"\r\n", b"\r")
_STRAY = re.compile(rb"\0|\r(?!\n)|(?<!\r)\n")


class Trouble(Enum):
    """Why a message cannot be taken."""

    NUL = auto()
    """Outside of binary bodies, as the next two."""
    BARE_CR = auto()
    BARE_LF = auto()
    ENDLESS_HEADER = auto()
    TOO_MANY_PARTS = auto()
    SIGNED = auto()
    """A part of multipart/signed would have to be changed, and is to be treated as opaque (RFC 1847 §2.1)."""


_STRAYS = {b"\0": Trouble.NUL, b"\r": Trouble.BARE_CR, b"\n": Trouble.BARE_LF}


class BinaryMime:
    """One message; `trouble` is the first that its octets make, however they are cut."""

    __slots__ = (
        "_base64",
        "_ends_line",
        "_held",
        "_is_before_body",
        "_is_in_header",
        "_is_of_message",
        "_line",
        "_multiparts",
        "_output",
        "_parts",
        "_searched",
        "_stands_before",
        "trouble",
    )

    def __init__(self) -> None:
        """Begin with the header section."""
        self.trouble: Trouble | None = None
        self._output: list[bytes] = []
        self._ends_line = True
        # The line end before the first line; it is not written.
        self._held = bytearray(_LINE_END)
        self._stands_before = True
        self._multiparts = Multiparts()
        self._parts = 0
        # What encodes the body; None where that is lines.
        self._base64: Base64Lines | None = None
        self._is_before_body = False
        self._begin_header(is_of_message=True)

    @property
    def held_octets(self) -> int:
        """How much is in memory."""
        return len(self._held)

    def feed(self, octets: bytes) -> bytes:
        """Take the next octets and return what can be stored; from the first trouble on, that is nothing."""
        if self.trouble is not None:
            return b""
        self._held += octets
        return self._work(is_all=False)

    def finish(self) -> bytes:
        """Return what is still to be stored, once; a last line without an end gets one."""
        rest = self._work(is_all=True)
        return rest if self._ends_line or self.trouble is not None else rest + b"\n"

    def _work(self, *, is_all: bool) -> bytes:
        goes_on = True
        while goes_on and self.trouble is None:
            goes_on = self._read_header(is_all=is_all) if self._is_in_header else self._read_body(is_all=is_all)
        if self.trouble is not None:
            self._held.clear()
            self._output.clear()
            return b""
        written = b"".join(self._output)
        self._output.clear()
        if not written:
            return written
        self._ends_line = written.endswith(b"\n")
        if self._stands_before:
            self._stands_before = False
            written = written[1:]
        return written

    # ------------------------------------------------------------ header sections

    def _begin_header(self, *, is_of_message: bool) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            self._refuse(Trouble.TOO_MANY_PARTS)
        self._is_in_header = True
        self._is_of_message = is_of_message
        # Where the line end before the present line stands, and up to where its own was looked for.
        self._line = self._searched = 0

    def _read_header(self, *, is_all: bool) -> bool:
        """Go through lines up to the end of the section; whether something stands behind it."""
        held = self._held
        while True:
            start = self._line + len(_LINE_END)
            end = held.find(_LINE_END, max(start, self._searched), MAX_HEADER_OCTETS)
            if end < 0:
                if len(held) >= MAX_HEADER_OCTETS:
                    self._refuse(Trouble.ENDLESS_HEADER)
                    return False
                if not is_all:
                    self._searched = len(held) - 1
                    return False
                end = len(held)
                if end <= start:
                    self._end_header(end)
                    return False
            elif end == start:
                # The end of the empty line stands before the body, or belongs to a boundary.
                self._end_header(start)
                return True
            if self._multiparts and held.startswith(b"--", start):
                boundary = self._multiparts.find(bytes(held[start + 2 : end]))
                if boundary is not None:
                    length = end - self._line
                    self._end_header(self._line)
                    self._cross(boundary, length)
                    return True
            self._line = end

    def _end_header(self, count: int) -> None:
        """Begin the body that the header section in the first *count* octets tells of."""
        self._is_in_header = False
        text = self._lines(self._take(count))
        if not text or self.trouble is not None:
            return
        # What another part or the end of the message cuts off has no line end.
        missing = b"" if text.endswith(b"\n") else b"\n"
        in_digest = self._multiparts.is_digest and not self._is_of_message
        part = read_part(text[1:] + missing, is_message=self._is_of_message, in_digest=in_digest)
        if part.is_changed and self._multiparts.is_signed:
            self._refuse(Trouble.SIGNED)
            return
        self._output.append(b"\n" + part.header.removesuffix(missing))
        if part.body is Body.MULTIPART:
            self._multiparts.begin(part)
        elif part.body is Body.MESSAGE:
            self._begin_header(is_of_message=True)
        elif part.body is Body.BINARY:
            self._base64, self._is_before_body = Base64Lines(), True

    # ------------------------------------------------------------ bodies

    def _read_body(self, *, is_all: bool) -> bool:
        """Go through the body up to the next boundary; whether that is there."""
        held = self._held
        place = held.find(_DASHES) if self._multiparts else -1
        while place >= 0:
            start, limit = place + len(_DASHES), place + _MAX_BOUNDARY_LINE_OCTETS
            end = held.find(_LINE_END, start, limit)
            if end < 0 and len(held) < limit:
                if not is_all:
                    self._write(place)
                    return False
                end = len(held)
            boundary = self._multiparts.find(bytes(held[start:end])) if end >= 0 else None
            if boundary is not None:
                self._write(place)
                self._cross(boundary, end - place)
                return True
            place = held.find(_DASHES, place + len(_LINE_END))
        if is_all:
            self._write(len(held))
            self._end_body()
        else:
            self._write(len(held) - _length_of_beginning(held))
        return False

    def _write(self, count: int) -> None:
        """Write the first *count* octets of what is held."""
        octets = self._take(count)
        if self._base64 is None:
            self._output.append(self._lines(octets))
            return
        if octets and self._is_before_body:
            # The end of the empty line; where a boundary follows at once, it is the boundary's and not here.
            self._is_before_body = False
            self._output.append(b"\n")
            octets = octets[len(_LINE_END) :]
        self._output.append(self._base64.encode(octets))

    def _end_body(self) -> None:
        if self._base64 is not None:
            self._output.append(self._base64.finish())
            self._base64 = None

    def _cross(self, boundary: Boundary, count: int) -> None:
        """End the body, and go on behind *boundary*, whose line is the first *count* octets of what is held."""
        self._end_body()
        self._output.append(self._lines(self._take(count)))
        self._multiparts.cross(boundary)
        self._is_in_header = False
        if not boundary.is_last:
            self._begin_header(is_of_message=False)

    # ------------------------------------------------------------ octets

    def _take(self, count: int) -> bytes:
        octets = bytes(self._held[:count])
        del self._held[:count]
        return octets

    def _lines(self, octets: bytes) -> bytes:
        """Return *octets* with LF for each CRLF; whole ones, so that what stands alone is none."""
        # The bulk operations of `bytes` are faster than looking for pairs.
        lines = octets.replace(b"\r", b"")
        if lines.replace(b"\n", _LINE_END) != octets or b"\0" in octets:
            found = _STRAY.search(octets)
            assert found is not None, "something else than CRLF was there"
            self._refuse(_STRAYS[found[0]])
        return lines

    def _refuse(self, trouble: Trouble) -> None:
        # What stood before it counts, also if both were found at once.
        self.trouble = self.trouble or trouble


def _length_of_beginning(octets: bytearray) -> int:
    """Return how many of the last *octets* may be the beginning of a boundary, or of a line end."""
    return next((len(each) for each in _BEGINNINGS_OF_DASHES if octets.endswith(each)), 0)
