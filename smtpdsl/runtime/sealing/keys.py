"""The keys of the queue: one that is written with, and those that can be read.

    key of the configuration ──▶ number            which key an entry needs; tells nothing else of it
                            └──▶ key of an entry   HMAC-SHA256 over what entry it is
                                    └──▶ key of a stream   over 16 random octets that stand before it

So no two streams have a key in common, however many there are, and whoever is given the key of an entry, to
deliver it, can read that entry and no other.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sealing.seal import Entry

KEY_OCTETS = 32
_HASH = "sha256"
_NUMBER_OCTETS = 4


class Key:
    """A key of the configuration."""

    def __init__(self, secret: Secret) -> None:
        """Take *secret*, of `KEY_OCTETS` octets."""
        octets = secret.reveal()
        assert len(octets) == KEY_OCTETS, "whoever reads it looks at its length"
        self.number = int.from_bytes(hmac.digest(octets, b"smtpdsl queue key number", _HASH)[:_NUMBER_OCTETS])
        self._entries = hmac.digest(octets, b"smtpdsl queue entries", _HASH)

    def of(self, entry: Entry) -> Secret:
        """Return the key of *entry*."""
        return Secret(hmac.digest(self._entries, entry.octets, _HASH))


class Keys:
    """The keys that there are."""

    def __init__(self, current: Key | None = None, others: Iterable[Key] = ()) -> None:
        """Write with *current*, or without encryption; read with *others*, too."""
        self.current = current
        known = [*others, *([current] if current else [])]
        self._by_number = {each.number: each for each in known}

    def __contains__(self, number: object) -> bool:
        return number in self._by_number

    @property
    def numbers(self) -> tuple[int, ...]:
        """Which there are, those first that are only read with."""
        return tuple(self._by_number)

    def find(self, number: int) -> Key | None:
        """Return the key with that number."""
        return self._by_number.get(number)


NO_KEYS = Keys()


def stream_key(entry_key: Secret, salt: bytes) -> bytes:
    """Return the key of the stream that begins with *salt*."""
    return hmac.digest(entry_key.reveal(), salt, _HASH)


def key_fingerprint(number: int) -> str:
    """Show the number of a key."""
    return f"{number:08x}"
