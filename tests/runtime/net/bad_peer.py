r"""A mail server that does what a script says, in the event loop of the test.

    async with BadPeer(GOOD | {"RCPT": {"reply": "550 no\r\n"}}) as peer:
        ...                                    peer.port, peer.lines, peer.messages

A step is what the vectors call one: ``reply``, ``n`` times ``rep``, ``close``, ``delay`` (it says nothing any more);
``"stall"`` at ``body`` takes nothing of the message.  A chunk is answered as ``BDAT`` has it, the last one as
``LAST``.  Several steps for one verb are done in turn.  With a context a STARTTLS that is answered 220 is
followed by the step ``tls``, and if there is none of those by a handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast

Step = Mapping[str, Any]
Script = Mapping[str, Step | Sequence[Step]]

GOOD: dict[str, Step | Sequence[Step]] = {
    "connect": {"reply": "220 peer.example ESMTP\r\n"},
    "EHLO": {"reply": "250 peer.example\r\n"},
    "HELO": {"reply": "250 peer.example\r\n"},
    "MAIL": {"reply": "250 ok\r\n"},
    "RCPT": {"reply": "250 ok\r\n"},
    "RSET": {"reply": "250 ok\r\n"},
    "DATA": {"reply": "354 go\r\n"},
    ".": {"reply": "250 2.0.0 queued as X\r\n"},
    "BDAT": {"reply": "250 ok\r\n"},
    "LAST": {"reply": "250 2.0.0 queued as X\r\n"},
    "QUIT": {"reply": "221 bye\r\n"},
}


class _OverError(Exception):
    """The script wants this connection closed."""


class BadPeer:
    """Listens on a port of loopback while it is entered."""

    def __init__(
        self,
        script: Script,
        address: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
        *,
        is_immediate: bool = False,
        port: int = 0,
    ) -> None:
        """Serve as *script* says; TLS, from the start or after STARTTLS, is made with *context*."""
        self._context = context
        self._is_immediate = is_immediate
        self._script = script
        self._address = address
        self._turns: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = asyncio.Event()
        self.port = port
        self.connections = 0
        self.lines: list[bytes] = []
        """Every command line, without its end."""
        self.messages: list[bytes] = []
        """Every complete message, as it was sent, without the lone dot."""
        self._chunks = b""
        self.secured: list[ssl.SSLObject] = []
        """Every connection with TLS, once its handshake was over."""

    @property
    def verbs(self) -> list[str]:
        """The verb of each command."""
        return [line.split(b" ")[0].decode("latin-1") for line in self.lines]

    async def hear(self, verb: str) -> None:
        """Wait until a client says *verb*; it connects, says the script, by ``connect``."""
        while verb not in ("connect" if self.connections else "", *self.verbs):
            self._heard.clear()
            await self._heard.wait()

    async def __aenter__(self) -> Self:
        """Listen."""
        context = self._context if self._is_immediate else None
        self._server = await asyncio.start_server(self._accept, self._address, self.port, limit=2**26, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection, and listen no more."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._heard.set()
        task = asyncio.current_task()
        assert task is not None, "streams are served by tasks"
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (_OverError, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_immediate:
            self.secured.append(writer.get_extra_info("ssl_object"))
        await self._act("connect", reader, writer)
        while True:
            line = (await reader.readuntil(b"\r\n"))[:-2]
            self.lines.append(line)
            self._heard.set()
            verb = line.split(b" ")[0].decode("latin-1").upper()
            if verb == "BDAT":
                await self._take_chunk(line, reader, writer)
                continue
            answer = await self._act(verb, reader, writer)
            if verb == "DATA" and answer.startswith("354"):
                await self._take_message(reader, writer)
            elif verb == "STARTTLS" and answer.startswith("220"):
                await self._secure(reader, writer)
            elif verb == "QUIT":
                raise _OverError

    async def _secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._context is not None, "a server that says so has a context"
        if "tls" in self._script:
            await self._act("tls", reader, writer)
        await writer.start_tls(self._context)
        self.secured.append(writer.get_extra_info("ssl_object"))

    async def _take_message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._act("body", reader, writer)
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line)
        self.messages.append(b"".join(lines))
        await self._act(".", reader, writer)

    async def _take_chunk(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, octets, *last = line.split(b" ")
        await self._act("body", reader, writer)
        self._chunks += await reader.readexactly(int(octets))
        if last:
            self.messages.append(self._chunks)
            self._chunks = b""
        await self._act("LAST" if last else "BDAT", reader, writer)

    async def _act(self, verb: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Do what the script has for *verb*, and return what was answered."""
        step = self._step(verb)
        if step.get("stall"):
            # The transport of a socket is read, too, whatever its class is called.
            cast("asyncio.Transport", writer.transport).pause_reading()
            await asyncio.Event().wait()
        if "delay" in step:
            await reader.read()
            raise _OverError
        answer = str(step.get("rep", step.get("reply", "")))
        for _ in range(step.get("n", 1)):
            writer.write(answer.encode("latin-1"))
            await writer.drain()
        if step.get("close"):
            raise _OverError
        return answer

    def _step(self, verb: str) -> Step:
        steps = self._script.get(verb, {} if verb == "body" else {"reply": "502 not implemented\r\n"})
        if isinstance(steps, Mapping):
            return steps
        turn = self._turns.get(verb, 0)
        self._turns[verb] = turn + 1
        return steps[min(turn, len(steps) - 1)]
