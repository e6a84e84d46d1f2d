"""A connection as its session sees it: the transport, and the channel that may be in it.

    octets ──▶ PROXY header, TLS ──receive──▶ session
    octets ◀──────────────── TLS ◀──write──── session

Most connections have no channel; then their octets go through as they are.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from smtpdsl.ir.resolved import Listener, ListenerTls
from smtpdsl.runtime.net.channel import Channel


def first_channel(listener: Listener, context: Callable[[], ssl.SSLContext] | None) -> Channel | None:
    """Return what a client of *listener* has to get through before it is heard; TLS is made with *context*."""
    is_secure = listener.tls is ListenerTls.IMPLICIT
    if not is_secure and not listener.proxy_versions:
        return None
    return Channel(context, proxy_versions=listener.proxy_versions, is_secure=is_secure)


class Wire:
    """The octets of one connection.

    Attributes:
        channel: What they go through, if there is anything.
        is_closing: Whether it is over, or will be when everything is written; a method of the transport.
        is_reading: Whether more is taken of what the client says.
    """

    __slots__ = ("_transport", "channel", "is_closing", "is_reading")

    def __init__(self, channel: Channel | None) -> None:
        """Let everything go through *channel*."""
        self.channel = channel
        self.is_reading = True

    def connect(self, transport: asyncio.Transport) -> None:
        """Use *transport*, from now on."""
        self._transport = transport
        self.is_closing = transport.is_closing

    @property
    def is_open(self) -> bool:
        """Whether what is said can be understood, see `Channel.is_open`."""
        return self.channel is None or self.channel.is_open

    @property
    def has_unwritten(self) -> bool:
        """Whether the client has not taken everything yet."""
        return self._transport.get_write_buffer_size() > 0

    def secure(self, context: Callable[[], ssl.SSLContext] | None) -> None:
        """Speak TLS from here on, which begins with a handshake made with *context*."""
        self.channel = Channel(context)

    def write(self, octets: bytes) -> None:
        """Write *octets* of the core, and what the channel has to say."""
        if self.channel is not None:
            octets = self.channel.wrap(octets)
        if octets:
            self._transport.write(octets)

    def read(self, *, wanted: bool) -> None:
        """Take more of what the client says, or leave it where it is; to be called when that changes."""
        self.is_reading = wanted
        (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def close(self) -> None:
        """End it behind what is written."""
        if self.channel is not None and (octets := self.channel.close()):
            self._transport.write(octets)
        self._transport.close()

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()
