"""The DNS, as the servers of resolv.conf tell it.

    192.0.2.1                  ──names──────▶  Records(("mx.example",), seconds=3600)
    mx.example, IPv4           ──addresses──▶  Records(("192.0.2.1",), seconds=300)
    example.com                ──exchangers──▶ Records(("10 mx.example",), seconds=3600)
    what does not exist        ────────────▶  Records((), seconds=60, exists=False)

Unlike `net.resolver` this holds no thread while it waits, and says for how long an answer
is good; it knows neither the file of hosts nor the search list.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from smtpdsl.runtime.net.changing_file import ChangingFile
from smtpdsl.runtime.net.dns_messages import NOERROR, NXDOMAIN, Answer, Kind, question_of, read_answer, reverse_name
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.resolver import ResolveError

RESOLV_CONF = "/etc/resolv.conf"
DNS_PORT = 53

# resolv.conf(5): where no server is named, it is this machine.
_THIS_MACHINE = "127.0.0.1"
# A server that is silent leaves time for the next one: who asks waits for some seconds in all.
_SECONDS_PER_SERVER = 1.0
# Datagrams get lost.
_ROUNDS = 2


class Records(NamedTuple):
    """What there is of one name and one type, and for how many *seconds* that holds; nothing is an answer too.

    A name that *exists* may have nothing of that type.
    """

    values: tuple[str, ...]
    seconds: float
    exists: bool = True


# Longer than a client that is refused waits before it tries again is no use to anybody.
_NOTHING = Records((), 60.0)


class NameServers:
    """Asks the name servers of this system; for how long is the affair of who asks."""

    def __init__(self, resolv_conf: str = RESOLV_CONF, port: int = DNS_PORT) -> None:
        """Ask the servers that the file *resolv_conf* names, and those that it names when it has changed."""
        self._file = ChangingFile(resolv_conf)
        self._servers = [_THIS_MACHINE]
        self._port = port

    async def names(self, address: str) -> Records:
        """Return what the reverse zone has for *address*, which has no brackets; strangers write there what they like.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(reverse_name(address), Kind.PTR)

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Return the addresses of one family that *host* has.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(host, Kind.AAAA if is_ipv6 else Kind.A)

    async def exchangers(self, domain: str) -> Records:
        """Return the mail exchangers of *domain*: preference, a blank, and a host; unsorted.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(domain, Kind.MX)

    async def _ask(self, name: str, kind: Kind) -> Records:
        text = self._file.news()
        if text is not None:
            self._servers = servers_of(text) or [_THIS_MACHINE]
        for server in self._servers * _ROUNDS:
            # Another one for each server: who has seen one cannot answer the next.
            answer = await self._answer(server, question_of(name, kind))
            if answer is not None and answer.code in {NOERROR, NXDOMAIN}:
                if answer.values:
                    return Records(answer.values, answer.seconds)
                return _NOTHING._replace(exists=answer.code == NOERROR)
        raise ResolveError(name)

    async def _answer(self, server: str, question: bytes) -> Answer | None:
        """Ask one server, and do not wait for long; None if it has no answer."""
        try:
            async with asyncio.timeout(_SECONDS_PER_SERVER):
                answer = await _over_udp(server, self._port, question)
                return await _over_tcp(server, self._port, question) if answer.is_cut else answer
        except (OSError, EOFError):
            return None


def servers_of(resolv_conf: str) -> list[str]:
    """Return the addresses that the lines ``nameserver ADDRESS`` of a resolv.conf have."""
    lines = (line.split() for line in resolv_conf.splitlines() if line.startswith("nameserver"))
    named = [words[1] for words in lines if len(words) > 1]
    return [each for each in named if IpAddress.parse(each.partition("%")[0]) is not None]


# ---------------------------------------------------------------- transports


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the answer to one question."""

    def __init__(self, question: bytes) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._question = question

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        answer = read_answer(data, self._question)
        if answer is not None and not self.answer.done():
            self.answer.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _over_udp(server: str, port: int, question: bytes) -> Answer:
    loop = asyncio.get_running_loop()
    # Connected: the system takes nothing from others, and tells if nobody listens.
    transport, datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(question), remote_addr=(server, port))
    try:
        transport.sendto(question)
        return await datagrams.answer
    finally:
        transport.abort()


async def _over_tcp(server: str, port: int, question: bytes) -> Answer | None:
    reader, writer = await asyncio.open_connection(server, port)
    try:
        # RFC 1035 §4.2.2: two octets before a message are its length.
        writer.write(len(question).to_bytes(2, "big") + question)
        size = int.from_bytes(await reader.readexactly(2), "big")
        return read_answer(await reader.readexactly(size), question)
    finally:
        writer.transport.abort()
