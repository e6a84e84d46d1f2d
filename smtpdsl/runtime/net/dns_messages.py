"""Questions to the DNS and their answers, as octets (RFC 1035 §4).

    question_of("mx.example", Kind.A)        header, and one question
    read_answer(octets, question)            Answer(code=0, values=("192.0.2.1",), seconds=300)

Strangers choose what stands in an answer, also how long it takes to read.  So only the
first few records are looked at, and none is made a value that nobody asked for.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.reversename


class Kind(IntEnum):
    """Types of records (RFC 1035 §3.2.2, RFC 3596 §2.1, RFC 6698 §7.1)."""

    A = 1
    CNAME = 5
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    TLSA = 52


# RFC 1035 §4.1.1: the identifier, two octets of flags, and four counts.
_HEADER = struct.Struct("!HHHHHH")
_IS_ANSWER, _IS_CUT, _CODE = 0x8000, 0x0200, 0x000F
# RFC 4035 §3.2: what a validating server has proven, and what it is not to look at.
_IS_AUTHENTIC, _IS_UNCHECKED = 0x0020, 0x0010
# RFC 1035 §4.1.3: what stands between the owner of a record and its data.
_FIXED = struct.Struct("!HHIH")
# Of one answer.  A name of 127 labels takes a third of a millisecond.
# Exchangers come unsorted, and the best may be the last.
_MAX_RECORDS = 16
_MAX_EXCHANGERS = 64
_MAX_ALIASES = 8
# RFC 6698 §7: for private use in each of the three numbers, so nobody here knows what it means.
_UNKNOWN_TLSA = 255

NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


class Answer(NamedTuple):
    """What a server says: a code, and what the records of the name hold, for how many seconds.

    One that *is_cut* did not fit into a datagram.  One that *is_authentic* has been proven, all of
    it, says the server.  Where the name is an alias, *target* is what it stands for in the end.
    """

    code: int
    is_cut: bool
    values: tuple[str, ...] = ()
    seconds: float = 0.0
    is_authentic: bool = False
    target: str = ""


class _Record(NamedTuple):
    owner: dns.name.Name
    kind: int
    seconds: int
    data: bytes
    start: int


def reverse_name(address: str) -> str:
    """Return the name under which *address* has its names."""
    return dns.reversename.from_address(address).to_text()


def code_name(code: int) -> str:
    """Return what the RFCs call *code*, such as SERVFAIL."""
    return dns.rcode.to_text(dns.rcode.Rcode.make(code))


def fits(name: str) -> bool:
    """Whether the DNS can have *name*, which strangers may have made too long."""
    try:
        dns.name.from_text(name)
    except dns.exception.DNSException:
        return False
    return True


def question_of(name: str, kind: Kind, *, is_unchecked: bool = False) -> bytes:
    """Ask for the records of one *kind* that *name* has; the identifier is random.

    With *is_unchecked* they are wanted though their signatures may be wrong.
    """
    query = dns.message.make_query(dns.name.from_text(name), kind.name)
    # RFC 6840 §5.7: who wants to hear that they are right says so.  That needs none of EDNS, and the
    # answers stay short: the signatures themselves are no use to anybody here.
    query.flags |= _IS_UNCHECKED if is_unchecked else _IS_AUTHENTIC
    return query.to_wire()


def read_answer(octets: bytes, question: bytes) -> Answer | None:
    """Return what *octets* say to *question*; None if they are not an answer to it, or none at all."""
    size = len(question)
    if len(octets) < size or octets[:2] != question[:2] or octets[12:size].lower() != question[12:].lower():
        return None
    _, flags, questions, count, _, _ = _HEADER.unpack_from(octets)
    if not flags & _IS_ANSWER or questions != 1:
        return None
    try:
        name, _ = dns.name.from_wire(octets, _HEADER.size)
        kind = Kind(int.from_bytes(question[-4:-2], "big"))
        records = list(_records(octets, size, min(count, _MAX_EXCHANGERS if kind is Kind.MX else _MAX_RECORDS)))
        values, seconds, target = _resolve(octets, records, name, kind)
    except (struct.error, ValueError, dns.exception.DNSException):
        return None
    return Answer(
        flags & _CODE,
        is_cut=bool(flags & _IS_CUT),
        values=values,
        seconds=seconds,
        is_authentic=bool(flags & _IS_AUTHENTIC),
        target=target,
    )


def _records(octets: bytes, position: int, count: int) -> Iterator[_Record]:
    """Yield the first *count* records."""
    for _ in range(count):
        owner, used = dns.name.from_wire(octets, position)
        kind, _, seconds, size = _FIXED.unpack_from(octets, position + used)
        start = position + used + _FIXED.size
        position = start + size
        yield _Record(owner, kind, seconds, octets[start:position], start)


def _resolve(
    octets: bytes, records: list[_Record], name: dns.name.Name, kind: Kind
) -> tuple[tuple[str, ...], float, str]:
    """Return what *name* has, for how long that holds, and what it is an alias for (RFC 1034 §3.6.2)."""
    seconds: list[int] = []
    target = ""
    for _ in range(_MAX_ALIASES):
        found = [each for each in records if each.kind == kind and each.owner == name]
        aliases = [each for each in records if each.kind == Kind.CNAME and each.owner == name]
        seconds += [each.seconds for each in found or aliases[:1]]
        if found or not aliases:
            return tuple(_text(octets, each) for each in found), min(seconds, default=0), target
        name, _ = dns.name.from_wire(octets, aliases[0].start)
        target = name.to_text(omit_final_dot=True)
    return (), 0, ""


def _text(octets: bytes, record: _Record) -> str:
    """Return what a zone would have: an address, a name without its final dot, numbers, hexadecimal digits."""
    match record.kind:
        case Kind.A:
            return socket.inet_ntop(socket.AF_INET, record.data)
        case Kind.AAAA:
            return socket.inet_ntop(socket.AF_INET6, record.data)
        case Kind.MX:
            # RFC 1035 §3.3.9: two octets of preference, and a name.
            return f"{int.from_bytes(record.data[:2], 'big')} {_name_at(octets, record.start + 2)}"
        case Kind.TXT:
            return _joined(record.data)
        case Kind.TLSA:
            # RFC 6698 §2.1: three octets, and what a certificate is compared with.  One that is too short is
            # a record all the same, of a host that wants to be verified.
            usage, selector, matching = (*record.data[:3], *[_UNKNOWN_TLSA] * 3)[:3]
            return f"{usage} {selector} {matching} {record.data[3:].hex()}"
    return _name_at(octets, record.start)


def _name_at(octets: bytes, start: int) -> str:
    return dns.name.from_wire(octets, start)[0].to_text(omit_final_dot=True)


def _joined(data: bytes) -> str:
    """Put the strings of a TXT record together (RFC 1035 §3.3.14); what is beyond ASCII is left to who reads them."""
    text, position = b"", 0
    while position < len(data):
        end = position + 1 + data[position]
        text += data[position + 1 : end]
        position = end
    return text.decode("latin-1")
