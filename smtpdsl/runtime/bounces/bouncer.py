"""From notices on a message to a report that the queue can take.

notices ──▶ route of the sender ──▶ what comes back ──▶ report, from <>
                 └─ refused: none, or none for now
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.mail.header import header_end
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.bounces.delivery_status import Subject
from smtpdsl.runtime.bounces.text import ReportText
from smtpdsl.runtime.bounces.writing import Returned, write_report
from smtpdsl.runtime.delivery.content import ContentError, open_content
from smtpdsl.runtime.interfaces import (
    Content,
    Envelope,
    Event,
    InlineContent,
    NoReport,
    Notice,
    QueuedMessage,
    Router,
    Submission,
)

# A message of more than this does not come back as a whole, and of a longer header only the beginning does; what
# Postfix has (bounce_size_limit).
MAX_RETURNED_OCTETS = 50_000
# How long tables may think about the sender.
_ROUTE_SECONDS = 60.0


class Bouncer:
    """Implements `Reporter`."""

    def __init__(self, server_name: str, router: Router, text: ReportText | None = None) -> None:
        """Write as the server called *server_name*; *router* knows the way to senders."""
        self._server_name = server_name
        self._router = router
        self._text = text or ReportText()
        self._client = Client(source=LOCAL, helo=server_name)

    async def report(
        self, message: QueuedMessage, notices: Sequence[Notice], message_id: int, moment: float
    ) -> Submission | NoReport:
        """Return a report on *notices*, or why there is none."""
        sender = message.reverse_path.mailbox
        # RFC 5321 §4.5.5: a report on a report would never end.
        assert sender is not None, "nobody is to hear of mail from nobody"
        envelopes = await self._route(sender)
        if isinstance(envelopes, NoReport):
            return envelopes
        octets = await asyncio.get_running_loop().run_in_executor(None, self._write, sender, message, notices, moment)
        options = MailOptions(
            body=None if octets.isascii() else "8BITMIME",
            smtputf8=not str(sender).isascii(),
            # RFC 8689 §5: what tells of a message that is to be protected is to be protected, too.
            requiretls=message.options.requiretls,
            mt_priority=message.options.mt_priority,
        )
        content = InlineContent(octets)
        return Submission(message_id, ReversePath(), self._client, moment, content, envelopes, options)

    async def _route(self, sender: Mailbox) -> tuple[Envelope, ...] | NoReport:
        try:
            async with asyncio.timeout(_ROUTE_SECONDS):
                found = self._router.route(sender)
                return await found if inspect.isawaitable(found) else found
        except TimeoutError:
            return NoReport(f"no rule decided within {_ROUTE_SECONDS:g} seconds", is_temporary=True)

    def _write(self, sender: Mailbox, message: QueuedMessage, notices: Sequence[Notice], moment: float) -> bytes:
        """Write the report; in a thread, for a long one takes its time, and so does what is in a file."""
        event = notices[0].event
        retried_until = None
        if event is Event.DELAYED:
            retried_until = message.created + min(each.envelope.ttl for each in notices)
        subject = Subject(self._server_name, message.options.envid, message.created, moment, retried_until)
        return write_report(sender, subject, notices, _returned(message, event), self._text)


def _returned(message: QueuedMessage, event: Event) -> Returned:
    """Read what of *message* goes back: all of it if its sender wants that, and it is not long (RFC 3461 §4.3)."""
    options = message.options
    # RFC 8689 §5: with REQUIRETLS, RET=FULL counts for nothing.
    wants_whole = options.ret == "FULL" and not options.requiretls
    is_whole = event is Event.FAILED and wants_whole and message.content.size <= MAX_RETURNED_OCTETS
    octets = _read(message.content, is_whole=is_whole)
    has_utf8 = message.options.smtputf8 and not _header(octets).isascii()
    return Returned(octets, is_whole and octets != b"", has_utf8)


def _read(content: Content, *, is_whole: bool) -> bytes:
    """Return *content* or its header; nothing of what cannot be read, since the report is worth more."""
    try:
        with open_content(content) as opened:
            return b"".join(opened.chunks(b"")) if is_whole else _shortened(opened.head())
    except ContentError:
        return b""


def _header(octets: bytes) -> bytes:
    end = header_end(octets)
    return octets if end < 0 else octets[:end]


def _shortened(header: bytes) -> bytes:
    """Cut a header that is too long where a line ends."""
    if len(header) <= MAX_RETURNED_OCTETS:
        return header
    return header[: header.rfind(b"\n", 0, MAX_RETURNED_OCTETS) + 1]
