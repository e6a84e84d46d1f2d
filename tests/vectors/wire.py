"""A connection to the server under test: octets and TLS outside, replies inside.

    send ──▶ (TLS) ──▶ socket          replies ◀── ReplyReader ◀── (TLS) ◀── socket

The TLS is our own over two buffers, so that it can be begun late, cut octet by octet and ended
by hand.  Each run has a source address of its own (127.x.y.z), by which logs and messages are
told apart.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from typing import cast

from tests.vectors.replies import ReplyReader
from tests.vectors.tls_client import TlsClient

HOST = "127.0.0.1"
_CONNECT_SECONDS = 10.0
# States of a connection, from <netinet/tcp.h>.
_TCP_CLOSE, _TCP_CLOSE_WAIT = 7, 8
_BLOCK_OCTETS = 64 * 1024


class Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        """Wait for the connection."""
        self.reader = ReplyReader()
        self.closed = asyncio.Event()
        self.heard_at = 0.0
        self.tls: TlsClient | None = None
        self.sent: list[bytes] = [b""]
        """What was said, in the clear; a new item begins with each handshake."""
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def connect(cls, port: int, source: str) -> Wire:
        """Connect to *port* from *source*.

        Raises:
            OSError: There is no connection.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, wire = await loop.create_connection(cls, HOST, port, local_addr=(source, 0))
        return wire

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()

    def data_received(self, octets: bytes) -> None:
        """Take what the server says."""
        self.heard_at = self._loop.time()
        if self.tls is not None:
            octets = self.tls.receive(octets)
            self._flush()
        self.reader.receive(octets, over_tls=self.tls is not None)
        self._tell()

    def pause_writing(self) -> None:
        """Wait: the server takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        del exc
        self._read_what_is_left()
        self.closed.set()
        self._writable.set()
        self._tell()

    def _read_what_is_left(self) -> None:
        """Read what was said before a reset that was noticed in writing."""
        descriptor = self.transport.get_extra_info("socket").fileno()
        with suppress(OSError):
            while descriptor >= 0 and (octets := os.read(descriptor, _BLOCK_OCTETS)):
                self.data_received(octets)

    def _tell(self) -> None:
        self._news.set()

    def _flush(self) -> None:
        if self.tls is not None and (octets := self.tls.data_to_send()) and not self.transport.is_closing():
            self.transport.write(octets)

    # ------------------------------------------------------------ for the player

    @property
    def codes(self) -> list[str]:
        """The codes of all replies so far."""
        return [reply.code for reply in self.reader.replies]

    @property
    def is_closed(self) -> bool:
        """Whether the server has ended the connection."""
        return self.closed.is_set() or self.transport.is_closing()

    @property
    def was_ended(self) -> bool:
        """Whether the server has ended its side, also if nothing is read here."""
        if self.is_closed:
            return True
        bare = cast("socket.socket", self.transport.get_extra_info("socket"))
        return bare.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (_TCP_CLOSE, _TCP_CLOSE_WAIT)

    async def send(self, octets: bytes) -> None:
        """Write *octets* as soon as there is room; nothing if the connection is over."""
        if self.is_closed:
            return
        self.sent[-1] += octets
        if self.tls is None:
            self.transport.write(octets)
        else:
            self.tls.send(octets)
            self._flush()
        await self._writable.wait()

    async def news(self, seconds: float) -> bool:
        """Wait until something was heard or the connection is over, at most *seconds*; whether it was in time."""
        self._news.clear()
        if self.closed.is_set():
            return True
        return await within(self._news, seconds)

    async def handshake(self, tls: TlsClient, seconds: float) -> str:
        """Begin TLS; return why it did not come about, or nothing."""
        self.tls = tls
        self.sent.append(b"")
        tls.begin()
        self._flush()
        deadline = self._loop.time() + seconds
        while not tls.is_established and not tls.problem:
            if self.is_closed:
                return "the connection was closed"
            if not await self.news(deadline - self._loop.time()):
                return f"no handshake within {seconds:g} seconds"
        return tls.problem

    def end_tls(self) -> None:
        """Send close_notify."""
        if self.tls is not None:
            self.tls.close()
            self._flush()

    def half_close(self) -> None:
        """End our side."""
        if not self.is_closed:
            self.transport.write_eof()

    def reset(self) -> None:
        """End the connection as a crash would."""
        bare = cast("socket.socket", self.transport.get_extra_info("socket"))
        if not self.is_closed:
            # Linger for no time at all: the kernel sends RST instead of FIN.
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def leave(self) -> None:
        """End the connection, and wait until it has ended."""
        self.transport.abort()
        await self.closed.wait()
        self.reader.finish()


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for *event*, at most *seconds*; whether it came."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return False
    return True
