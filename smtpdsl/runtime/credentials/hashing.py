"""What to store of a new password."""

from __future__ import annotations

import secrets
import string

from smtpdsl.runtime.credentials.crypt_library import crypt_hash, new_setting
from smtpdsl.runtime.credentials.scram_secret import scram_keys
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError

# A client computes this many rounds at each login: some 30 ms, where RFC 7677 §4 asks for 4096 at least.
SCRAM_ITERATIONS = 100_000
_SALT_OCTETS = 16

_SALT_CHARACTERS = string.ascii_letters + string.digits
# For a crypt(3) that has no preference of its own; every one of today knows it.
_COMMON = "$6$rounds=100000$"


def hash_entry(password: Secret) -> str:
    """Return a hash of *password*, of the kind that crypt(3) of this system thinks best.

    Raises:
        CheckError: There is no crypt(3), or it failed.
    """
    salt = "".join(secrets.choice(_SALT_CHARACTERS) for _ in range(_SALT_OCTETS))
    made = crypt_hash(password.reveal(), new_setting() or _COMMON + salt)
    if made is None:
        message = "crypt(3) of this system made no hash"
        raise CheckError(message)
    return made


def scram_entry(password: Secret) -> str:
    """Return keys of *password* for SCRAM-SHA-256; PLAIN and LOGIN can be checked with them too."""
    return scram_keys(password, secrets.token_bytes(_SALT_OCTETS), SCRAM_ITERATIONS).entry
