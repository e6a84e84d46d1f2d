"""What a PEM file holds, read with `cryptography`: the one module of the compiler that uses it.

Importing it takes as long as checking a small configuration, so it is imported when
there is a certificate or a key to look at.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

_SIGNING_KEYS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
# ASN.1 SEQUENCE with a length of two octets: how a certificate or key in DER begins.
_DER_START = b"\x30\x82"


class PemError(Exception):
    """A file without what is wanted of it; the second argument, if any, says what to do."""

    def __init__(self, message: str, advice: str = "") -> None:
        """Say what is wrong and what to do."""
        super().__init__(message)
        self.message = message
        self.advice = advice


class EncryptedKeyError(Exception):
    """A key that cannot be read without its passphrase."""


class Certificate(NamedTuple):
    """A certificate: whom it names, when it holds (seconds since 1970), and its public key."""

    names: tuple[str, ...]
    not_before: float
    not_after: float
    public_key: bytes


def read_certificates(octets: bytes) -> tuple[Certificate, ...]:
    """Return the certificates of a file, the server's own first.

    Raises:
        PemError: There is none, or one cannot be read.
    """
    if b"CERTIFICATE-----" not in octets:
        message = "it holds no certificate"
        raise PemError(message, _advice(octets, "x509", "PRIVATE KEY-----", "a private key"))
    try:
        return tuple(map(_certificate, x509.load_pem_x509_certificates(octets)))
    except (ValueError, UnsupportedAlgorithm) as error:
        message = "its certificate is damaged"
        raise PemError(message, "fetch it again from whoever issued it") from error


def read_public_key(octets: bytes) -> bytes:
    """Return the public half of the private key in a file.

    Raises:
        EncryptedKeyError: A passphrase is needed.
        PemError: There is no key, or none that can sign for a server.
    """
    if b"PRIVATE KEY-----" not in octets:
        message = "it holds no private key"
        raise PemError(message, _advice(octets, "pkey", "CERTIFICATE-----", "a certificate"))
    try:
        public = load_pem_private_key(octets, None).public_key()
    except TypeError as error:
        raise EncryptedKeyError from error
    except (ValueError, UnsupportedAlgorithm) as error:
        message = "its private key is damaged, or of an unknown kind"
        raise PemError(message, "write the file again, or make a new key and certificate") from error
    if not isinstance(public, _SIGNING_KEYS):
        message = "its key is of a kind that cannot serve TLS"
        raise PemError(message, "make an ECDSA or RSA key")
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _advice(octets: bytes, command: str, other_mark: str, other: str) -> str:
    if other_mark.encode() in octets:
        return f"it holds {other}: are `cert` and `key` swapped?"
    if octets.startswith(_DER_START):
        return f"write it as PEM: `openssl {command} -inform der -in OLD -out NEW`"
    return "it has to be PEM: a line `-----BEGIN …-----` and base64"


def _certificate(certificate: x509.Certificate) -> Certificate:
    return Certificate(
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        public_key=certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names; the common name counts only where there is no list of them (RFC 6125 §6.4.4)."""
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return tuple(str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    return tuple(listed.get_values_for_type(x509.DNSName))
