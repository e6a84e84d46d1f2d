"""Certificates and keys for tests, made when they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """A certificate and its key, both as PEM."""

    certificate: str
    key: str


def make_pair(*names: str, starts: int = -1, days: int = 90, listed: bool = True) -> Pair:
    """Make a certificate for *names* that holds for *days*, from *starts* days after now, and its key.

    Without *listed* the first name is only the common name, as in certificates of old.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    first = datetime.now(UTC) + timedelta(days=starts)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(first + timedelta(days=days))
    )
    if listed:
        listing = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        certificate = certificate.add_extension(listing, critical=False)
    signed = certificate.sign(key, hashes.SHA256())
    return Pair(signed.public_bytes(serialization.Encoding.PEM).decode("ascii"), key_text(key))


@cache
def rsa_key(bits: int) -> str:
    """Make a key of RSA once, and return it as PEM."""
    return key_text(rsa.generate_private_key(65537, bits))


def key_text(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, passphrase: bytes | None = None) -> str:
    """Return *key* as PEM, encrypted if there is a *passphrase*."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    octets = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return octets.decode("ascii")
