"""Channels that clients log in over, and who they are by their certificates."""

from __future__ import annotations

from smtpdsl.runtime.net.tls_facts import ClientCertificate, TlsFacts

BINDINGS = {"tls-server-end-point": b"what the certificate hashes to", "tls-exporter": b"what only the two ends know"}


class Certificate(ClientCertificate):
    """A certificate that says what a test wants it to."""

    def __init__(self, common_name: str | None, *emails: str, is_verified: bool = True) -> None:
        """Name somebody."""
        super().__init__(b"", is_verified=is_verified)
        self._common_name = common_name
        self._emails = emails

    @property
    def common_name(self) -> str | None:
        """The common name."""
        return self._common_name

    @property
    def emails(self) -> tuple[str, ...]:
        """The mail addresses."""
        return self._emails


def channel(certificate: ClientCertificate | None = None, *, is_bound: bool = False) -> TlsFacts:
    """Return what a handshake has agreed on."""
    bindings = BINDINGS if is_bound else {}
    return TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, certificate=certificate, bindings=bindings)
