"""A small server on the TLS layer, for tests: it says lines back in capital letters.

    S: 220 hello                        with TLS from the start, this is secured already
    C: starttls        S: 220 go        and here TLS begins
    C: some words      S: SOME WORDS
    C: quit            S: QUIT          and it ends the connection

What happens to each connection is written down; a test waits for it instead of sleeping.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from smtpdsl.runtime.net.tls import TlsError, TlsLayer
from smtpdsl.runtime.net.tls_facts import TlsFacts

Context = Callable[[], ssl.SSLContext]


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: TlsServer) -> None:
        """Serve a client of *server*."""
        self._server = server
        self._layer: TlsLayer | None = None
        self._heard = b""
        self.facts: TlsFacts | None = None
        self.error = ""
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or wait for the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        if self._server.is_immediate:
            self._layer = TlsLayer(self._server.context())
        else:
            self._say(b"220 hello\r\n")

    def data_received(self, octets: bytes) -> None:
        """Answer lines."""
        if self._layer is None:
            self._heard += octets
        else:
            self._decipher(self._layer, octets)
        while b"\n" in self._heard and not self._transport.is_closing():
            line, _, self._heard = self._heard.partition(b"\n")
            self._answer(line.strip())

    def eof_received(self) -> None:
        """Look whether the client has said so."""
        if self._layer is not None:
            self._watch(self._layer.receive_eof)

    def connection_lost(self, exc: Exception | None) -> None:
        """Write down how it ended."""
        if isinstance(exc, ConnectionError) and not self.error:
            self.error = "reset"
        self.has_ended = self._layer is not None and self._layer.has_ended
        self._server.over.put_nowait(self)

    def _decipher(self, layer: TlsLayer, octets: bytes) -> None:
        self._watch(lambda: self._take(layer, octets))
        self._transport.write(layer.data_to_send())
        if layer.failure is not None:
            self.error = str(layer.failure)
            self._transport.close()
        elif layer.has_ended:
            self._transport.close()

    def _take(self, layer: TlsLayer, octets: bytes) -> None:
        self._heard += layer.receive(octets)
        if layer.is_established and self.facts is None:
            self.facts = layer.facts
            if self._server.is_immediate:
                self._say(b"220 hello\r\n")

    def _watch(self, act: Callable[[], None]) -> None:
        try:
            act()
        except TlsError as error:
            self.error = str(error)

    def _answer(self, line: bytes) -> None:
        if line == b"starttls" and self._layer is None:
            self._say(b"220 go\r\n")
            # What came with it in the clear is nobody's.
            self._heard = b""
            self._layer = TlsLayer(self._server.context())
            return
        self._say(line.upper() + b"\r\n")
        if line == b"quit":
            if self._layer is not None:
                self._layer.close()
                self._transport.write(self._layer.data_to_send())
            self._transport.close()

    def _say(self, octets: bytes) -> None:
        if self._layer is not None:
            self._layer.send(octets)
            octets = self._layer.data_to_send()
        self._transport.write(octets)


class TlsServer:
    """Where to connect to, and what became of those who did."""

    def __init__(self, context: Context, *, is_immediate: bool) -> None:
        """Use *context* for each handshake."""
        self.context = context
        self.is_immediate = is_immediate
        self.port = 0
        self.over: asyncio.Queue[Connection] = asyncio.Queue()

    async def next_over(self) -> Connection:
        """Wait for a connection to end."""
        async with asyncio.timeout(20):
            return await self.over.get()


@asynccontextmanager
async def serving(context: Context, *, is_immediate: bool = True) -> AsyncIterator[TlsServer]:
    """Serve on a free port of 127.0.0.1."""
    server = TlsServer(context, is_immediate=is_immediate)
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
