"""A transaction of a session: who sends, to whom, and the mail data as it comes in (RFC 5321 §3.3).

The header section is looked at as soon as it is there, and completed if the mail begins its
way here.  Mail data stays in memory while it is small; what is larger goes to the spool as it
arrives, and is never whole in memory.
"""

from __future__ import annotations

from collections.abc import Awaitable

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.header import has_passed, header_end, is_well_formed
from smtpdsl.mail.header_editing import HeaderEdits, edit_header
from smtpdsl.mail.options import MailOptions, united
from smtpdsl.mail.reply import Reply
from smtpdsl.mail.trace import MAX_RECEIVED_FIELDS
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS, ContentWriter, Envelope, InlineContent, Intake, Submission
from smtpdsl.runtime.protocol.events import MailParameters, RcptParameters
from smtpdsl.runtime.queue.ids import message_hex

# A header section that does not end within so many octets is no header.
MAX_HEADER_OCTETS = 256 * 1024

_MALFORMED = Reply(
    code=550,
    enhanced_status="5.6.0",
    lines=("Message refused: it does not begin with header fields and an empty line",),
)
# The client did nothing wrong, and may try again when the program has been mended.
_BROKEN_BY_FILTER = Reply(
    code=451,
    enhanced_status="4.3.0",
    lines=("Temporary failure: what a filter has made of the message has no header",),
)
_LOOP = Reply(code=554, enhanced_status="5.4.6", lines=("Routing loop detected",))
_ENDLESS_HEADER = Reply(code=552, enhanced_status="5.3.4", lines=("Message too big for system: endless header",))


class Transaction:
    """What a client has said since MAIL."""

    def __init__(self, reverse_path: ReversePath, parameters: MailParameters, intake: Intake) -> None:
        """Begin at MAIL, with its *parameters*.

        Raises:
            StorageError: The queue has no number for a message.
        """
        self.reverse_path = reverse_path
        self.options = _options(parameters)
        self.message_id = intake.next_message_id()
        # As people see it.
        self.identifier = message_hex(self.message_id)
        self.recipients: list[Mailbox] = []
        # By what they are without the wishes of RCPT: a client that names a recipient twice means one copy.
        self._envelopes: dict[Envelope, Envelope] = {}
        self._edits: HeaderEdits | None = None
        self.problem: Reply | None = None
        # What came from the client, where a filter has made something else of it.
        self.was_well_formed = False
        self.size = 0
        self._intake = intake
        self._chunks: list[bytes] = []
        self._trace_octets = 0
        # Beyond so many octets they are looked at; a multiple of it, so that tiny pieces cost no more than large ones.
        self._held_limit = MAX_INLINE_OCTETS
        self._is_in_header = True
        self._writer: ContentWriter | None = None

    @property
    def envelopes(self) -> tuple[Envelope, ...]:
        """What the recipients mean, in the order of their names."""
        return tuple(self._envelopes.values())

    @property
    def held_octets(self) -> int:
        """How much of the mail data is in memory."""
        return self.size if self._writer is None else 0

    def add(self, recipient: Mailbox, parameters: RcptParameters, envelopes: tuple[Envelope, ...]) -> None:
        """Take a recipient, with the *parameters* of RCPT, and what it means."""
        self.recipients.append(recipient)
        for each in envelopes:
            count = len(self._envelopes)
            known = self._envelopes.setdefault(each, each)
            if len(self._envelopes) > count:
                notify, orcpt = parameters
            else:
                # RFC 3461 does not say; so nobody misses a report that either of the two asks for.
                notify, orcpt = united(known.notify, parameters.notify), known.orcpt or parameters.orcpt
            if notify is not None or orcpt is not None:
                self._envelopes[each] = each._replace(notify=notify, orcpt=orcpt)

    def begin_content(self, trace: bytes, edits: HeaderEdits | None = None) -> None:
        """Begin the mail data with our own trace field; the header of mail that begins its way here gets *edits*."""
        self._chunks = [trace]
        self._edits = edits
        self.size = self._trace_octets = len(trace)

    def take_trace(self) -> bytes:
        """Return our own trace field, which comes back with the mail data: filters that are programs read it."""
        trace = b"".join(self._chunks)
        self._chunks.clear()
        self.size = self._trace_octets = 0
        return trace

    def take_edits(self) -> HeaderEdits | None:
        """Return what is to be done to the header, which is done before filters read it."""
        edits, self._edits = self._edits, None
        return edits

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Take the next piece of the mail data; an awaitable is to be waited for before there is more."""
        if self.problem is not None or not octets:
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
            content = self._inspect(content, is_all=True)
        if not is_whole or self.problem is not None:
            self.discard()
            return None
        return InlineContent(content) if self._writer is None else self._writer

    def submission(self, client: Client, moment: float, content: InlineContent | ContentWriter) -> Submission:
        """Return what the queue takes: the whole message, handed over by *client* at *moment*."""
        envelopes = self.envelopes
        return Submission(self.message_id, self.reverse_path, client, moment, content, envelopes, self.options)

    def discard(self) -> None:
        """Forget the mail data."""
        self._chunks.clear()
        if self._writer is not None:
            self._writer.discard()

    def _spill(self) -> Awaitable[None] | None:
        """Move what is held to the spool, once the header is there."""
        content = self._inspect(b"".join(self._chunks), is_all=False)
        self._chunks = [content]
        if self.problem is not None:
            self.discard()
        elif not self._is_in_header:
            self._chunks.clear()
            self._writer = self._intake.open_content(self.message_id)
            return self._writer.write(content)
        self._held_limit += MAX_INLINE_OCTETS
        return None

    def _inspect(self, content: bytes, *, is_all: bool) -> bytes:
        """Look at the header section, if it has ended, and return *content* with its edits.

        *is_all* says that nothing more comes.
        """
        end = header_end(content)
        if end < 0 and not is_all:
            if len(content) > MAX_HEADER_OCTETS:
                self.problem = _BROKEN_BY_FILTER if self.was_well_formed else _ENDLESS_HEADER
            return content
        self._is_in_header = False
        if end < 0 and not content.endswith(b"\n"):
            # Only a message that came in chunks can end so (RFC 3030 §2), and this one is nothing but a header.
            content += b"\n"
            self.size += 1
        header = content[self._trace_octets : end if end >= 0 else len(content)]
        if not is_well_formed(header):
            self.problem = _BROKEN_BY_FILTER if self.was_well_formed else _MALFORMED
        elif has_passed(header, MAX_RECEIVED_FIELDS):
            self.problem = _LOOP
        elif self._edits is not None:
            return self._edited(content, header, self._edits)
        return content

    def _edited(self, content: bytes, header: bytes, edits: HeaderEdits) -> bytes:
        edited = edit_header(header, edits)
        self.size += len(edited) - len(header)
        return content[: self._trace_octets] + edited + content[self._trace_octets + len(header) :]


def _options(said: MailParameters) -> MailOptions:
    """Return what the queue keeps of MAIL; the size that the client expects is of no use any more."""
    # What was binary comes as lines, see `mail.binary_mime`.
    body = "8BITMIME" if said.body == "BINARYMIME" else said.body
    return MailOptions(body, said.ret, said.envid, said.smtputf8, said.requiretls, said.mt_priority)
