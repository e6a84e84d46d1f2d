"""A name server on a port of loopback, in the event loop of the test.

    async with DnsServer({("1.2.0.192.in-addr.arpa", "PTR"): ["mx.test."]}) as server:
        ...                                    server.port, server.resolv_conf(tmp_path), server.asked

What the zone does not have does not exist.  In place of records there may be a `Trouble`.
An alias is followed.  An answer that is too long for UDP is given over TCP, and one about nothing
but *signed* names is called authentic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

HOST = "127.0.0.1"
TTL = 300
_MAX_UDP_OCTETS = 512
_MAX_ALIASES = 4


class Trouble(Enum):
    """What a name server may do in place of an answer."""

    SERVFAIL = "says that it failed"
    BOGUS = "says that it failed, but to those who do not want signatures checked that there is nothing"
    SILENCE = "says nothing"
    LOSS = "says nothing the first time"
    GARBAGE = "sends octets that are no message"
    FORGERY = "sends an answer with another identifier, and then nothing"
    OTHER_QUESTION = "sends the answer to another question, and then nothing"
    QUESTION = "sends the question back"
    CUT_GARBAGE = "says that the answer is too long for UDP, and over TCP sends octets that are no message"
    CUT_SILENCE = "says so, and over TCP nothing"


Zone = Mapping[tuple[str, str], Sequence[str] | Trouble]


class DnsServer(asyncio.DatagramProtocol):
    """Answers while it is entered."""

    def __init__(self, zone: Zone, signed: Collection[str] = ()) -> None:
        """Know *zone*: name and type to records, as text; names in and below *signed* ones have signatures."""
        self.zone = dict(zone)
        self.signed = signed
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._closed = loop.create_future()
        # TCP first: what is free there hardly anybody has taken for UDP.
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, self.port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        del kind, error, trace
        self._server.close()
        self._transport.close()
        await self._server.wait_closed()
        await self._closed

    @staticmethod
    def resolv_conf(folder: Path, address: str = HOST) -> str:
        """Write a resolv.conf that names *address* alone, and return its path; it cannot tell the port."""
        path = folder / "resolv.conf"
        path.write_text(f"search example.invalid\nnameserver {address}\n", encoding="utf-8")
        return str(path)

    # ------------------------------------------------------------ what the event loop calls

    def connection_lost(self, exc: Exception | None) -> None:
        """Be gone."""
        del exc
        self._closed.set_result(None)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question."""
        answer = self._answer(data, _MAX_UDP_OCTETS)
        if answer is not None:
            self._transport.sendto(answer, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question over TCP."""
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = self._answer(await reader.readexactly(size), 65535) or b""
        writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()
        await writer.wait_closed()

    def _answer(self, octets: bytes, most: int) -> bytes | None:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        found = self.zone.get((name, "CNAME" if (name, "CNAME") in self.zone else kind))
        return self._response(cast("dns.message.QueryMessage", query), found, most)

    def _response(
        self, query: dns.message.QueryMessage, found: Sequence[str] | Trouble | None, most: int
    ) -> bytes | None:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        question = query.question[0]
        match found:
            case Trouble.SILENCE:
                return None
            case Trouble.LOSS if self.asked.count(self.asked[-1]) == 1:
                return None
            case Trouble.GARBAGE:
                return b"\xff" * 9
            case Trouble.QUESTION:
                return query.to_wire()
            case Trouble.CUT_GARBAGE | Trouble.CUT_SILENCE if most > _MAX_UDP_OCTETS:
                return b"\xff" * 9 if found is Trouble.CUT_GARBAGE else None
            case Trouble.CUT_GARBAGE | Trouble.CUT_SILENCE:
                response.flags |= dns.flags.TC
            case Trouble.BOGUS if query.flags & dns.flags.CD:
                pass
            case Trouble.SERVFAIL | Trouble.BOGUS:
                response.set_rcode(dns.rcode.SERVFAIL)
            case Trouble.OTHER_QUESTION:
                other = dns.name.from_text("other.test")
                response.question[0] = dns.rrset.RRset(other, question.rdclass, question.rdtype)
                response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "A", "192.0.2.66"))
            case Trouble.FORGERY:
                response.id ^= 1
                response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "A", "192.0.2.66"))
            case _:
                self._find(response, question.name, dns.rdatatype.to_text(question.rdtype))
        try:
            return response.to_wire(max_size=most)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()

    def _find(self, response: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        """Answer with what *name* has, or with what it is an alias for."""
        is_signed = True
        for _ in range(_MAX_ALIASES):
            text = name.to_text(omit_final_dot=True).lower()
            is_signed = is_signed and any(text == each or text.endswith(f".{each}") for each in self.signed)
            alias, found = self.zone.get((text, "CNAME")), self.zone.get((text, kind))
            if isinstance(alias, Trouble) or isinstance(found, Trouble) or not (alias or found):
                break
            written = kind if found else "CNAME"
            response.answer.append(_records(name, written, found or alias or ()))
            if found:
                break
            name = dns.name.from_text((alias or ())[0])
        if not response.answer and text not in {each for each, _ in self.zone}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if is_signed:
            response.flags |= dns.flags.AD


def _records(name: dns.name.Name, kind: str, texts: Sequence[str]) -> dns.rrset.RRset:
    """Return the records *texts*; what stands behind ``RAW`` is spelt in hexadecimal, and need not be right."""
    rdtype = dns.rdatatype.from_text(kind)
    if texts[0].startswith("RAW"):
        octets = [bytes.fromhex(text.removeprefix("RAW")) for text in texts]
        return dns.rrset.from_rdata(
            name, TTL, *(dns.rdata.GenericRdata(dns.rdataclass.IN, rdtype, each) for each in octets)
        )
    return dns.rrset.from_text(name, TTL, "IN", kind, *texts)
