r"""Mail data in chunks (RFC 3030 §2): the client says how many octets follow, and dots are nothing but dots.

    BDAT 9\r\n          Bdat(octets=9, is_last=False)
    ..x\r\ny\r\n        "..x\ny\n"
    BDAT 0 LAST\r\n     Bdat(octets=0, is_last=True)

The octets of a chunk are never commands, whether it is wanted or not.  So BDAT is read
before it is asked whether it may come: a chunk that may not is swallowed first and refused
then.  Where its length cannot be read, nobody knows what is a command any more, and none
is obeyed before RSET.
"""

from __future__ import annotations

import re

from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import Bdat
from smtpdsl.runtime.protocol.mail_data import JudgedContent
from smtpdsl.runtime.protocol.states import Step

# Whoever announces more than this in one piece is not waited for.
MAX_CHUNK_OCTETS = 2**31

# bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF        RFC 3030 §2
# chunk-size = 1*DIGIT; more than 20 of them are no number of octets, as with SIZE
_CHUNK = re.compile(r"([0-9]{1,20})(?: +(LAST))?", re.ASCII | re.IGNORECASE)


def read_bdat(argument: str) -> Bdat:
    """Read the argument of BDAT.

    Raises:
        RemoteProtocolError: It does not say how many octets follow, or too many.
    """
    found = _CHUNK.fullmatch(argument)
    if found is None:
        raise RemoteProtocolError(own_replies.BAD_CHUNK, step=Step.CHUNK_LOST)
    octets = int(found[1])
    if octets > MAX_CHUNK_OCTETS:
        raise RemoteProtocolError(own_replies.CHUNK_TOO_BIG, closes=True)
    return Bdat(octets, found[2] is not None)


class ChunkedContent(JudgedContent):
    """The content of a message that comes in chunks; a CRLF may stand in two of them.

    `left` is how many octets of the present chunk are still to come.
    """

    def __init__(self, max_octets: int, *, tolerates_bare_lf: bool = False) -> None:
        """Refuse more than *max_octets*, counted with LF at the end of each line."""
        super().__init__(max_octets, tolerates_bare_lf=tolerates_bare_lf)
        self.chunk = Bdat(0, is_last=False)
        self.left = 0
        self._held = b""
        self._ends_line = True

    def begin(self, chunk: Bdat) -> None:
        """Wait for the octets of *chunk*."""
        self.chunk = chunk
        self.left = chunk.octets

    def receive(self, piece: bytes) -> bytes:
        """Take the next piece of the chunk, and return what of it may be handed out."""
        self.left -= len(piece)
        octets = self._held + piece
        # Its LF may come with the next chunk.
        self._held = b"\r" if octets.endswith(b"\r") else b""
        return self._take(octets[:-1] if self._held else octets)

    def end(self) -> bytes:
        """Complete the message after its last chunk, and return what is still to be handed out.

        A last line without an end gets one.  A server that takes mail by DATA would give it
        one too, and whoever reads the message finds whole lines in it.
        """
        self.is_complete = True
        rest, self._held = self._held, b""
        self._take(rest)
        return b"" if self._ends_line else self._take(b"\r\n")

    def _take(self, raw: bytes) -> bytes:
        if raw:
            self._ends_line = raw.endswith(b"\n")
        return self._judge(raw, is_stuffed=False)
