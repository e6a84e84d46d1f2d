"""Which entry of the queue something is, and in which form it is kept.

    form     0            as it is
             1            compressed, as gzip(1) does it
             key << 8 | 2 encrypted
             key << 8 | 3 compressed, then encrypted

A checksum, and the key that an entry is encrypted with, depend on which entry it is: an entry in the place of
another one is damaged.  The number of a key is a fingerprint of 32 bits (`keys`).
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import NamedTuple

from smtpdsl.runtime.credentials.secret import Secret

COMPRESSED = 1
ENCRYPTED = 2
_KEY_SHIFT = 8
_LOW_BITS = (1 << _KEY_SHIFT) - 1
# The number of a key has 32 bits.
_FORM_LIMIT = 1 << _KEY_SHIFT + 32
# SHA-256, cut off: half of the time of BLAKE2 where the processor knows it, a third of a microsecond at least.
DIGEST_OCTETS = 16
_NUMBER_OCTETS = 8


class SealError(OSError):
    """An entry is not what was written; the text says what is wrong with it, and can be shown to anybody."""


class Kind(Enum):
    """The kinds of entries."""

    MESSAGE = b"m"
    CONTENT = b"c"
    ENVELOPE = b"e"


class Entry(NamedTuple):
    """An entry: its kind, the number of the message or envelope, and what else it must not be parted from."""

    kind: Kind
    number: int
    beside: bytes = b""

    @property
    def octets(self) -> bytes:
        """What no other entry has.

        Raises:
            OverflowError: There is no such number.
        """
        return self.kind.value + self.number.to_bytes(_NUMBER_OCTETS, signed=True) + self.beside


class Seal(NamedTuple):
    """How the content of a file is kept: its form, its checksum, and the *key* of this entry alone, if it has one."""

    form: int = 0
    digest: bytes = b""
    key: Secret | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the file has the content as it is."""
        return not self.form


PLAIN = Seal()


def form_of(*, is_compressed: bool, key_number: int | None) -> int:
    """Return the form of what is compressed, or encrypted with a key, or both."""
    encrypted = 0 if key_number is None else key_number << _KEY_SHIFT | ENCRYPTED
    return encrypted | (COMPRESSED if is_compressed else 0)


def is_compressed(form: int) -> bool:
    """Whether what has this form is compressed."""
    return bool(form & COMPRESSED)


def key_number_of(form: int) -> int | None:
    """Return the number of the key that is needed, if one is."""
    return form >> _KEY_SHIFT if form & ENCRYPTED else None


def is_known(form: int) -> bool:
    """Whether this version knows what the form means."""
    if form & ENCRYPTED:
        return 0 < form < _FORM_LIMIT and form & _LOW_BITS in {ENCRYPTED, ENCRYPTED | COMPRESSED}
    return form in {0, COMPRESSED}


class Checksum:
    """The checksum of an entry that comes piece by piece."""

    def __init__(self, entry: Entry, form: int) -> None:
        """Begin with nothing."""
        self._hash = hashlib.sha256(entry.octets + form.to_bytes(_NUMBER_OCTETS))

    def update(self, octets: bytes) -> None:
        """Go on with *octets*, as they are stored."""
        self._hash.update(octets)

    def digest(self) -> bytes:
        """Return it."""
        return self._hash.digest()[:DIGEST_OCTETS]


def checksum(entry: Entry, form: int, octets: bytes) -> bytes:
    """Return the checksum of *entry*, stored in *form* as *octets*."""
    return hashlib.sha256(entry.octets + form.to_bytes(_NUMBER_OCTETS) + octets).digest()[:DIGEST_OCTETS]
