"""Keys of DKIM, made and read with `cryptography`: RSA (RFC 8301) and Ed25519 (RFC 8463).

    -----BEGIN PRIVATE KEY-----          v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEF…
    a file of PEM                        what the DNS tells everybody

Importing this takes long, so it is imported when there is a key.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

# RFC 8301 §3.2: whoever verifies takes no shorter ones, and whoever signs should have twice that.
LEAST_BITS = 1024
GOOD_BITS = 2048

_Private: TypeAlias = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_PADDING = padding.PKCS1v15()
_SHA256 = hashes.SHA256()
_NEW_KEY = "make one with `smtpdsl dkim-key`"


class DkimKeyError(Exception):
    """Octets that are no key to sign with; the text says why, *advice* what to do."""

    def __init__(self, message: str, advice: str = _NEW_KEY) -> None:
        """Say both."""
        super().__init__(message)
        self.advice = advice


class SigningKey:
    """A private key."""

    def __init__(self, key: _Private) -> None:
        """Sign with *key*."""
        self._key = key

    @property
    def algorithm(self) -> str:
        """What ``a=`` says of its signatures."""
        return "rsa-sha256" if isinstance(self._key, rsa.RSAPrivateKey) else "ed25519-sha256"

    @property
    def is_short(self) -> bool:
        """Whether some may not believe it, though most do."""
        return isinstance(self._key, rsa.RSAPrivateKey) and self._key.key_size < GOOD_BITS

    @property
    def kind(self) -> str:
        """What people call it."""
        return f"RSA, {self._key.key_size} bits" if isinstance(self._key, rsa.RSAPrivateKey) else "Ed25519"

    def sign(self, octets: bytes) -> bytes:
        """Return the signature of *octets*."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(octets, _PADDING, _SHA256)
        # RFC 8463 §3: what is signed is the hash.
        return self._key.sign(hashlib.sha256(octets).digest())

    def record(self) -> str:
        """Return what the TXT record of its selector says (RFC 6376 §3.6.1)."""
        public = self._key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            name, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            name, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={name}; p={base64.b64encode(octets).decode()}"


def read_key(octets: bytes) -> SigningKey:
    """Return the key of a file.

    Raises:
        DkimKeyError: There is none, or nobody would believe its signatures.
    """
    if b"PRIVATE KEY-----" not in octets:
        message = "it holds no private key"
        raise DkimKeyError(message)
    try:
        key = load_pem_private_key(octets, None)
    except TypeError:
        message = "it is encrypted, and nobody is asked for its passphrase"
        raise DkimKeyError(message, "`openssl pkey -in OLD -out NEW` writes it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        # Nothing of what the library says: it may quote the key.
        message = "its private key is damaged, or of an unknown kind"
        raise DkimKeyError(message) from None
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        message = "its key is of a kind that DKIM does not have: those are RSA and Ed25519"
        raise DkimKeyError(message)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < LEAST_BITS:
        message = f"its key has {key.key_size} bits, and nobody believes a signature of less than {LEAST_BITS}"
        raise DkimKeyError(message)
    return SigningKey(key)


def new_key(*, is_ed25519: bool = False) -> bytes:
    """Make a key, RSA with 2048 bits unless it *is_ed25519*, and return it as PEM."""
    key: _Private = ed25519.Ed25519PrivateKey.generate() if is_ed25519 else rsa.generate_private_key(65537, GOOD_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
