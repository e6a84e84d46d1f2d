"""A name server on a port of loopback, in the event loop of the test.

    async with DnsServer({("1.2.0.192.in-addr.arpa", "PTR"): ["mx.test."]}) as server:
        ...                                    server.port, server.resolv_conf(tmp_path), server.asked

What the zone does not have does not exist.  In place of records there may be a `Trouble`.
An answer that is too long for UDP is given over TCP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

HOST = "127.0.0.1"
TTL = 300
_MAX_UDP_OCTETS = 512


class Trouble(Enum):
    """What a name server may do in place of an answer."""

    SERVFAIL = "says that it failed"
    SILENCE = "says nothing"
    GARBAGE = "sends octets that are no message"
    FORGERY = "sends the answer to another question, and then nothing"


Zone = Mapping[tuple[str, str], Sequence[str] | Trouble]


class DnsServer(asyncio.DatagramProtocol):
    """Answers while it is entered."""

    def __init__(self, zone: Zone) -> None:
        """Know *zone*: name and type to records, as text."""
        self.zone = dict(zone)
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
        return self._response(cast("dns.message.QueryMessage", query), self.zone.get((name, kind)), most)

    def _response(
        self, query: dns.message.QueryMessage, found: Sequence[str] | Trouble | None, most: int
    ) -> bytes | None:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        question = query.question[0]
        match found:
            case Trouble.SILENCE:
                return None
            case Trouble.GARBAGE:
                return b"\xff" * 9
            case Trouble.SERVFAIL:
                response.set_rcode(dns.rcode.SERVFAIL)
            case Trouble.FORGERY:
                response.id ^= 1
                response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "A", "192.0.2.66"))
            case None:
                names = {name for name, _ in self.zone}
                if question.name.to_text(omit_final_dot=True).lower() not in names:
                    response.set_rcode(dns.rcode.NXDOMAIN)
            case _ if found:
                response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", question.rdtype, *found))
        try:
            return response.to_wire(max_size=most)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()
