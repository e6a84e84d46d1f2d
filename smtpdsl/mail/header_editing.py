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
from itertools import islice
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.header_addresses import COMPLETE, MAX_ELEMENTS, MAX_OCTETS, missing_domains, only_address
from smtpdsl.mail.trace import date_time

# Blanks before the colon are obsolete, and mean nothing (RFC 5322 §4.5).
_COLON = rb"[ \t]*+:"
_BODY = rb"[^\n]*+(?>(?:\n[ \t][^\n]*+)*)"
# Fields with their continuations.  They are searched by the regex engine alone: a header of nothing but tiny fields
# would take Python long, and others wait meanwhile.  Each begins with the end of the line before it, and not with
# `^`: the engine leaps from one octet that it knows to the next.
_NAME = rb"\n(from|sender|reply-to|to|cc)" + _COLON
_OF_ADDRESSES = re.compile(_NAME + b"(" + _BODY + b")", re.IGNORECASE)
# Most messages have none of those that are not complete.
_UNUSUAL = re.compile(_NAME + rb"(?!" + COMPLETE + rb"(?<=\n))", re.IGNORECASE)
_FROM = re.compile(rb"\nfrom" + _COLON + _BODY, re.IGNORECASE)
_BCC = re.compile(rb"\nbcc" + _COLON + _BODY, re.IGNORECASE)
_DATE = re.compile(rb"\ndate" + _COLON, re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"\nmessage-id" + _COLON, re.IGNORECASE)
# RFC 5322 §3.6 has each of them once; beyond so many fields of addresses no more are completed.
_MAX_FIELDS = 100


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
    lines = _with_addresses(_BCC.sub(b"", b"\n" + header), edits)
    if _DATE.search(lines) is None:
        lines += f"Date: {date_time(edits.moment)}\n".encode()
    if _MESSAGE_ID.search(lines) is None:
        lines += f"Message-ID: <{secrets.token_hex(8)}@{edits.host}>\n".encode()
    return lines[1:]


def _with_addresses(lines: bytes, edits: HeaderEdits) -> bytes:
    """Edit the fields of addresses in *lines*; of all of them together no more is read than of one list."""
    if edits.author is None and _UNUSUAL.search(lines) is None:
        return lines
    pieces, start = [], 0
    elements, octets = MAX_ELEMENTS, MAX_OCTETS
    for field in islice(_OF_ADDRESSES.finditer(lines), _MAX_FIELDS):
        body = field[2]
        wanted = body.count(b",") + 1
        is_read = wanted <= elements and len(body) <= octets
        author = edits.author if field[1].lower() == b"from" else None
        if author is not None:
            body = _with_author(body if is_read else b"", author)
        pieces += [lines[start : field.start(2)], _completed(body, edits.host) if is_read else body]
        start = field.end()
        if is_read:
            elements -= wanted
            octets -= len(field[2])
    rest = lines[start:]
    if edits.author is not None:
        # However many there are, no other address stays.
        plain = b"\nFrom: " + _octets(edits.author)
        rest = _FROM.sub(plain.replace(b"\\", b"\\\\"), rest)
    return b"".join([*pieces, rest])


def _octets(author: Mailbox) -> bytes:
    return str(author).encode("utf-8", "replace")


def _with_author(body: bytes, author: Mailbox) -> bytes:
    """Put *author* in the place of the address; of a list, a group or what is no address nothing is left."""
    found = only_address(body)
    address = _octets(author)
    if found is None:
        return b" " + address
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
