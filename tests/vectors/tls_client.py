"""The client's side of TLS over two buffers: octets in, octets out, and nothing in between waits.

A server name that Python refuses to send, such as ``../../etc/passwd``, is written over one of
the same length in the ClientHello.  Such a handshake cannot end well, and the server has to
bear it.
"""

from __future__ import annotations

import ssl
import warnings

from tests.vectors.steps import Handshake

_VERSIONS = {
    "SSLv3": ssl.TLSVersion.SSLv3,
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.0": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
# The digits alone are understood, too: 1.1.
_OLDEST_THAT_IS_SAFE = ssl.TLSVersion.TLSv1_2


class TlsClient:
    """One connection's TLS."""

    def __init__(self, step: Handshake) -> None:
        """Prepare the handshake of *step*.

        Raises:
            ValueError: There is no such version of TLS.
        """
        self.is_established = False
        self.problem = ""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._wanted_name = step.server_name.encode("latin-1")
        self._sent_name = self._wanted_name
        if self._wanted_name and not _is_host_name(step.server_name):
            self._sent_name = b"x" * len(self._wanted_name)
        self._object = _context(step).wrap_bio(
            self._incoming, self._outgoing, server_hostname=self._sent_name.decode("ascii") or None
        )

    def begin(self) -> None:
        """Say hello."""
        self._advance()

    def receive(self, octets: bytes) -> bytes:
        """Take what came; return what it says."""
        self._incoming.write(octets)
        if not self.is_established:
            self._advance()
        return self._read() if self.is_established else b""

    def send(self, octets: bytes) -> None:
        """Say something."""
        if self.is_established and octets:
            self._object.write(octets)

    def close(self) -> None:
        """Queue close_notify."""
        try:
            self._object.unwrap()
        except ssl.SSLError:
            # It wants to hear that of the other side first.
            return

    def data_to_send(self) -> bytes:
        """Return what has to be written."""
        octets = self._outgoing.read()
        if self._sent_name != self._wanted_name and not self.is_established:
            octets = octets.replace(self._sent_name, self._wanted_name)
        return octets

    def _advance(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self.problem = f"TLS: {error.reason or error}"
            return
        self.is_established = True

    def _read(self) -> bytes:
        found = b""
        try:
            while block := self._object.read(65536):
                found += block
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        except ssl.SSLError as error:
            self.problem = f"TLS: {error.reason or error}"
        return found


def hello() -> bytes:
    """Return a ClientHello."""
    client = TlsClient(Handshake())
    client.begin()
    return client.data_to_send()


def _is_host_name(name: str) -> bool:
    return name.isascii() and all(label and label.replace("-", "").isalnum() for label in name.split("."))


def _context(step: Handshake) -> ssl.SSLContext:
    """Return a context for *step* that believes every certificate: what is judged here is SMTP."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if step.protocols:
        context.set_alpn_protocols(list(step.protocols))
    if step.max_version:
        _limit(context, step.max_version)
    return context


def _limit(context: ssl.SSLContext, name: str) -> None:
    """Speak no newer version than *name*, however old that is."""
    version = _VERSIONS.get(name) or _VERSIONS.get(f"TLSv{name.lower().removeprefix('tls').lstrip('v ')}")
    if version is None:
        message = f'no version of TLS is called "{name}"'
        raise ValueError(message)
    with warnings.catch_warnings():
        # Old versions are spoken here to see them refused.
        warnings.simplefilter("ignore", DeprecationWarning)
        if version < _OLDEST_THAT_IS_SAFE:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = version
        context.maximum_version = version
