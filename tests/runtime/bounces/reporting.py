"""What tests of reports share: a message, notices on it, and a report as programs read it."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import Envelope, Event, InlineContent, Notice, QueuedMessage, Route, Submission

SERVER_NAME = "mx.example"
ARRIVED = 1_795_351_597.0
MOMENT = ARRIVED + 60
CONTENT = b"From: ann@a.example\nSubject: hello\n\nworld\n"
REFUSED = "550 5.1.1 no such user (said mx.c.example[192.0.2.7]:25 to RCPT)"


def mailbox(text: str) -> Mailbox:
    """Read an address."""
    return Mailbox.parse(text, utf8=True)


def message_of(
    content: bytes = CONTENT, sender: str = "ann@a.example", options: MailOptions | None = None
) -> QueuedMessage:
    """Return a message of *sender*."""
    path = ReversePath(mailbox=mailbox(sender))
    client = Client(source="192.0.2.1")
    return QueuedMessage(7, path, client, ARRIVED, InlineContent(content), options=options or MailOptions())


def notice_of(
    event: Event = Event.FAILED,
    text: str = REFUSED,
    status: str = "5.1.1",
    recipient: str = "joe@b.example",
    dest: str = "",
    orcpt: str | None = None,
) -> Notice:
    """Return what is to be told of a recipient."""
    envelope = Envelope(Route.RELAY, "out", mailbox(recipient), mailbox(dest or recipient), ttl=86400, orcpt=orcpt)
    return Notice(1, event, envelope, text, status)


def octets_of(report: object) -> bytes:
    """Return the content of a report."""
    assert isinstance(report, Submission)
    assert isinstance(report.content, InlineContent)
    return report.content.octets


def parsed(report: object) -> EmailMessage:
    """Read a report as a mail reader does; nothing in it is wrong."""
    found = email.message_from_bytes(octets_of(report), policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert [part.defects for part in found.walk() if part.defects] == []
    return found


def status_groups(report: object) -> list[dict[str, str]]:
    """Return the fields that programs read: those of the message, and those of each recipient."""
    _, status, _ = parsed(report).iter_parts()
    assert status.get_content_type() == "message/delivery-status"
    groups = [group for group in status.walk() if group is not status]
    return [{name: " ".join(str(value).split()) for name, value in group.items()} for group in groups]
