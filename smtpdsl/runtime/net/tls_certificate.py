"""What is in a certificate, read with `cryptography`; whether it leads to an anchor is for `certificate_path`.

Importing it takes long, so it is imported when there is a certificate to read.
"""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from smtpdsl.runtime.net.tls_facts import CertificateFacts

# Broken, so RFC 5929 §4.1 puts SHA-256 in their place.
_BROKEN_HASHES = (hashes.MD5, hashes.SHA1)


_STRONG_BITS = 3072


# What a certificate may hold that OpenSSL takes and we do not understand.
_DAMAGED = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)
_UNKNOWN = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.ExtensionNotFound, ValueError)


class UnreadableCertificateError(Exception):
    """A file without a certificate that can be read; the text says which of the two."""


def read_pem(octets: bytes) -> CertificateFacts:
    """Return what the first certificate of a file says, the server's own.

    Raises:
        UnreadableCertificateError: There is none, or it is damaged.
    """
    if b"CERTIFICATE-----" not in octets:
        message = "it holds no certificate"
        raise UnreadableCertificateError(message)
    try:
        certificate = x509.load_pem_x509_certificates(octets)[0]
        return _facts(certificate)._replace(is_strong=_is_strong(certificate))
    except (*_DAMAGED, IndexError) as error:
        message = "its certificate is damaged"
        raise UnreadableCertificateError(message) from error


def read_der(octets: bytes) -> CertificateFacts:
    """Return what a peer's certificate says; nothing, if OpenSSL is alone in understanding it."""
    try:
        # Deprecated things are the peer's, and nothing to tell on standard error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _facts(x509.load_der_x509_certificate(octets))
    except _DAMAGED:
        return CertificateFacts()


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    common_names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    listed = _alternative_names(certificate)
    return CertificateFacts(
        common_name=common_names[0] if common_names else None,
        hosts=tuple(listed.get_values_for_type(x509.DNSName)) if listed else (),
        emails=tuple(listed.get_values_for_type(x509.RFC822Name)) if listed else (),
        is_listed=listed is not None,
        end_point=_end_point(certificate),
    )


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _UNKNOWN:
        return None


def _end_point(certificate: x509.Certificate) -> bytes | None:
    """RFC 5929 §4.1: the certificate under the hash of its own signature; Ed25519 has none."""
    try:
        own = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if own is None:
        return None
    return certificate.fingerprint(hashes.SHA256() if isinstance(own, _BROKEN_HASHES) else own)


def _is_strong(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= _STRONG_BITS
