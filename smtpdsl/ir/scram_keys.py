"""What a table keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677).

    ann    {SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo…=,wfPLwcE6nTWhTAmQ7tl2…=
                          │    salt                     StoredKey              ServerKey
                          iterations

An extension of the entry syntax, in the notation of Dovecot: it has no colon, which
separates a login from its hash, and no dollar sign, which begins the name of a macro.
Whoever reads the entry can check passwords and pose as the server, but cannot log in.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from smtpdsl.record import Record
from smtpdsl.text_error import TextError

SCRAM_SCHEME = "{SCRAM-SHA-256}"

# RFC 7677 §4: the hash iteration-count should be at least 4096.  A client does this work for us, and gives up on more.
MIN_ITERATIONS = 4096
MAX_ITERATIONS = 10_000_000

_KEY_OCTETS = 32
_MIN_SALT_OCTETS = 8
_MAX_SALT_OCTETS = 64
_FIELDS = 4


class ScramKeysError(TextError):
    """An entry that begins as one with keys of SCRAM, and has none."""


class ScramKeys(Record):
    """The four values that RFC 5802 §3 lets a server keep."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"ScramKeys(iterations={self.iterations}, …)"

    @property
    def entry(self) -> str:
        """The keys as an entry of a table."""
        octets = (self.salt, self.stored_key, self.server_key)
        in_base64 = [b2a_base64(each, newline=False).decode("ascii") for each in octets]
        return SCRAM_SCHEME + ",".join([str(self.iterations), *in_base64])


def parse_scram_keys(text: str) -> ScramKeys:
    """Read an entry that begins with `SCRAM_SCHEME`.

    Raises:
        ScramKeysError: Something else stands behind the scheme; the message repeats none of it.
    """
    fields = text.removeprefix(SCRAM_SCHEME).split(",")
    if not text.startswith(SCRAM_SCHEME) or len(fields) != _FIELDS:
        message = f'expected "{SCRAM_SCHEME}ITERATIONS,SALT,STOREDKEY,SERVERKEY"'
        raise ScramKeysError(message, 0, len(text))
    salt, stored_key, server_key = map(_octets, fields[1:])
    if not _MIN_SALT_OCTETS <= len(salt) <= _MAX_SALT_OCTETS:
        message = f"expected {_MIN_SALT_OCTETS} to {_MAX_SALT_OCTETS} octets of salt in base64"
        raise ScramKeysError(message, 0, len(text))
    if not len(stored_key) == len(server_key) == _KEY_OCTETS:
        message = f"expected two keys of {_KEY_OCTETS} octets in base64"
        raise ScramKeysError(message, 0, len(text))
    return ScramKeys(iterations=_iterations(fields[0]), salt=salt, stored_key=stored_key, server_key=server_key)


def _iterations(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ITERATIONS))
    if is_number and MIN_ITERATIONS <= int(text) <= MAX_ITERATIONS:
        return int(text)
    message = f"expected {MIN_ITERATIONS} to {MAX_ITERATIONS} iterations"
    raise ScramKeysError(message, len(SCRAM_SCHEME), len(SCRAM_SCHEME) + len(text))


def _octets(text: str) -> bytes:
    """Decode base64; what is none counts as empty."""
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""
