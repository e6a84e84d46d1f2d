"""From a password to the keys of SCRAM-SHA-256, the slow part of RFC 5802 §3.

SaltedPassword  := Hi(Normalize(password), salt, i)
StoredKey       := H(HMAC(SaltedPassword, "Client Key"))
ServerKey       := HMAC(SaltedPassword, "Server Key")
"""

from __future__ import annotations

import hashlib
import hmac

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.credentials.saslprep import SaslprepError, saslprep
from smtpdsl.runtime.credentials.secret import Secret

_HASH = "sha256"


def scram_keys(password: Secret, salt: bytes, iterations: int) -> ScramKeys:
    """Compute what a table keeps of *password*; it takes milliseconds, without the interpreter's lock."""
    salted = hashlib.pbkdf2_hmac(_HASH, _normalized(password.reveal()), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", _HASH)
    stored_key = hashlib.new(_HASH, client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", _HASH)
    return ScramKeys(iterations=iterations, salt=salt, stored_key=stored_key, server_key=server_key)


def scram_matches(keys: ScramKeys, password: Secret) -> bool:
    """Whether *keys* were made of *password*."""
    computed = scram_keys(password, keys.salt, keys.iterations)
    return hmac.compare_digest(computed.stored_key, keys.stored_key)


def _normalized(password: bytes) -> bytes:
    # What cannot be prepared is taken as it is, as everybody does who makes such keys (PostgreSQL, Dovecot).
    try:
        return saslprep(password.decode("utf-8")).encode("utf-8")
    except (UnicodeDecodeError, SaslprepError):
        return password
