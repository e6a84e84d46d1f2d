r"""Mail data in chunks that may hold any octets (RFC 3030 §3), handed out as what it is from here on: lines.

    MAIL FROM:<a@b.example> BODY=BINARYMIME
    BDAT 200 LAST\r\n ...                        what `BinaryMime` makes of it

Only chunks can carry it, for they say how long they are.  It is judged by what the client
sends, and that is what the limit of size counts, each octet of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.mail.binary_mime import BinaryMime, Trouble
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.events import Bdat

_REPLIES: Mapping[Trouble, Reply] = {
    Trouble.NUL: own_replies.BINARY_HAS_NUL,
    Trouble.BARE_CR: own_replies.BINARY_HAS_BARE_CR,
    Trouble.BARE_LF: own_replies.BINARY_HAS_BARE_LF,
    Trouble.ENDLESS_HEADER: own_replies.BINARY_HAS_ENDLESS_HEADER,
    Trouble.TOO_MANY_PARTS: own_replies.BINARY_HAS_MANY_PARTS,
    Trouble.SIGNED: own_replies.BINARY_IS_SIGNED,
}


class BinaryChunks:
    """The content of such a message; it is used as `ChunkedContent` is."""

    def __init__(self, max_octets: int) -> None:
        """Refuse more than *max_octets*."""
        self._max_octets = max_octets
        self._mime = BinaryMime()
        self._received = 0
        self._handed_out = 0
        self._is_complete = False
        self.chunk = Bdat(0, is_last=False)
        self.left = 0

    @property
    def held_octets(self) -> int:
        """How much is in memory."""
        return self._mime.held_octets

    @property
    def size(self) -> int:
        """The number of octets that were handed out; of a message with a problem, how many came."""
        return self._handed_out if self.problem is None else self._received

    @property
    def problem(self) -> Reply | None:
        """Why the message has to be refused; which of several reasons depends on the octets alone."""
        if self._received > self._max_octets:
            return own_replies.CONTENT_TOO_BIG
        trouble = self._mime.trouble
        return _REPLIES[trouble] if trouble is not None else None

    def begin(self, chunk: Bdat) -> None:
        """Wait for the octets of *chunk*."""
        self.chunk = chunk
        self.left = chunk.octets

    def receive(self, piece: bytes) -> bytes:
        """Take the next piece of the chunk, and return what of the message may be handed out."""
        self.left -= len(piece)
        self._received += len(piece)
        return self._counted(self._mime.feed(piece)) if self._received <= self._max_octets else b""

    def end(self) -> bytes:
        """Complete the message after its last chunk, and return what is still to be handed out, once."""
        if self._is_complete or self.problem is not None:
            return b""
        self._is_complete = True
        return self._counted(self._mime.finish())

    def _counted(self, octets: bytes) -> bytes:
        self._handed_out += len(octets)
        return octets
