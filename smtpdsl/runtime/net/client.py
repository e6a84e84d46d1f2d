"""A connection to another mail server: asyncio outside, the protocol core inside.

    octets ──▶ TLS ──▶ core ──event──▶ whoever awaits `ready` or `send`
    octets ◀── TLS ◀── core ◀──message─┘

One timer watches over the server: what is waited for has its own limit (RFC 5321 §4.5.3.2),
and so has each block of a message.  It is not set anew for each answer: when it rings, it finds out
until when there is still time.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
from contextlib import aclosing, suppress
from typing import NamedTuple, cast

from smtpdsl.runtime.interfaces import Content, InlineContent, SpooledContent
from smtpdsl.runtime.net.client_channel import ClientChannel, TlsTerms
from smtpdsl.runtime.net.outgoing import blocks
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.protocol.client import ClientSession, Failed, Finished, Phase, Ready, Transaction, Verdict
from smtpdsl.runtime.protocol.client_verdicts import temporary


class PhaseLimits(NamedTuple):
    """How long a server is waited for, in seconds (RFC 5321 §4.5.3.2; EHLO counts with the greeting)."""

    resolve: float = 60
    connect: float = 30
    greeting: float = 300
    handshake: float = 60
    login: float = 120
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    block: float = 180
    end: float = 600
    # The answer to QUIT changes nothing; a server that closes on its side first saves us a port.
    quit: float = 5


class Connection(asyncio.Protocol):
    """A session over a connection of its own."""

    def __init__(self, core: ClientSession, limits: PhaseLimits, tls_terms: TlsTerms | None = None) -> None:
        """Speak as *core* does, and wait as *limits* allow; a core that wants TLS needs *tls_terms*."""
        self.source = ""
        self._core = core
        self._channel = ClientChannel(core, tls_terms)
        self._loop = asyncio.get_running_loop()
        self._limits = {
            Phase.GREETING: limits.greeting,
            Phase.EHLO: limits.greeting,
            Phase.LHLO: limits.greeting,
            Phase.HELO: limits.greeting,
            Phase.STARTTLS: limits.greeting,
            Phase.TLS: limits.handshake,
            Phase.AUTH: limits.login,
            Phase.RSET: limits.mail,
            Phase.MAIL: limits.mail,
            Phase.RCPT: limits.rcpt,
            Phase.DATA: limits.data,
            Phase.CONTENT: limits.block,
            Phase.END: limits.end,
            Phase.CHUNK: limits.block,
            Phase.LAST: limits.end,
            Phase.QUIT: limits.quit,
        }
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        # Until when the server has time, and for what.
        self._due = math.inf
        self._watched: tuple[Phase, int, int] | None = None
        self._blocks = 0
        self._is_blocked = False
        self._waiter: asyncio.Future[None] | None = None
        self.closed = self._loop.create_future()

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting."""
        # A transport of uvloop has all of these methods, and none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self.source = transport.get_extra_info("sockname")[0]
        self._advance()

    def data_received(self, octets: bytes) -> None:
        """Take what the server says, and say what comes next."""
        self._channel.receive(octets)
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._core.connection_lost(reason_of(exc) if isinstance(exc, OSError) else "closed by the other side")
        self._advance()
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Stop reading the message: the server takes it slower than we send."""
        self._is_blocked = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_blocked = False
        self._wake()

    # ------------------------------------------------------------ for the relay

    @property
    def tls_facts(self) -> TlsFacts | None:
        """What the handshake has agreed on, if there was one."""
        return self._channel.tls_facts

    @property
    def verify_code(self) -> int:
        """What is wrong with the server's certificate, in OpenSSL's number; 0 if something else, or nothing, is."""
        return self._channel.verify_code

    async def ready(self) -> Verdict | None:
        """Wait until the server takes messages; the verdict says why it does not."""
        event = await self._event()
        assert isinstance(event, Ready | Failed), "nothing else comes first"
        return event.verdict if isinstance(event, Failed) else None

    async def send(self, transaction: Transaction, content: Content, prefix: bytes = b"") -> tuple[Verdict, ...]:
        """Send one message, *content* behind the lines of *prefix*, and return what became of each recipient."""
        self._core.begin(transaction, prefix + content.octets if isinstance(content, InlineContent) else None)
        if not self._core.wants_content:
            # Where the message follows at once, one write has both.
            self._advance()
        event = await self._event()
        if not isinstance(event, Finished):
            assert isinstance(content, SpooledContent), "the core has any other"
            await self._send_content(content, prefix)
            event = await self._event()
        assert isinstance(event, Finished), "a transaction has one end"
        return event.verdicts

    def leave(self) -> None:
        """Say good-bye and wait for the answer, but not long, and nobody has to wait with us."""
        self._core.quit()
        self._advance()

    def abort(self) -> None:
        """End the connection now."""
        self._core.connection_lost("closed on our side")
        self._advance()

    async def wait_closed(self) -> None:
        """Wait until the connection is gone."""
        await asyncio.shield(self.closed)

    # ------------------------------------------------------------ working

    def _advance(self) -> None:
        """Send what the core has to say, watch what it waits for, and end with it."""
        octets = self._channel.data_to_send()
        if octets and not self._transport.is_closing():
            self._transport.write(octets)
        if self._core.is_closed and not self._transport.is_closing():
            # Nothing is left to be said: QUIT was answered, or there is no sense in talking on.
            self._transport.abort()
        self._watch()
        if self._core.has_event:
            self._wake()

    def _watch(self) -> None:
        """Start the clock anew whenever something has been answered or taken."""
        core = self._core
        if core.is_closed:
            self._cancel_timer()
            return
        phase = core.phase
        watched = (phase, core.answered, self._blocks)
        if watched == self._watched:
            return
        self._watched = watched
        self._due = self._loop.time() + self._limits.get(phase, math.inf)
        if self._due < self._rings_at:
            self._set_timer()

    def _set_timer(self) -> None:
        self._cancel_timer()
        if self._due < math.inf:
            self._rings_at = self._due
            self._timer = self._loop.call_at(self._due, self._on_timer)

    def _cancel_timer(self) -> None:
        self._rings_at = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        if self._loop.time() < self._due:
            self._set_timer()
        else:
            self._core.timed_out(self._limits[self._core.phase])
            self._advance()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def _event(self) -> object:
        while (event := self._core.next_event()) is None:
            await self._wait()
        return event

    # ------------------------------------------------------------ content

    async def _send_content(self, content: SpooledContent, prefix: bytes) -> None:
        if prefix:
            self._core.send_content(prefix)
        try:
            async with aclosing(blocks(content)) as pieces:
                async for block in pieces:
                    if not await self._send_block(block):
                        return
        except OSError as error:
            # Without the dot the server has no message, and forgets what it got of this one.
            text = f"the message cannot be read from the queue: {reason_of(error)}"
            self._core.abandon(temporary(text, "4.3.0"))
        self._core.end_content()
        self._advance()

    async def _send_block(self, block: bytes) -> bool:
        """Send *block*, wait until the server has room for another one, and say whether it wants any."""
        self._core.send_content(block)
        self._blocks += 1
        self._advance()
        while self._is_blocked and self._core.wants_content:
            await self._wait()
        return self._core.wants_content


async def speak(
    core: ClientSession, connected: socket.socket, limits: PhaseLimits, tls_terms: TlsTerms | None = None
) -> Connection:
    """Speak as *core* does over the socket *connected*, which is closed with the connection."""
    loop = asyncio.get_running_loop()
    try:
        # What is short does not wait for the answer to what was sent before it.  The event loop does that
        # for sockets that say which protocol of the Internet they are made for; those that connect do not.
        with suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, connection = await loop.create_connection(lambda: Connection(core, limits, tls_terms), sock=connected)
    except BaseException:
        connected.close()
        raise
    return connection


def reason_of(error: OSError) -> str:
    """Say in the system's words what went wrong; asyncio's own text repeats the address."""
    return os.strerror(error.errno) if error.errno else str(error)
