r"""Mail data of old clients that end lines with LF alone, where a listener tolerates that.

    DATA\r\n   lines end in CRLF or LF, the message ends at CR LF "." CR LF and nowhere else
    DATA\n     lines end in LF, the message ends at LF "." LF and nowhere else; no CR is in it

It is the client that says which of the two holds, with the line that asks for the message.
A message is never in both forms, and each form has one end.  So a server that passes on
what somebody else wrote, and speaks SMTP itself, ends no message earlier here than
elsewhere: LF "." LF, LF "." CR LF and CR LF "." LF in what it sends are text.  Any looser
rule is the hole that mail was smuggled through: two servers in a row that see different
ends, and the second one takes the rest of a message for commands.
"""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.mail_data import JudgedContent
from smtpdsl.runtime.protocol.own_replies import CONTENT_MIXES_LINE_ENDS

_END = b"\n.\n"
_BEGINNINGS_OF_END = (b"\n.", b"\n")


class BareLfMailData(JudgedContent):
    """What follows DATA, in the second of the forms above."""

    _BEFORE = 1

    def __init__(self, max_octets: int) -> None:
        """Refuse more than *max_octets*."""
        super().__init__(max_octets, tolerates_bare_lf=True)
        # As in `MailData`: the line end before the mail data.
        self._held = b"\n"

    @property
    def problem(self) -> Reply | None:
        """Why the message has to be refused."""
        found = super().problem
        return CONTENT_MIXES_LINE_ENDS if self._has_bare_cr and not self._has_nul else found

    def receive(self, piece: bytes) -> tuple[bytes, int]:
        """Take the next piece; what is returned is as `MailData` has it."""
        octets = self._held + piece
        end = octets.find(_END)
        if end >= 0:
            self.is_complete = True
            used = end + len(_END) - len(self._held)
            raw = octets[: end + 1]
        else:
            used = len(piece)
            self._held = next((each for each in _BEGINNINGS_OF_END if octets.endswith(each)), b"")
            raw = octets[: len(octets) - len(self._held)]
        return self._take(raw), used

    def _take(self, raw: bytes) -> bytes:
        self._has_bare_cr |= b"\r" in raw
        self._has_nul |= b"\0" in raw
        is_first = self._size < 0 < len(raw)
        content = raw.replace(b"\n.", b"\n")
        self._size += len(content)
        if self.problem is not None:
            return b""
        return content[1:] if is_first else content
