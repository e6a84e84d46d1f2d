"""A message while it is received, by DATA or in chunks, and chunks that nobody wants.

    begin_data, then content(octets)      ContentReceived ... EndOfContent
    begin(chunk), then chunk(octets)      ContentReceived ... None or EndOfContent, and go_on(chunk)
    swallow(1000, reply), then unwanted   nothing, and the reply behind the last octet

All of them take from the octets that were received what is theirs, and leave the rest.
"""

from __future__ import annotations

from smtpdsl.runtime.protocol.bare_lf import BareLfMailData
from smtpdsl.runtime.protocol.binary_chunks import BinaryChunks
from smtpdsl.runtime.protocol.chunks import ChunkedContent
from smtpdsl.runtime.protocol.events import Bdat, ContentReceived, EndOfContent, Refused
from smtpdsl.runtime.protocol.input_buffer import InputBuffer
from smtpdsl.runtime.protocol.mail_data import MailData

# Mail data is worked through in pieces of this size: the allocator keeps such memory at hand, larger ones cost twice.
_PIECE_OCTETS = 64 * 1024
# What may be binary is read far more closely, and a piece can hold hundreds of parts; others wait meanwhile.
_BINARY_PIECE_OCTETS = 4 * 1024


class Reception:
    """What one session receives beside commands."""

    __slots__ = ("_chunks", "_content", "_max_octets", "_tolerates_bare_lf", "_unwanted", "ended_early", "held")

    def __init__(self, max_octets: int, *, tolerates_bare_lf: bool) -> None:
        """Refuse messages of more than *max_octets*."""
        self._max_octets = max_octets
        self._tolerates_bare_lf = tolerates_bare_lf
        self._content: MailData | BareLfMailData | None = None
        self._chunks: ChunkedContent | BinaryChunks | None = None
        self.ended_early = False
        self._unwanted = 0
        # What is said behind the octets that are unwanted, ready to be sent or still to be told.
        self.held: bytes | Refused | None = None

    # ------------------------------------------------------------ DATA

    def begin_data(self, *, is_bare: bool) -> None:
        """Expect mail data; *is_bare* if the line that asked for it ended in LF alone, and that is tolerated."""
        if is_bare:
            self._content = BareLfMailData(self._max_octets)
        else:
            self._content = MailData(self._max_octets, tolerates_bare_lf=self._tolerates_bare_lf)

    def content(self, octets: InputBuffer) -> ContentReceived | EndOfContent | None:
        """Return what *octets* are of the message; None if they are too few."""
        content = self._content
        assert content is not None, "the mail data has begun"
        while octets.length and not content.is_complete:
            found, used = content.receive(octets.peek(_PIECE_OCTETS))
            octets.discard(used)
            if found:
                return ContentReceived(found)
        if not content.is_complete:
            return None
        self.ended_early = False
        self._content = None
        return EndOfContent(content.size, content.problem)

    # ------------------------------------------------------------ BDAT

    @property
    def held_octets(self) -> int:
        """How much of a binary message is in memory, because it is not known yet what it is."""
        return self._chunks.held_octets if isinstance(self._chunks, BinaryChunks) else 0

    def begin(self, chunk: Bdat, *, is_binary: bool) -> None:
        """Expect the octets of *chunk*, the first of a message that may hold any if it *is_binary*."""
        if is_binary:
            # An old client that ends lines with LF knows nothing of this.
            self._chunks = BinaryChunks(self._max_octets)
        else:
            self._chunks = ChunkedContent(self._max_octets, tolerates_bare_lf=self._tolerates_bare_lf)
        self._chunks.begin(chunk)

    def go_on(self, chunk: Bdat) -> None:
        """Expect the octets of *chunk*, another one of the same message."""
        assert self._chunks is not None, "a chunk has come before it"
        self._chunks.begin(chunk)

    def forget(self) -> None:
        """Forget a message whose last chunk will not come."""
        self._chunks = None

    def chunk(self, octets: InputBuffer) -> ContentReceived | EndOfContent | Bdat | None:
        """Return what *octets* are of the message, or the chunk if it is complete; None if they are too few.

        With the last chunk the message ends, and with the one that spoils it; then it `ended_early`.
        """
        chunks = self._chunks
        assert chunks is not None, "a chunk has begun"
        is_binary = isinstance(chunks, BinaryChunks)
        piece_octets = _BINARY_PIECE_OCTETS if is_binary else _PIECE_OCTETS
        while chunks.left and octets.length:
            piece = octets.peek(min(chunks.left, piece_octets))
            octets.discard(len(piece))
            # A piece of which nothing comes was work, too; whoever counts what a client does has to see it.
            if (found := chunks.receive(piece)) or is_binary:
                return ContentReceived(found)
        if chunks.left:
            return None
        if chunks.chunk.is_last and (found := chunks.end()):
            return ContentReceived(found)
        if not chunks.chunk.is_last and chunks.problem is None:
            return chunks.chunk
        self.ended_early = not chunks.chunk.is_last
        self._chunks = None
        return EndOfContent(chunks.size, chunks.problem)

    # ------------------------------------------------------------ what nobody wants

    def swallow(self, count: int, held: bytes | Refused) -> None:
        """Expect *count* octets that are not wanted; `unwanted` gives *held* behind them."""
        self._unwanted, self.held = count, held

    def unwanted(self, octets: InputBuffer) -> bytes | Refused | None:
        """Forget *octets* as far as they are not wanted; once that is over, return what is to be said."""
        self._unwanted -= octets.skip(self._unwanted)
        if self._unwanted:
            return None
        held, self.held = self.held, None
        return held
