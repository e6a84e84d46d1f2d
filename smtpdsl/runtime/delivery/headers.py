r"""Header fields of the final delivery: those we add, and those that we look for.

Return-Path: <ann@example.net>     added, from MAIL
Delivered-To: joe@example.org      added, from RCPT
X-Spam: yes                        looked for: junk
Delivered-To: joe@example.org      looked for: the message was here before, it loops
"""

from __future__ import annotations

import re

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.delivery.content import open_content
from smtpdsl.runtime.interfaces import Content

# A field may go on in lines that begin with a blank (RFC 5322 §2.2.3).
_DELIVERED_TO = re.compile(rb"^delivered-to[ \t]*:((?:.*\n[ \t])*.*)", re.IGNORECASE | re.MULTILINE)
_SPAM = (b"\nx-spam: yes\n", b"\nx-spam-flag: yes\n")


def delivery_fields(reverse_path: ReversePath, recipient: Mailbox) -> bytes:
    """Return the header lines that go before the content of a message that is delivered here.

    RFC 5321 §4.4 requires Return-Path at the final delivery, also for the null
    reverse-path: ``Return-Path: <>``.  OpenSMTPD leaves it out then; but without it whoever
    answers automatically believes a Return-Path that the message brought along.
    """
    return f"Return-Path: {reverse_path}\nDelivered-To: {recipient}\n".encode()


def store_fields(recipient: Mailbox) -> bytes:
    """Return the header lines that go before the content of a message that a mail store delivers.

    RFC 5321 §4.4: Return-Path is added by who makes the final delivery, and that is the store.
    """
    return f"Delivered-To: {recipient}\n".encode()


def read_head(content: Content) -> bytes:
    """Return the header of *content*, with the end of its last line; see `OpenContent.head` for its bounds.

    Raises:
        ContentError: The file of the message cannot be read.
    """
    with open_content(content) as opened:
        return opened.head()


def is_looping(content_head: bytes, dest: Mailbox) -> bool:
    """Whether a message with the header *content_head* was delivered to *dest* before; case is ignored."""
    # Most messages have no such field, and this is much faster than the pattern.
    if b"delivered-to" not in content_head.lower():
        return False
    wanted = str(dest).encode().lower()
    return any(
        found.strip().lower().removeprefix(b"<").removesuffix(b">") == wanted
        for found in _DELIVERED_TO.findall(content_head)
    )


def is_spam(content_head: bytes) -> bool:
    """Whether a filter has marked the message, with exactly one of the two lines; case is ignored."""
    lines = b"\n" + content_head.lower()
    return any(mark in lines for mark in _SPAM)
