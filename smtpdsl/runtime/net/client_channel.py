"""What lies between a transport and the protocol core of a client: nothing, or TLS; no I/O.

transport ──receive()──────▶ TLS, from the start or after STARTTLS ──▶ core
transport ◀─data_to_send()── TLS ◀──────────────────────────────────── core
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

from smtpdsl.runtime.net.tls import TlsError, TlsLayer
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.protocol.client import ClientSession


class TlsTerms(NamedTuple):
    """What a handshake is made with, and whom it asks for; None asks for nobody."""

    context: ssl.SSLContext
    host: str | None


class ClientChannel:
    """The layers of one connection."""

    def __init__(self, core: ClientSession, tls_terms: TlsTerms | None = None) -> None:
        """Carry what *core* says; a core that wants TLS needs *tls_terms*."""
        self._core = core
        self._terms = tls_terms
        self._tls: TlsLayer | None = None

    @property
    def tls_facts(self) -> TlsFacts | None:
        """What the handshake has agreed on; None before its end, and without one."""
        return self._tls.facts if self._tls is not None and self._tls.is_established else None

    def receive(self, octets: bytes) -> None:
        """Take what the transport has received."""
        if self._tls is not None:
            octets = self._decipher(self._tls, octets)
        if octets:
            self._core.receive_data(octets)

    def data_to_send(self) -> bytes:
        """Return what is to be written: of the core, and of a handshake that it wants."""
        octets = self._protected(self._core.data_to_send())
        if self._core.is_securing and self._tls is None:
            # What was said in the clear goes before it.
            octets += self._begin()
        return octets

    def _protected(self, octets: bytes) -> bytes:
        tls = self._tls
        if tls is None:
            return octets
        if octets and tls.failure is None:
            tls.send(octets)
        if self._core.is_closed:
            tls.close()
        return tls.data_to_send()

    def _begin(self) -> bytes:
        assert self._terms is not None, "who wants TLS knows its terms"
        try:
            self._tls = TlsLayer(self._terms.context, server_side=False, server_hostname=self._terms.host)
        except TlsError as error:
            self._core.securing_failed(str(error))
            return b""
        return self._tls.data_to_send()

    def _decipher(self, tls: TlsLayer, octets: bytes) -> bytes:
        """Return what *octets* say; the first that is said comes after the handshake."""
        plaintext = b""
        try:
            plaintext = tls.receive(octets)
        except TlsError as error:
            if tls.is_established:
                self._core.connection_lost(str(error))
        if self._core.is_securing:
            if tls.is_established:
                self._core.secured()
            elif tls.failure is not None:
                self._core.securing_failed(str(tls.failure))
        if tls.has_ended:
            # What it has said goes first; it says nothing more, whether or not it closes the connection.
            self._core.receive_data(plaintext)
            self._core.connection_lost("the other side has ended TLS")
            return b""
        return plaintext
