"""TLS of one connection, without I/O: ciphertext in, plaintext out, and ciphertext to write.

    transport ──ciphertext──▶ receive() ──plaintext──▶ protocol core
    transport ◀─ciphertext── data_to_send() ◀── send() ◀── protocol core

The transport stays one of plain TCP, so STARTTLS and `smtps` differ only in when a layer
begins.  What comes out does not depend on how TCP cut what went in: octets in front of a
broken record are handed over, and the failure is told by the next call and by `failure`.

A connection that waits holds no buffers: what goes through the library goes in small steps,
because its buffers never shrink.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from smtpdsl.runtime.net.tls_facts import TlsFacts, chain_of, facts_of
from smtpdsl.runtime.net.tls_words import reason_of

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# The plaintext of one record at most (RFC 8446 §5.1).
_RECORD_OCTETS = 16 * 1024
# What the library is given at a time: half of it doubles the time, twice of it doubles what is kept.
_STEP_OCTETS = 8 * 1024
# A peer may change its keys whenever it likes (RFC 8446 §4.6.3); 27 octets of it cost us as much as a
# command.  Each octet of plaintext pays for some others, which is enough for one in the largest record.
_PAID_OCTETS = 1024
_UNPAID_OCTETS = 2 * _RECORD_OCTETS


class TlsError(Exception):
    """A connection that cannot be secured, or is no longer; the text is one printable line.

    What is wrong with a certificate has a number, *verify_code*, that of OpenSSL; 0 is anything else.
    """

    def __init__(self, message: str, verify_code: int = 0) -> None:
        """Say why."""
        super().__init__(message)
        self.verify_code = verify_code


class TlsLayer:
    """The TLS of one connection, of the server's side or of the client's.

    An alert for the peer may wait in `data_to_send` after a failure: write it, then close.
    """

    __slots__ = (
        "_facts",
        "_first_octet",
        "_incoming",
        "_is_closed",
        "_outgoing",
        "_ready",
        "_tls",
        "_unpaid",
        "failure",
        "has_ended",
        "is_established",
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool = True,
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        """Begin the handshake.

        Args:
            context: Certificates and terms.
            server_side: Whether we are the server; the client speaks first.
            server_hostname: Whom a client asks for (SNI), and compares the certificate with if
                *context* does so.
            session: What a client remembers of an earlier connection made with *context*.

        Raises:
            TlsError: Nobody can have the name *server_hostname*.
        """
        self.is_established = False
        # The peer's close_notify has come: what it said is whole (RFC 8446 §6.1).
        self.has_ended = False
        self.failure: TlsError | None = None
        self._is_closed = False
        self._unpaid = 0
        self._first_octet: int | None = None
        self._facts: TlsFacts | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ready: list[bytes] = []
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname, session)
        except (ValueError, TypeError):  # the second: a NUL
            message = f"no host can be called {server_hostname!a}"
            raise TlsError(message) from None
        if not server_side:
            self._advance([])

    @property
    def facts(self) -> TlsFacts:
        """What the handshake has agreed on; only when it is over."""
        assert self.is_established, "before the end of the handshake nothing is agreed on"
        if self._facts is None:
            self._facts = facts_of(self._tls)
        return self._facts

    def peer_chain(self) -> tuple[bytes, ...]:
        """Return the certificates that the peer has shown, in DER and as it has sent them: its own, then others."""
        return chain_of(self._tls)

    @property
    def session(self) -> ssl.SSLSession | None:
        """What spares the next connection the signature; complete once the server has said something."""
        return self._tls.session

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier session was taken up again."""
        return bool(self._tls.session_reused)

    # ------------------------------------------------------------ from the peer

    def receive(self, octets: bytes) -> bytes:
        """Take ciphertext, and return the plaintext that it completes.

        Raises:
            TlsError: The peer breaks the protocol, or does not prove who it is.
        """
        if self._first_octet is None and octets:
            self._first_octet = octets[0]
        plaintext: list[bytes] = []
        view = memoryview(octets)
        for start in range(0, len(octets), _STEP_OCTETS):
            if self.failure is not None or self.has_ended:
                break
            self._step(view[start : start + _STEP_OCTETS], plaintext)
        if self.failure is not None and not plaintext:
            raise self.failure
        return b"".join(plaintext)

    def receive_eof(self) -> None:
        """Take notice that the transport has ended.

        Raises:
            TlsError: The peer has not said that it ends: somebody may have cut the connection.
        """
        if self.failure is None and not self.has_ended:
            phase = "without close_notify" if self.is_established else "during the handshake"
            self.failure = TlsError(f"the connection ends {phase}")
        if self.failure is not None:
            raise self.failure

    def _step(self, octets: memoryview, plaintext: list[bytes]) -> None:
        """Take a little ciphertext; add what can be read then to *plaintext*."""
        before = len(plaintext)
        self._incoming.write(octets)
        self._advance(plaintext)
        self._collect()
        if self.is_established:
            paid = _PAID_OCTETS * sum(map(len, plaintext[before:]))
            self._unpaid = max(0, self._unpaid + len(octets) - paid)
            if self._unpaid > _UNPAID_OCTETS and self.failure is None:
                self.failure = TlsError("the connection breaks: it says nothing, at length")

    def _advance(self, plaintext: list[bytes]) -> None:
        """Go on with what has come; add what can be read to *plaintext*."""
        try:
            if not self.is_established:
                self._shake_hands()
            self._read(plaintext)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._end()
        except ssl.SSLError as error:
            self.failure = TlsError(self._describe(error), getattr(error, "verify_code", 0))

    def _shake_hands(self) -> None:
        with _without_traceback():
            self._tls.do_handshake()
        self.is_established = True

    def _read(self, plaintext: list[bytes]) -> None:
        """Read until nothing is left; asking once more would cost an exception each time.

        A read takes a whole record, so nothing is left inside of the library.
        """
        while self._incoming.pending:
            octets = self._tls.read(_RECORD_OCTETS)
            if not octets:
                self._end()
                return
            plaintext.append(octets)

    def _end(self) -> None:
        self.has_ended = self.is_established
        if not self.is_established:
            self.failure = TlsError("the handshake fails: the peer ends it")

    # ------------------------------------------------------------ to the peer

    def send(self, plaintext: bytes) -> None:
        """Take plaintext for the peer, once the handshake is over and until `close`.

        Raises:
            TlsError: The connection has failed.
        """
        assert self.is_established, "nothing is said before the handshake is over"
        if self.failure is not None:
            raise self.failure
        view = memoryview(plaintext)
        try:
            for start in range(0, len(plaintext), _RECORD_OCTETS):
                self._tls.write(view[start : start + _RECORD_OCTETS])
                self._collect()
        except ssl.SSLError as error:
            self.failure = TlsError(self._describe(error))
            raise self.failure from None

    def close(self) -> None:
        """Say that we end, so that nobody can cut the connection unnoticed; nothing is sent after it."""
        if self._is_closed or self.failure is not None or not self.is_established:
            return
        self._is_closed = True
        # The peer's part of it has not come yet, and nobody waits for it.
        with suppress(ssl.SSLError):
            self._tls.unwrap()

    def data_to_send(self) -> bytes:
        """Return the ciphertext to write, once."""
        self._collect()
        if len(self._ready) == 1:
            return self._ready.pop()
        octets = b"".join(self._ready)
        self._ready.clear()
        return octets

    def _collect(self) -> None:
        if self._outgoing.pending:
            self._ready.append(self._outgoing.read())

    def _describe(self, error: ssl.SSLError) -> str:
        """Say in one printable line what *error* means."""
        where = "the connection breaks" if self.is_established else "the handshake fails"
        return f"{where}: {reason_of(error, None if self.is_established else self._first_octet)}"


@contextmanager
def _without_traceback() -> Iterator[None]:
    """Keep a server name that is not ASCII from writing to standard error.

    Python decodes it before anybody can object.  The handshake ends with an alert, as it
    should, but a client must not be able to fill the log with our stack.
    """
    hook = sys.unraisablehook

    def quiet(fault: UnraisableHookArgs) -> None:
        if not (isinstance(fault.object, bytes) and isinstance(fault.exc_value, UnicodeDecodeError)):
            hook(fault)

    sys.unraisablehook = quiet
    try:
        yield
    finally:
        sys.unraisablehook = hook
