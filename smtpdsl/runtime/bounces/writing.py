"""A report as octets: multipart/report with three parts (RFC 6522 §3, RFC 3464 §2, RFC 6533 §5).

    multipart/report
        text/plain                   what people read
        message/delivery-status      what programs read
        text/rfc822-headers          what came back: the header, or message/rfc822 with all of it

Lines end in LF, as mail data is kept.  Where the sender has an address in UTF-8, and so can read
it, the types are those of RFC 6533; in any other report all but what came back is ASCII.
"""

from __future__ import annotations

import quopri
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.trace import date_time
from smtpdsl.runtime.bounces.delivery_status import Subject, delivery_status
from smtpdsl.runtime.bounces.text import ReportText
from smtpdsl.runtime.interfaces import Notice

# RFC 5322 §2.1.1
_MAX_LINE_OCTETS = 998


class Returned(NamedTuple):
    """What of the message goes back: all of it if it *is_whole*, or its header; *has_utf8* if that was agreed on."""

    octets: bytes
    is_whole: bool
    has_utf8: bool = False


def write_report(
    sender: Mailbox, subject: Subject, notices: Sequence[Notice], returned: Returned, text: ReportText
) -> bytes:
    """Return a report on *notices*, which are of one event, for *sender*."""
    utf8 = not str(sender).isascii()
    boundary = secrets.token_hex(16)
    parts = [
        _text_part(text.write(subject, notices, "message" if returned.is_whole else "header")),
        _status_part(delivery_status(subject, notices, utf8=utf8), utf8=utf8),
        _returned_part(returned),
    ]
    status_type = "global-delivery-status" if utf8 else "delivery-status"
    header = _fields(
        ("From", f"Mailer Daemon <MAILER-DAEMON@{subject.server_name}>"),
        ("To", f"<{sender}>"),
        ("Subject", f"Delivery status notification: {notices[0].event.value}"),
        ("Date", date_time(subject.moment)),
        ("Message-ID", f"<{secrets.token_hex(8)}@{subject.server_name}>"),
        # RFC 3834 §5: nobody answers it automatically.
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type={status_type};\n\tboundary="{boundary}"'),
        ("Content-Transfer-Encoding", "7bit" if all(map(bytes.isascii, parts)) else "8bit"),
    )
    delimiter = f"--{boundary}\n".encode()
    return header + b"\n" + b"".join(delimiter + part + b"\n" for part in parts) + f"--{boundary}--\n".encode()


def _text_part(text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    is_plain = octets.isascii() and max(map(len, octets.split(b"\n"))) <= _MAX_LINE_OCTETS
    header = _fields(
        ("Content-Description", "Notification"),
        ("Content-Type", f"text/plain; charset={'us-ascii' if octets.isascii() else 'utf-8'}"),
        ("Content-Transfer-Encoding", "7bit" if is_plain else "quoted-printable"),
    )
    return header + b"\n" + (octets if is_plain else quopri.encodestring(octets))


def _status_part(fields: str, *, utf8: bool) -> bytes:
    header = _fields(
        ("Content-Description", "Delivery report"),
        ("Content-Type", "message/global-delivery-status" if utf8 else "message/delivery-status"),
        ("Content-Transfer-Encoding", "7bit" if fields.isascii() else "8bit"),
    )
    return header + b"\n" + fields.encode()


def _returned_part(returned: Returned) -> bytes:
    octets = returned.octets if returned.octets.endswith(b"\n") else returned.octets + b"\n"
    if returned.is_whole:
        what, content_type = "Undelivered message", "message/global" if returned.has_utf8 else "message/rfc822"
    else:
        what = "Header of the message"
        content_type = "message/global-headers" if returned.has_utf8 else "text/rfc822-headers"
    header = _fields(
        ("Content-Description", what),
        ("Content-Type", content_type),
        ("Content-Transfer-Encoding", "7bit" if octets.isascii() else "8bit"),
    )
    return header + b"\n" + octets


def _fields(*fields: tuple[str, str]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in fields).encode()
