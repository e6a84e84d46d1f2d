"""SCRAM-SHA-256 and -PLUS, the client's side (RFC 5802, RFC 7677); `sasl.scram` has the picture.

    n,,     nothing to bind to, or -PLUS was refused
    y,,     it could be bound, and the server does not offer that: one that does knows then that somebody cut it out
    p=…,,   bound to the certificate that the server has shown (RFC 5929 §4)

The server learns nothing that it could log in with elsewhere, and has to prove that it
knows the keys of the password: one that cannot is not believed when it says 235.  With
-PLUS nobody can sit between the two, whatever certificate it has.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from binascii import b2a_base64
from collections.abc import Callable
from typing import NamedTuple

from smtpdsl.runtime.credentials.saslprep import SaslprepError, saslprep
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.protocol.client_login import EndPoint, LoginError
from smtpdsl.runtime.sasl.names import from_base64

_HASH = "sha256"
_NONCE_OCTETS = 18
# RFC 7677 §4 wants at least 4096.  Fewer would help to guess the password, and more would keep everybody else waiting.
_MIN_ITERATIONS = 4096
_MAX_ITERATIONS = 200_000
# gs2-header = gs2-cbind-flag "," [ authzid ] ","          RFC 5802 §7; nobody acts for somebody else here
_UNBOUND, _UNOFFERED, _BOUND = b"n,,", b"y,,", b"p=tls-server-end-point,,"

# server-first-message = nonce "," salt "," iteration-count ["," extensions]         RFC 5802 §7
_SERVER_FIRST = re.compile(
    rb"r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+),s=(?P<salt>[A-Za-z0-9+/=]+),i=(?P<iterations>[1-9][0-9]{0,9})(?:,.*)?"
)


class ScramKeys(NamedTuple):
    """What is computed of the password, with much work."""

    client_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return "ScramKeys(…)"


class ScramKeyCache:
    """The keys of one password, computed once for the salt that its server has."""

    def __init__(self, password: Secret) -> None:
        """Compute nothing yet."""
        self._password = password
        self._known: tuple[tuple[bytes, int], ScramKeys] | None = None

    def keys(self, salt: bytes, iterations: int) -> ScramKeys:
        """Return the keys (RFC 5802 §3)."""
        if self._known is None or self._known[0] != (salt, iterations):
            salted = hashlib.pbkdf2_hmac(_HASH, _prepared(self._password.reveal()), salt, iterations)
            keys = ScramKeys(hmac.digest(salted, b"Client Key", _HASH), hmac.digest(salted, b"Server Key", _HASH))
            self._known = (salt, iterations), keys
        return self._known[1]


def client_nonce() -> bytes:
    """Return what nobody can foresee."""
    return secrets.token_urlsafe(_NONCE_OCTETS).encode("ascii")


class Binding(NamedTuple):
    """How an exchange stands to the channel: the header that says so, and what it is bound to."""

    header: bytes
    octets: bytes = b""

    @property
    def mechanism(self) -> str:
        """The mechanism that it belongs to."""
        return SCRAM_PLUS if self.octets else SCRAM


SCRAM, SCRAM_PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
NOT_BOUND = Binding(_UNBOUND)


def binding_of(offered: frozenset[str], refused: frozenset[str], end_point: EndPoint) -> Binding | None:
    """Choose among the mechanisms *offered*, after those that were *refused*; None if no SCRAM is left."""
    left = offered - refused
    if SCRAM not in left and SCRAM_PLUS not in left:
        return None
    found = end_point()
    if found and SCRAM_PLUS in left:
        return Binding(_BOUND, found)
    if SCRAM not in left:
        return None
    return Binding(_UNOFFERED) if found and SCRAM_PLUS not in offered else NOT_BOUND


class ScramSha256:
    """One exchange."""

    def __init__(
        self,
        user: str,
        cache: ScramKeyCache,
        binding: Binding = NOT_BOUND,
        nonce: Callable[[], bytes] = client_nonce,
    ) -> None:
        """Log in as *user*; *nonce* makes our half of the nonce."""
        self.mechanism = binding.mechanism
        self._binding = binding
        self._cache = cache
        self._nonce = nonce()
        self._bare = b"n=%b,r=%b" % (_name(user), self._nonce)
        self._signature: bytes | None = None
        self.is_complete = False

    def respond(self, challenge: bytes | None) -> bytes:
        """Say who logs in, prove it, and check the server's proof."""
        if challenge is None:
            return self._binding.header + self._bare
        if self._signature is None:
            return self._prove(challenge)
        self._check(challenge)
        return b""

    def _prove(self, server_first: bytes) -> bytes:
        found = _SERVER_FIRST.fullmatch(server_first)
        salt = from_base64(found["salt"]) if found else None
        if found is None or salt is None:
            message = f"it speaks no {SCRAM}"
            raise LoginError(message)
        if not found["nonce"].startswith(self._nonce) or found["nonce"] == self._nonce:
            message = "it answers another exchange"
            raise LoginError(message)
        iterations = int(found["iterations"])
        if not _MIN_ITERATIONS <= iterations <= _MAX_ITERATIONS:
            message = f"it wants {iterations} iterations, and not {_MIN_ITERATIONS} to {_MAX_ITERATIONS}"
            raise LoginError(message)
        return self._final(server_first, found["nonce"], self._cache.keys(salt, iterations))

    def _final(self, server_first: bytes, nonce: bytes, keys: ScramKeys) -> bytes:
        channel = b2a_base64(self._binding.header + self._binding.octets, newline=False)
        unproved = b"c=%b,r=%b" % (channel, nonce)
        message = b",".join((self._bare, server_first, unproved))
        signature = hmac.digest(hashlib.new(_HASH, keys.client_key).digest(), message, _HASH)
        proof = bytes(ours ^ theirs for ours, theirs in zip(keys.client_key, signature, strict=True))
        self._signature = hmac.digest(keys.server_key, message, _HASH)
        return b"%b,p=%b" % (unproved, b2a_base64(proof, newline=False))

    def _check(self, server_final: bytes) -> None:
        expected = b"v=" + b2a_base64(self._signature or b"", newline=False)
        if self.is_complete or not hmac.compare_digest(server_final.partition(b",")[0], expected):
            message = "it does not know the password"
            raise LoginError(message)
        self.is_complete = True


def _prepared(password: bytes) -> bytes:
    try:
        return saslprep(password.decode()).encode()
    except (SaslprepError, UnicodeDecodeError):
        # Whoever set the password has found a way; the server is to say whether it was this one.
        return password


def _name(user: str) -> bytes:
    return user.encode().replace(b"=", b"=3D").replace(b",", b"=2C")
