"""What a handshake has agreed on: for the log, for trace fields, and for authentication.

    smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256
    smtp cert-check result="verified" fingerprint="SHA256:5e88…"

A peer's certificate is read when somebody asks whom it names.
"""

from __future__ import annotations

import _ssl
import hashlib
import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple


class ClientCertificate:
    """The certificate that the peer has shown, its own.

    `is_verified` says that it leads to an authority we were told to believe; the names of
    one that does not are what anybody may write.
    """

    def __init__(self, octets: bytes, *, is_verified: bool) -> None:
        """Keep the certificate *octets*, in DER."""
        self.is_verified = is_verified
        self._octets = octets

    def __repr__(self) -> str:
        return f"ClientCertificate({self.fingerprint}, {self.result})"

    def verified(self) -> ClientCertificate:
        """Return the same certificate, of somebody who has been verified."""
        return ClientCertificate(self._octets, is_verified=True)

    @cached_property
    def fingerprint(self) -> str:
        """``SHA256:`` and the hash of the certificate, as OpenSMTPD writes it."""
        return f"SHA256:{hashlib.sha256(self._octets).hexdigest()}"

    @property
    def result(self) -> str:
        """The word of the log, ``verified`` or ``unchecked``."""
        return "verified" if self.is_verified else "unchecked"

    @property
    def common_name(self) -> str | None:
        """The common name of its subject."""
        return self._facts.common_name

    @property
    def emails(self) -> tuple[str, ...]:
        """The mail addresses that it names."""
        return self._facts.emails

    @property
    def hosts(self) -> tuple[str, ...]:
        """The DNS names that it lists."""
        return self._facts.hosts

    @property
    def end_point(self) -> bytes | None:
        """What a channel is bound to whose server has shown it (RFC 5929 §4.1); None where that is not defined."""
        return self._facts.end_point

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it calls its owner: common name, mail addresses, DNS names."""
        return (*((self.common_name,) if self.common_name else ()), *self.emails, *self.hosts)

    @cached_property
    def _facts(self) -> CertificateFacts:
        from smtpdsl.runtime.net.tls_certificate import read_der  # noqa: PLC0415 - slow, and few show a certificate

        return read_der(self._octets)


class CertificateFacts(NamedTuple):
    """What is read from a certificate.

    `is_listed` tells a list of alternative names without DNS names from no list at all.
    `end_point` is what a channel is bound to (RFC 5929 §4.1), None where it is not defined.
    `is_strong` says that its key is RSA of 3072 bits or more.
    """

    common_name: str | None = None
    hosts: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    is_listed: bool = False
    end_point: bytes | None = None
    is_strong: bool = False

    @property
    def host_names(self) -> tuple[str, ...]:
        """Which hosts it is for; the common name counts only where there is no list (RFC 6125 §6.4.4)."""
        return self.hosts if self.is_listed or self.common_name is None else (self.common_name,)


class TlsFacts(NamedTuple):
    """A secured channel.

    `bindings` are what SCRAM-…-PLUS may bind to, by their registered name; `server_name` is
    whom a client has asked for (SNI).
    """

    version: str
    cipher: str
    bits: int
    server_name: str | None = None
    certificate: ClientCertificate | None = None
    bindings: Mapping[str, bytes] = {}

    def verified(self) -> TlsFacts:
        """Return the same of a peer that somebody has verified in another way than by authorities."""
        return self._replace(certificate=self.certificate.verified()) if self.certificate is not None else self

    def of_another(self) -> TlsFacts:
        """Return the same for a client behind the one whose channel it is: nothing of it says who that client is."""
        return self._replace(certificate=None, bindings={})

    @property
    def ciphers(self) -> str:
        """``VERSION:CIPHER:BITS``, as the log has it."""
        return f"{self.version}:{self.cipher}:{self.bits}"


class ServedContext(ssl.SSLContext):
    """A context that knows the certificate it serves; the handshakes of a server use one."""

    served: CertificateFacts = CertificateFacts()


class ServedObject(ssl.SSLObject):
    """A server's side of a connection, which remembers whom the client has asked for."""

    requested_name: str | None = None


def facts_of(tls: ssl.SSLObject) -> TlsFacts:
    """Return what the handshake of *tls*, which is over, has agreed on."""
    cipher = tls.cipher()
    assert cipher is not None, "the handshake is over"
    context = tls.context
    octets = tls.getpeercert(binary_form=True)
    # OpenSSL lets nobody pass whose certificate it was to check and could not verify.
    is_verified = context.verify_mode is not ssl.CERT_NONE
    bindings = {}
    if isinstance(context, ServedContext) and context.served.end_point is not None:
        bindings["tls-server-end-point"] = context.served.end_point
    return TlsFacts(
        version=tls.version() or cipher[1],
        cipher=cipher[0],
        bits=cipher[2],
        server_name=tls.requested_name if isinstance(tls, ServedObject) else tls.server_hostname,
        certificate=ClientCertificate(octets, is_verified=is_verified) if octets else None,
        bindings=bindings,
    )


def chain_of(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates that the peer of *tls* has shown, in DER: its own, then others in any order."""
    if hasattr(tls, "get_unverified_chain"):
        return tuple(tls.get_unverified_chain())
    # Before Python 3.13 the method is there, but not for everybody; what it returns is no octets yet.
    found = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return tuple(each.public_bytes(_ssl.ENCODING_DER) for each in found or ())
