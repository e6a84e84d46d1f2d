r"""What is done to the header of mail that begins its way here (RFC 6409 §8), and of no other.

    From: Joe <joe>              From: Joe <joe@mx.example>
    Bcc: ann@b.example
    Subject: hello        ──▶    Subject: hello
                                 Date: Sun, 22 Nov 2026 12:46:37 +0000 (UTC)
                                 Message-ID: <1f3870be274f6c49@mx.example>

Fields that nothing is to be done to keep each octet, their folding and their order.  Lines end
in LF.  Doing it again changes nothing.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.header_addresses import missing_domains, only_address
from smtpdsl.mail.trace import date_time

# A field with its continuations; the first one of a section that is well-formed begins at its start.
_FIELD = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+\n)*+")
_COMPLETED = frozenset({b"from", b"sender", b"reply-to", b"to", b"cc"})


class HeaderEdits(NamedTuple):
    """How a header is completed.

    *host* is the domain that addresses lack, *moment* (seconds since 1970) the date of a
    message without one.  With *author* the addresses of From are replaced by it, and only
    the name beside the address stays.
    """

    host: str
    moment: float
    author: Mailbox | None = None


def edit_header(header: bytes, edits: HeaderEdits) -> bytes:
    """Return *header*, of whole lines that are well-formed fields, with *edits*."""
    fields, names = [], set()
    for field in _FIELD.findall(header):
        # Blanks before the colon are obsolete, and mean nothing (RFC 5322 §4.5).
        name = field.partition(b":")[0].rstrip(b" \t").lower()
        names.add(name)
        if name in _COMPLETED:
            fields.append(_edited(name, field, edits))
        elif name != b"bcc":
            fields.append(field)
    if b"date" not in names:
        fields.append(f"Date: {date_time(edits.moment)}\n".encode())
    if b"message-id" not in names:
        fields.append(f"Message-ID: <{secrets.token_hex(8)}@{edits.host}>\n".encode())
    return b"".join(fields)


def _edited(name: bytes, field: bytes, edits: HeaderEdits) -> bytes:
    head, colon, body = field.partition(b":")
    if name == b"from" and edits.author is not None:
        body = _with_author(body, edits.author)
    return head + colon + _completed(body, edits.host)


def _with_author(body: bytes, author: Mailbox) -> bytes:
    """Put *author* in the place of the address; of a list, a group or what is no address nothing is left."""
    found = only_address(body)
    address = str(author).encode("utf-8", "replace")
    if found is None:
        return b" " + address + b"\n"
    return body[: found.start] + address + body[found.end :]


def _completed(body: bytes, host: str) -> bytes:
    """Add ``@`` and *host* to each address without a domain."""
    places = missing_domains(body)
    if not places:
        return body
    pieces, start = [], 0
    for place in places:
        pieces.append(body[start:place])
        start = place
    return f"@{host}".encode().join([*pieces, body[start:]])
