"""What is stored of a password, and whether a password is the one.

    $2b$12$…, $y$j9T$…, $6$…, ab0123456789.     hash       crypt(3)
    $argon2id$v=19$m=65536,t=3,p=4$…            hash       argon2
    {SCRAM-SHA-256}4096,…                       keys       PBKDF2
    *LOCKED*                                    no password will do; a certificate may
    !$6$…                                       nobody may log in

A login and a colon may stand before it.  Hashes are of the octets that a client sends, as
in the original; only SCRAM prepares them first, because its clients do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hmac import compare_digest
from typing import TypeAlias

from smtpdsl.ir.scram_keys import MIN_ITERATIONS, SCRAM_SCHEME, ScramKeys, parse_scram_keys
from smtpdsl.ir.table_entry import listener_credentials_problem
from smtpdsl.record import Record
from smtpdsl.runtime.credentials.argon2_library import argon2_matches
from smtpdsl.runtime.credentials.crypt_library import crypt_hash
from smtpdsl.runtime.credentials.scram_secret import scram_matches
from smtpdsl.runtime.credentials.secret import Secret

_ARGON2 = "$argon2"
_BCRYPT_COST = len("$2b$12")
_SCRYPT_COST = len("$7$CU..../....")


class CheckError(Exception):
    """A password that cannot be checked, for now or for good; the text says why and repeats no secret."""


class PasswordHash(Record):
    """A hash of crypt(3) or argon2."""

    text: str

    def __repr__(self) -> str:
        return "PasswordHash(…)"

    @property
    def is_argon2(self) -> bool:
        """Whether crypt(3) does not know it."""
        return self.text.startswith(_ARGON2)


class Locked(Record):
    """No password opens this account; with *is_shut* nothing does."""

    is_shut: bool


Checked: TypeAlias = PasswordHash | ScramKeys
Stored: TypeAlias = Checked | Locked

NOBODY = ScramKeys(iterations=MIN_ITERATIONS, salt=bytes(16), stored_key=bytes(32), server_key=bytes(32))
"""Keys of no password."""


def read_stored(value: str) -> Stored | None:
    """Read the value of an entry of credentials; None if nobody can log in with it, which `check` has reported."""
    if listener_credentials_problem(value) is not None:
        return None
    secret = value.partition(":")[2] or value
    if secret.startswith(("!", "*")):
        return Locked(is_shut=secret.startswith("!"))
    return parse_scram_keys(secret) if secret.startswith(SCRAM_SCHEME) else PasswordHash(text=secret)


def shape(stored: Stored) -> str:
    """Return the kind and the costs of *stored*, without salt and hash: equal ones take equally long to check."""
    match stored:
        case ScramKeys():
            return f"{SCRAM_SCHEME}{stored.iterations}"
        case Locked():
            return ""
        case PasswordHash(text=text) if text.startswith("$2"):
            return text[:_BCRYPT_COST]
        case PasswordHash(text=text) if text.startswith("$7$"):
            return text[:_SCRYPT_COST]
        case PasswordHash(text=text):
            # "$kind$costs$salt$hash"; without dollars the two kinds of DES, which cost next to nothing.
            return text.rsplit("$", 2)[0] if "$" in text else text[:1] * text.startswith("_")


def typical(stored: Sequence[Checked]) -> Checked:
    """Return one of *stored* that takes as long to check as most do: what an unknown login is checked against."""
    shapes = list(map(shape, stored))
    return stored[shapes.index(Counter(shapes).most_common(1)[0][0])] if shapes else NOBODY


def matches(stored: Checked, password: Secret) -> bool:
    """Whether *password* is the one; it may take a second, so ask in a thread.

    Raises:
        CheckError: This system cannot tell.
    """
    if isinstance(stored, ScramKeys):
        return scram_matches(stored, password)
    if stored.is_argon2:
        is_right = argon2_matches(stored.text, password.reveal())
        if is_right is None:
            message = "a hash of argon2 could not be checked"
            raise CheckError(message)
        return is_right
    computed = crypt_hash(password.reveal(), stored.text)
    if computed is None:
        message = "crypt(3) could not check a hash"
        raise CheckError(message)
    return compare_digest(computed.encode(), stored.text.encode())
