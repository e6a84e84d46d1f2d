"""One question to one name server: over UDP, and over TCP where the answer is too long for that.

    question ──UDP──▶ server ──▶ Answer
                        └─ "cut" ──TCP──▶ Answer

Octets that are no answer to this very question are not there: whoever sends them wants to be
taken for the server.
"""

from __future__ import annotations

import asyncio

from smtpdsl.runtime.net.dns_messages import Answer, read_answer


async def answer_of(server: str, port: int, question: bytes, seconds: float) -> Answer | None:
    """Return what *server* says to *question*; None if it says nothing within *seconds*, or nothing to it."""
    try:
        async with asyncio.timeout(seconds):
            answer = await _over_udp(server, port, question)
            return await _over_tcp(server, port, question) if answer.is_cut else answer
    except (OSError, EOFError):
        return None


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
