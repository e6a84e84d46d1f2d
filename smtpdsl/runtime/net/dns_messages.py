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
import dns.reversename


class Kind(IntEnum):
    """Types of records (RFC 1035 §3.2.2, RFC 3596 §2.1)."""

    A = 1
    CNAME = 5
    PTR = 12
    MX = 15
    AAAA = 28


# RFC 1035 §4.1.1: the identifier, two octets of flags, and four counts.
_HEADER = struct.Struct("!HHHHHH")
_IS_ANSWER, _IS_CUT, _CODE = 0x8000, 0x0200, 0x000F
# RFC 1035 §4.1.3: what stands between the owner of a record and its data.
_FIXED = struct.Struct("!HHIH")
# Of one answer.  A name of 127 labels takes a third of a millisecond.
# Exchangers come unsorted, and the best may be the last.
_MAX_RECORDS = 16
_MAX_EXCHANGERS = 64
_MAX_ALIASES = 8

NOERROR, NXDOMAIN = 0, 3


class Answer(NamedTuple):
    """What a server says: a code, and what the records of the name hold, for how many seconds.

    One that *is_cut* did not fit into a datagram.
    """

    code: int
    is_cut: bool
    values: tuple[str, ...] = ()
    seconds: float = 0.0


class _Record(NamedTuple):
    owner: dns.name.Name
    kind: int
    seconds: int
    data: bytes
    start: int


def reverse_name(address: str) -> str:
    """Return the name under which *address* has its names."""
    return dns.reversename.from_address(address).to_text()


def question_of(name: str, kind: Kind) -> bytes:
    """Ask for the records of one *kind* that *name* has; the identifier is random."""
    return dns.message.make_query(dns.name.from_text(name), kind.name).to_wire()


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
        values, seconds = _resolve(octets, records, name, kind)
    except (struct.error, ValueError, dns.exception.DNSException):
        return None
    return Answer(flags & _CODE, bool(flags & _IS_CUT), values, seconds)


def _records(octets: bytes, position: int, count: int) -> Iterator[_Record]:
    """Yield the first *count* records."""
    for _ in range(count):
        owner, used = dns.name.from_wire(octets, position)
        kind, _, seconds, size = _FIXED.unpack_from(octets, position + used)
        start = position + used + _FIXED.size
        position = start + size
        yield _Record(owner, kind, seconds, octets[start:position], start)


def _resolve(octets: bytes, records: list[_Record], name: dns.name.Name, kind: Kind) -> tuple[tuple[str, ...], float]:
    """Return what *name* has, which may be an alias (RFC 1034 §3.6.2), and for how long that holds."""
    seconds: list[int] = []
    for _ in range(_MAX_ALIASES):
        found = [each for each in records if each.kind == kind and each.owner == name]
        aliases = [each for each in records if each.kind == Kind.CNAME and each.owner == name]
        seconds += [each.seconds for each in found or aliases[:1]]
        if found or not aliases:
            return tuple(_text(octets, each) for each in found), min(seconds, default=0)
        name, _ = dns.name.from_wire(octets, aliases[0].start)
    return (), 0


def _text(octets: bytes, record: _Record) -> str:
    """Return an address, or a name without its final dot; before that of an exchanger stands its preference."""
    match record.kind:
        case Kind.A:
            return socket.inet_ntop(socket.AF_INET, record.data)
        case Kind.AAAA:
            return socket.inet_ntop(socket.AF_INET6, record.data)
        case Kind.MX:
            # RFC 1035 §3.3.9: two octets of preference, and a name.
            return f"{int.from_bytes(record.data[:2], 'big')} {_name_at(octets, record.start + 2)}"
    return _name_at(octets, record.start)


def _name_at(octets: bytes, start: int) -> str:
    return dns.name.from_wire(octets, start)[0].to_text(omit_final_dot=True)
