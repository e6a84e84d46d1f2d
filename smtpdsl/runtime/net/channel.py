"""What lies between a transport and the protocol core: the header of a proxy, then TLS; no I/O.

    transport ──▶ PROXY header, where a listener expects one ──▶ TLS, at once or after STARTTLS ──▶ core
    transport ◀──────────────────────────────────────────────── TLS ◀────────────────────────────── core

A connection that has neither needs no channel.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from smtpdsl.runtime.net.proxy_header import Proxied, ProxyError, ProxyHeader
from smtpdsl.runtime.net.tls import TlsError, TlsLayer
from smtpdsl.runtime.net.tls_facts import TlsFacts


class ChannelError(Exception):
    """What came is neither a header nor TLS.

    *reason* is a word of the log, the text one sentence; what `Channel.wrap` returns is
    still to be written, then the connection is to be closed.
    """

    def __init__(self, reason: str, text: str) -> None:
        """Say why the connection ends."""
        super().__init__(text)
        self.reason = reason


class Channel:
    """The layers of one connection."""

    def __init__(
        self,
        context: Callable[[], ssl.SSLContext] | None,
        *,
        proxy_versions: frozenset[int] = frozenset(),
        is_secure: bool = True,
    ) -> None:
        """Begin.

        Args:
            context: Returns what a handshake is made with; None without TLS.
            proxy_versions: The first octets are a PROXY header of one of them.
            is_secure: TLS is spoken from the start, behind the header if there is one.
        """
        self.proxied: Proxied | None = None
        self._context = context
        self._header = ProxyHeader(proxy_versions) if proxy_versions else None
        self._is_secure = is_secure
        self._tls: TlsLayer | None = None
        if is_secure and not proxy_versions:
            self.secure()

    @property
    def is_open(self) -> bool:
        """Whether what is said can be understood: the header is read, and no handshake is under way."""
        return self._header is None and (self._tls is None or self._tls.is_established)

    @property
    def facts(self) -> TlsFacts | None:
        """What a handshake has agreed on; None before its end, and without one."""
        return self._tls.facts if self._tls is not None and self._tls.is_established else None

    @property
    def has_ended(self) -> bool:
        """Whether the client has said that it ends, or nothing more of it can be understood."""
        return self._tls is not None and (self._tls.has_ended or self._tls.failure is not None)

    def secure(self) -> None:
        """Speak TLS from now on; what has been said before is no part of it."""
        assert self._context is not None, "a listener without certificates does not offer TLS"
        self._tls = TlsLayer(self._context())

    def receive(self, octets: bytes) -> bytes:
        """Take what the transport has received, and return what of it is for the core.

        Raises:
            ChannelError: It is no header, or no TLS.
        """
        if self._header is not None:
            octets = self._unwrap(self._header, octets)
        if self._tls is None or not octets:
            return octets
        try:
            return self._tls.receive(octets)
        except TlsError as error:
            reason = "io-error" if self._tls.is_established else "tls-accept-failed"
            raise ChannelError(reason, str(error)) from None

    def wrap(self, octets: bytes) -> bytes:
        """Return what is to be written for *octets* of the core, and for the handshake."""
        if self._tls is None:
            return octets
        if octets and self._tls.is_established and self._tls.failure is None:
            self._tls.send(octets)
        return self._tls.data_to_send()

    def close(self) -> bytes:
        """Return the last octets that are to be written."""
        if self._tls is None:
            return b""
        self._tls.close()
        return self._tls.data_to_send()

    def _unwrap(self, header: ProxyHeader, octets: bytes) -> bytes:
        try:
            self.proxied = header.receive(octets)
        except ProxyError as error:
            reason = "proxy-failed"
            raise ChannelError(reason, str(error)) from None
        if self.proxied is None:
            return b""
        self._header = None
        if self._is_secure:
            self.secure()
        return self.proxied.rest
