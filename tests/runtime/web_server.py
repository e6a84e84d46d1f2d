r"""A web server that answers every request with the same octets, over TLS, in the event loop of the test.

    async with WebServer(context, answer(POLICY)) as server:
        ...                                    server.port, server.requests

In place of octets there may be a `Trouble`.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"


class Trouble(Enum):
    """What a web server may do in place of an answer."""

    SILENCE = "says nothing"
    END = "closes the connection"
    ENDLESS_BODY = "sends a body without end"
    ENDLESS_HEADER = "sends header fields without end"
    ENDLESS_HINTS = "sends answers that are none yet, without end"
    CUT_BODY = "sends less than it has announced"


_FIRST = {
    Trouble.ENDLESS_BODY: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
    Trouble.ENDLESS_HEADER: b"HTTP/1.1 200 OK\r\n",
    Trouble.CUT_BODY: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 999\r\n\r\nversion: STSv1\n",
}
_FOREVER = {
    Trouble.ENDLESS_BODY: b"mx: mx.test\n",
    Trouble.ENDLESS_HEADER: b"X-More: and more\r\n",
    Trouble.ENDLESS_HINTS: b"HTTP/1.1 103 Early Hints\r\n\r\n",
}


def answer(body: str, *, status: str = "200 OK", media_type: str = "text/plain", more: str = "") -> bytes:
    """Write an answer with *body*; *more* are header fields."""
    octets = body.encode()
    header = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(octets)}\r\n{more}\r\n"
    return header.encode() + octets


class WebServer:
    """Serves while it is entered."""

    def __init__(self, context: ssl.SSLContext, said: bytes | Trouble, address: str = HOST, port: int = 0) -> None:
        """Answer as *said*, which may be changed at any time."""
        self._context = context
        self._address = address
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = asyncio.Event()
        self.said = said
        self.port = port
        self.requests: list[str] = []
        """The first line, and the host, of each."""

    async def hear(self, count: int) -> None:
        """Wait until there were *count* requests."""
        while len(self.requests) < count:
            self._heard.clear()
            await self._heard.wait()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self._address, self.port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection, and listen no more."""
        # Begun before the end: once a server is closed, Python 3.11 does not wait for handshakes that are under way.
        closed = asyncio.ensure_future(self._server.wait_closed())
        await asyncio.sleep(0)
        self._server.close()
        # Whoever was accepted last gets as far as a transport, which is waited for.
        await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await closed

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "streams are served by tasks"
        self._tasks.add(task)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
            host = next(line for line in request if line.lower().startswith("host:"))
            self.requests.append(f"{request[0]} {host}")
            self._heard.set()
            await self._say(reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.said, bytes):
            writer.write(self.said)
            await writer.drain()
            return
        writer.write(_FIRST.get(self.said, b""))
        if self.said is Trouble.SILENCE:
            await reader.read()
        while self.said in _FOREVER:
            writer.write(_FOREVER[self.said] * 100)
            await writer.drain()
