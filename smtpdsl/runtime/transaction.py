"""A transaction of a session: who sends, to whom, and the mail data as it comes in (RFC 5321 §3.3).

The header section is looked at as soon as it is there.  Mail data stays in memory while it
is small; what is larger goes to the spool as it arrives, and is never whole in memory.
"""

from __future__ import annotations

from collections.abc import Awaitable

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.header import count_received, header_end, is_well_formed
from smtpdsl.mail.reply import Reply
from smtpdsl.mail.trace import MAX_RECEIVED_FIELDS
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS, ContentWriter, Envelope, InlineContent, Intake, Submission

# A header section that does not end within so many octets is no header.
MAX_HEADER_OCTETS = 256 * 1024

_MALFORMED = Reply(
    code=550, enhanced_status="5.7.1", lines=("Delivery not authorized, message refused: malformed header",)
)
_LOOP = Reply(code=554, enhanced_status="5.4.6", lines=("Routing loop detected",))
_ENDLESS_HEADER = Reply(code=552, enhanced_status="5.3.4", lines=("Message too big for system: endless header",))


class Transaction:
    """What a client has said since MAIL."""

    def __init__(self, reverse_path: ReversePath, intake: Intake) -> None:
        """Begin at MAIL."""
        self.reverse_path = reverse_path
        self.message_id = intake.next_message_id()
        self.recipients: list[Mailbox] = []
        # A client that names a recipient twice means one copy.
        self.envelopes: dict[Envelope, None] = {}
        self.problem: Reply | None = None
        self.size = 0
        self._intake = intake
        self._chunks: list[bytes] = []
        self._trace_octets = 0
        # Beyond so many octets they are looked at; a multiple of it, so that tiny pieces cost no more than large ones.
        self._held_limit = MAX_INLINE_OCTETS
        self._is_in_header = True
        self._writer: ContentWriter | None = None

    def add(self, recipient: Mailbox, envelopes: tuple[Envelope, ...]) -> None:
        """Take a recipient, and what it means."""
        self.recipients.append(recipient)
        self.envelopes.update(dict.fromkeys(envelopes))

    def begin_content(self, trace: bytes) -> None:
        """Begin the mail data with our own trace field."""
        self._chunks = [trace]
        self.size = self._trace_octets = len(trace)

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Take the next piece of the mail data; an awaitable is to be waited for before there is more."""
        if self.problem is not None:
            return None
        self.size += len(octets)
        if self._writer is not None:
            return self._writer.write(octets)
        self._chunks.append(octets)
        return self._spill() if self.size > self._held_limit else None

    def end(self, *, is_whole: bool) -> InlineContent | ContentWriter | None:
        """End the mail data and return it; None if the message is refused, for `problem` if that says so."""
        content = b"".join(self._chunks)
        if is_whole and self.problem is None and self._is_in_header:
            self._inspect(content, is_all=True)
        if not is_whole or self.problem is not None:
            self.discard()
            return None
        return InlineContent(content) if self._writer is None else self._writer

    def submission(self, client: Client, moment: float, content: InlineContent | ContentWriter) -> Submission:
        """Return what the queue takes: the whole message, handed over by *client* at *moment*."""
        return Submission(self.message_id, self.reverse_path, client, moment, content, tuple(self.envelopes))

    def discard(self) -> None:
        """Forget the mail data."""
        self._chunks.clear()
        if self._writer is not None:
            self._writer.discard()

    def _spill(self) -> Awaitable[None] | None:
        """Move what is held to the spool, once the header is there."""
        content = b"".join(self._chunks)
        self._chunks = [content]
        self._inspect(content, is_all=False)
        if self.problem is not None:
            self.discard()
        elif not self._is_in_header:
            self._chunks.clear()
            self._writer = self._intake.open_content(self.message_id)
            return self._writer.write(content)
        self._held_limit += MAX_INLINE_OCTETS
        return None

    def _inspect(self, content: bytes, *, is_all: bool) -> None:
        """Look at the header section, if it has ended; *is_all* says that nothing more comes."""
        end = header_end(content)
        if end < 0 and not is_all:
            if len(content) > MAX_HEADER_OCTETS:
                self.problem = _ENDLESS_HEADER
            return
        self._is_in_header = False
        header = content[self._trace_octets : end if end >= 0 else len(content)]
        if not is_well_formed(header):
            self.problem = _MALFORMED
        elif count_received(header) >= MAX_RECEIVED_FIELDS:
            self.problem = _LOOP
