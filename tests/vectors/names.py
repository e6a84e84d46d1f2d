"""The DNS of a vector, played by the harness: a zone in a few words, over UDP and TCP.

    remote.test MX 10 a.remote.test; a.remote.test A 127.0.0.1     records; a name holds until the next one
    remote.test MX SERVFAIL                                        instead of an answer; NXDOMAIN and NODATA too
    remote.test MX 1000 records                                    so many, each with a host of its own
    _25._tcp.a.remote.test TLSA (0, 2 and 3 bytes long)            records that are too short

What the zone does not have does not exist.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import NamedTuple, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_TYPE = r"MX|A|AAAA|CNAME|TLSA|TXT"
_STATEMENT = re.compile(rf"(?:(?P<name>\S+) +(?=(?:{_TYPE}) ))?(?:(?P<type>{_TYPE}) +)?(?P<rest>.+)")
_SEVERAL_TYPES = re.compile(rf"(?:^| )({_TYPE}) +(SERVFAIL|NXDOMAIN|NODATA)")
_MANY = re.compile(r"([0-9]+) records")
_LENGTHS = re.compile(r"\((.*) bytes long\)")
_REMARK = re.compile(r" *\(down\)$")
_UDP_OCTETS = 1232
_TTL = 60


class ZoneError(Exception):
    """A zone that nobody understands; the text says which part."""


class Answer(NamedTuple):
    """What is known of a name and a type: records in the text of master files, raw ones, or an error."""

    texts: tuple[str, ...] = ()
    raw: tuple[bytes, ...] = ()
    code: str = "NOERROR"


class Zone:
    """Names and types with what is answered to them."""

    def __init__(self, text: str) -> None:
        """Read *text*.

        Raises:
            ZoneError: It is not as above.
        """
        self.answers: dict[tuple[str, str], Answer] = {}
        name = kind = ""
        for statement in filter(None, (each.strip() for each in text.split(";"))):
            found = _STATEMENT.fullmatch(_REMARK.sub("", statement))
            if found is None:
                raise ZoneError(statement)
            name, kind = (found["name"] or name).rstrip(".").lower(), found["type"] or kind
            if not name or not kind:
                raise ZoneError(statement)
            self._add(name, kind, found["rest"])

    def _add(self, name: str, kind: str, rest: str) -> None:
        if several := _SEVERAL_TYPES.findall(f"{kind} {rest}"):
            for each, code in several:
                self.answers[name, each] = Answer(code=code)
        elif many := _MANY.fullmatch(rest):
            hosts = [f"h{number}.{name}." for number in range(int(many[1]))]
            self.answers[name, kind] = Answer(tuple(f"{10 + at} {host}" for at, host in enumerate(hosts)))
        elif lengths := _LENGTHS.fullmatch(rest):
            self.answers[name, kind] = Answer(raw=tuple(bytes(int(each)) for each in re.findall("[0-9]+", lengths[1])))
        else:
            known = self.answers.get((name, kind), Answer())
            absolute = rest if kind in ("A", "AAAA", "TLSA", "TXT") else f"{rest.removesuffix('.')}."
            self.answers[name, kind] = known._replace(texts=(*known.texts, absolute))

    def reply(self, query: dns.message.Message) -> dns.message.Message:
        """Answer *query*."""
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        answer = self.answers.get((name, kind)) or self.answers.get((name, "CNAME"))
        if answer is None:
            exists = any(each == name or each.endswith(f".{name}") for each, _ in self.answers)
            reply.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        elif answer.code != "NOERROR":
            reply.set_rcode(dns.rcode.NOERROR if answer.code == "NODATA" else dns.rcode.from_text(answer.code))
        else:
            written = kind if (name, kind) in self.answers else "CNAME"
            reply.answer.append(_records(question.name, written, answer))
        return reply


def _records(name: dns.name.Name, kind: str, answer: Answer) -> dns.rrset.RRset:
    rdtype = dns.rdatatype.from_text(kind)
    if answer.texts:
        return dns.rrset.from_text_list(name, _TTL, dns.rdataclass.IN, rdtype, list(answer.texts))
    found = [dns.rdata.GenericRdata(dns.rdataclass.IN, rdtype, octets) for octets in answer.raw]
    return dns.rrset.from_rdata_list(name, _TTL, found)


class Names(asyncio.DatagramProtocol):
    """A name server that remembers what it was asked."""

    def __init__(self, zone: Zone) -> None:
        """Answer by *zone*."""
        self.queries: list[tuple[str, str]] = []
        self._zone = zone

    async def start(self, address: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: That is not allowed here.
        """
        loop = asyncio.get_running_loop()
        self._stream = await asyncio.start_server(self._serve, address, port)
        self.port = self._stream.sockets[0].getsockname()[1]
        await loop.create_datagram_endpoint(lambda: self, (address, self.port))

    async def stop(self) -> None:
        """Listen no more."""
        self._stream.close()
        await self._stream.wait_closed()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question over UDP; what is too long is to be asked for over TCP."""
        with suppress(dns.exception.DNSException):
            reply = self._answer(data)
            try:
                octets = reply.to_wire(max_size=_UDP_OCTETS)
            except dns.exception.TooBig:
                reply.answer.clear()
                reply.flags |= dns.flags.TC
                octets = reply.to_wire()
            self._transport.sendto(octets, addr)

    def _answer(self, octets: bytes) -> dns.message.Message:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        self.queries.append((question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)))
        return self._zone.reply(query)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                octets = self._answer(await reader.readexactly(size)).to_wire()
                writer.write(len(octets).to_bytes(2, "big") + octets)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, dns.exception.DNSException):
            # The client has no more questions.
            pass
        finally:
            writer.transport.abort()
