r"""Another mail server, played by the harness: by a script, or without one as the sink of remote.test.

    {"on": "RCPT", "reply": "550\r\n"}      what is answered to RCPT; several of a kind are taken in turn

What the script does not say is answered as a friendly server would.  Times are those of RFC 5321
divided by 60, as the limits of the server under test are.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.vectors.modes import Mode, blocks, pieces
from tests.vectors.steps import ScriptStep

SCALE = 60
_FRIENDLY = {
    "connect": b"220 remote.test ESMTP\r\n",
    "EHLO": b"250 remote.test\r\n",
    "HELO": b"250 remote.test\r\n",
    "LHLO": b"250 remote.test\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 go on\r\n",
    ".": b"250 2.0.0 Ok\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "NOOP": b"250 2.0.0 Ok\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
}
_UNKNOWN = b"500 5.5.1 Command unrecognized\r\n"


@dataclass
class Conversation:
    """What one client has said: its commands, in the clear and over TLS, and the messages that it sent."""

    commands: list[str] = field(default_factory=list)
    secure_commands: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    transactions: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)
    """Of those that ended: reverse-path, recipients, and the content with dots as on the wire."""
    stray: list[bytes] = field(default_factory=list)
    """Lines that do not end in CRLF."""

    @property
    def body_octets(self) -> int:
        """How much of messages has come."""
        return sum(map(len, self.bodies))


class Cut(NamedTuple):
    """How what is said arrives."""

    mode: Mode
    random: Random


class Remote:
    """A server that listens, and remembers."""

    def __init__(
        self, script: Sequence[ScriptStep] = (), context: ssl.SSLContext | None = None, cut: Cut | None = None
    ) -> None:
        """Play *script*; *context* is for STARTTLS, *cut* says how replies arrive."""
        self.conversations: list[Conversation] = []
        self.port = 0
        self._script = script
        self._context = context
        self._cut = cut or Cut(Mode.WHOLE, Random(0))  # noqa: S311 - nothing is secret here
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def replace_in_script(self, word: bytes, octets: bytes) -> None:
        """Say *octets* wherever the script says *word*."""
        self._script = [step._replace(reply=step.reply.replace(word, octets)) for step in self._script]

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen and speak no more."""
        assert self._server is not None, "it was started"
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "it runs in one"
        self._tasks.add(task)
        conversation = Conversation()
        self.conversations.append(conversation)
        try:
            await _Talk(self._script, self._context, self._cut, conversation, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            # The client is gone, or we are.
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


class _EndError(OSError):
    """The script says that the connection ends here."""


class _Talk:
    """One connection."""

    def __init__(
        self,
        script: Sequence[ScriptStep],
        context: ssl.SSLContext | None,
        cut: Cut,
        conversation: Conversation,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._steps = list(script)
        self._context = context
        self._mode, self._random = cut
        self._told = conversation
        self._reader, self._writer = reader, writer
        self._is_secure = False
        self._envelope: tuple[str, list[str]] = ("", [])

    async def run(self) -> None:
        """Speak until one side ends."""
        await self._answer("connect")
        while line := await self._line():
            text = line.decode("latin-1").rstrip("\r\n")
            (self._told.secure_commands if self._is_secure else self._told.commands).append(text)
            verb = text.partition(" ")[0].upper()
            reply = await self._answer(verb)
            if verb == "QUIT":
                return
            if verb == "MAIL":
                self._envelope = (_path(text), [])
            elif verb == "RCPT" and reply[:1] == b"2":
                self._envelope[1].append(_path(text))
            elif verb == "DATA" and reply[:1] == b"3":
                await self._body()
            elif verb == "STARTTLS" and reply[:3] == b"220":
                await self._secure()

    async def _line(self) -> bytes:
        line = await self._reader.readline()
        if line and not line.endswith(b"\r\n"):
            self._told.stray.append(line)
        return line

    def _step(self, on: str) -> ScriptStep | None:
        """Return what the script says of *on*; the last of several steps holds for all that follow."""
        found = [step for step in self._steps if step.on.upper() == on.upper()]
        if len(found) > 1:
            self._steps.remove(found[0])
        return found[0] if found else None

    async def _answer(self, on: str) -> bytes:
        """Answer *on*; return what was said."""
        step = self._step(on)
        if step is not None:
            await self._perform(step)
            return step.reply
        reply = _FRIENDLY.get(on, _UNKNOWN)
        await self._say(reply)
        return reply

    async def _perform(self, step: ScriptStep) -> None:
        """Do what the script says, after a while."""
        await asyncio.sleep(step.delay / SCALE)
        for block in blocks(step.reply, step.times):
            await self._say(block)
        if step.closes:
            raise _EndError

    async def _say(self, octets: bytes) -> None:
        """Write *octets*, in the pieces of the mode."""
        cut = pieces(octets, self._mode, self._random)
        for piece in cut:
            self._writer.write(piece)
            await self._writer.drain()
            if len(cut) > 1:
                # Lets the piece go on its way alone.
                await asyncio.sleep(0.001)

    async def _body(self) -> None:
        """Read a message up to its dot."""
        step = self._step("body")
        if step is not None and step.close_after is None:
            await self._perform(step)
        self._told.bodies.append(b"")
        while (line := await self._line()) not in (b"", b".\r\n"):
            self._told.bodies[-1] += line
            if step is not None and self._has_enough(step):
                raise _EndError
        if not line:
            raise _EndError
        reply = await self._answer(".")
        if reply[:1] == b"2":
            self._told.transactions.append((self._envelope[0], tuple(self._envelope[1]), self._told.bodies[-1]))

    def _has_enough(self, step: ScriptStep) -> bool:
        return step.close_after is not None and self._told.body_octets >= step.close_after

    async def _secure(self) -> None:
        step = self._step("tls")
        if step is not None:
            # What is said here is no handshake.
            await self._perform(step)
        if self._context is None or step is None or not step.accepts:
            raise _EndError
        await self._writer.start_tls(self._context)
        self._is_secure = True


def _path(command: str) -> str:
    return command.partition("<")[2].rpartition(">")[0]
