"""The multiparts around a place in a message, and the lines that begin and end their parts (RFC 2046 §5.1).

    multipart/mixed          --one      begins a part of the first, whatever the second still lacks
      multipart/digest       --two--    ends the second
        ... we are here      --twofold  is text

RFC 2046 §5.1.1 has it that a line which only begins with a boundary is one.  Nobody reads it so:
boundaries that are longer than those around them, and begin like them, are written every day.
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.mail.mime_part import Part

# In a multipart that is deeper no boundary is seen.
MAX_DEPTH = 100


class Boundary(NamedTuple):
    """The boundary of the multipart that is *depth* deep, the outermost 0; *is_last* ends it."""

    depth: int
    is_last: bool


class _Multipart:
    """A multipart that has begun, and how many parts of it have."""

    __slots__ = ("boundary", "is_digest", "is_signed", "parts")

    def __init__(self, part: Part) -> None:
        self.boundary = part.boundary
        self.is_digest = part.kind == b"digest"
        self.is_signed = part.kind == b"signed"
        self.parts = 0


class Multiparts:
    """The multiparts that have begun and not ended, from the outermost in."""

    __slots__ = ("_depths", "_open")

    def __init__(self) -> None:
        """Begin outside of all."""
        self._open: list[_Multipart] = []
        self._depths: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def is_digest(self) -> bool:
        """Whether the innermost is multipart/digest."""
        return bool(self._open) and self._open[-1].is_digest

    @property
    def is_signed(self) -> bool:
        """Whether what is here is signed: the first part of multipart/signed, with all that is in it."""
        return any(each.is_signed and each.parts == 1 for each in self._open)

    def begin(self, part: Part) -> None:
        """Go into *part*, unless it is too deep or has the boundary of one around it: then that is seen as theirs."""
        if len(self._open) < MAX_DEPTH and part.boundary not in self._depths:
            self._depths[part.boundary] = len(self._open)
            self._open.append(_Multipart(part))

    def find(self, line: bytes) -> Boundary | None:
        """Return the boundary that *line* is, which stands without the dashes before it."""
        # RFC 2046 §5.1.1: transport-padding
        line = line.rstrip(b" \t")
        depths = self._depths
        next_part = depths.get(line, -1)
        last = depths.get(line[:-2], -1) if line.endswith(b"--") else -1
        # One of them may be the other with two dashes more; then the inner one is meant.
        depth = max(next_part, last)
        return Boundary(depth, is_last=last > next_part) if depth >= 0 else None

    def cross(self, boundary: Boundary) -> None:
        """Leave every multipart that ends with *boundary*, and go into the next part of the one that does not."""
        rest = boundary.depth if boundary.is_last else boundary.depth + 1
        for each in self._open[rest:]:
            del self._depths[each.boundary]
        del self._open[rest:]
        if not boundary.is_last:
            self._open[-1].parts += 1
