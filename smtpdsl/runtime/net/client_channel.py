"""What lies between a transport and the protocol core of a client: nothing, or TLS; no I/O.

transport ──receive()──────▶ TLS, from the start or after STARTTLS ──▶ core
transport ◀─data_to_send()── TLS ◀──────────────────────────────────── core
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

from smtpdsl.runtime.net.dane import Check
from smtpdsl.runtime.net.tls import TlsError, TlsLayer
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.net.tls_resumption import Resumption
from smtpdsl.runtime.protocol.client import ClientSession


class TlsTerms(NamedTuple):
    """What a handshake is made with, and whom it asks for (SNI); None asks for nobody.

    *check* looks at what the server has shown, as soon as the handshake is over: where it finds
    something wrong, that counts as a handshake that has failed, and nothing has been said yet.
    *resumption* is what is remembered of the server; who is checked is not remembered.
    """

    context: ssl.SSLContext
    host: str | None
    check: Check | None = None
    resumption: Resumption | None = None


class ClientChannel:
    """The layers of one connection."""

    def __init__(self, core: ClientSession, tls_terms: TlsTerms | None = None) -> None:
        """Carry what *core* says; a core that wants TLS needs *tls_terms*."""
        self._core = core
        self._terms = tls_terms
        self._tls: TlsLayer | None = None
        self._is_checked = False
        self._is_remembered = False

    @property
    def tls_facts(self) -> TlsFacts | None:
        """What the handshake has agreed on; None before its end, and without one."""
        if self._tls is None or not self._tls.is_established:
            return None
        return self._tls.facts.verified() if self._is_checked else self._tls.facts

    @property
    def verify_code(self) -> int:
        """What is wrong with the server's certificate, as `TlsError` has it; 0 if that is not what has failed."""
        failure = self._tls.failure if self._tls is not None else None
        return failure.verify_code if failure is not None else 0

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
        terms = self._terms
        assert terms is not None, "who wants TLS knows its terms"
        session = terms.resumption.session() if terms.resumption is not None else None
        try:
            self._tls = TlsLayer(terms.context, server_side=False, server_hostname=terms.host, session=session)
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
                self._check(tls)
            elif tls.failure is not None:
                self._core.securing_failed(str(tls.failure))
        self._remember(tls, has_spoken=bool(plaintext))
        if tls.has_ended:
            # What it has said goes first; it says nothing more, whether or not it closes the connection.
            self._core.receive_data(plaintext)
            self._core.connection_lost("the other side has ended TLS")
            return b""
        return plaintext

    def _remember(self, tls: TlsLayer, *, has_spoken: bool) -> None:
        """Keep what the next handshake may begin with; a server that has spoken has sent that before."""
        resumption = self._terms.resumption if self._terms is not None else None
        if resumption is None or self._is_remembered:
            return
        if tls.is_established and has_spoken:
            self._is_remembered = True
            resumption.remember(tls.session, is_resumed=tls.is_resumed)
        elif tls.failure is not None:
            resumption.forget()

    def _check(self, tls: TlsLayer) -> None:
        """Let the core go on, if the server is the one that is meant."""
        check = self._terms.check if self._terms is not None else None
        problem = check(tls.peer_chain()) if check is not None else ""
        self._is_checked = check is not None and not problem
        if problem:
            self._core.securing_failed(problem)
        else:
            certificate = tls.facts.certificate
            self._core.secured(lambda: certificate.end_point if certificate is not None else None)
