"""Streams of frames, each encrypted and authenticated: AES-256-GCM, as cryptography does it.

    salt, 16 octets │ 64 KiB, tag │ 64 KiB, tag │ … │ the rest, tag
                      nonce 0,0     nonce 1,0         nonce n,1

The nonce has the number of the frame, and whether it is the last one.  So frames that are changed, lost,
repeated or swapped are noticed before anything of them is used, and so is an end that comes too early.  Every
stream has a key of its own, for its salt is random; a nonce is never used twice with one key.

The only module of the server that imports cryptography for the queue.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sealing.keys import stream_key
from smtpdsl.runtime.sealing.seal import SealError

FRAME_OCTETS = 64 * 1024
SALT_OCTETS = 16
_TAG_OCTETS = 16
_COUNTER_OCTETS = 11


class Encryption:
    """A stream that is being written."""

    def __init__(self, entry_key: Secret) -> None:
        """Begin with a new salt."""
        self._salt = os.urandom(SALT_OCTETS)
        self._cipher = AESGCM(stream_key(entry_key, self._salt))
        self._frames = 0
        # What may yet be the last frame.
        self._rest = bytearray()

    def update(self, octets: bytes) -> bytes:
        """Return what is to be stored of *octets*, and of those before."""
        self._rest += octets
        stored = []
        while len(self._rest) > FRAME_OCTETS:
            stored.append(self._frame(bytes(self._rest[:FRAME_OCTETS]), is_last=False))
            del self._rest[:FRAME_OCTETS]
        return b"".join(stored)

    def finish(self) -> bytes:
        """Return the end of the stream."""
        return self._frame(bytes(self._rest), is_last=True)

    def _frame(self, octets: bytes, *, is_last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._frames, is_last=is_last), octets, None)
        sealed = sealed if self._frames else self._salt + sealed
        self._frames += 1
        return sealed


def decrypted(entry_key: Secret, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what a stream has, frame by frame; *read* returns so many octets of it, fewer only at the end.

    Raises:
        SealError: It is not what was written.
    """
    salt = read(SALT_OCTETS)
    cipher = AESGCM(stream_key(entry_key, salt))
    number, frame = 0, read(FRAME_OCTETS + _TAG_OCTETS)
    is_last = False
    while not is_last:
        following = read(FRAME_OCTETS + _TAG_OCTETS)
        is_last = not following
        try:
            octets = cipher.decrypt(_nonce(number, is_last=is_last), frame, None)
        except (InvalidTag, ValueError):
            # ValueError: shorter than a tag.
            message = "it was changed or cut off after it had been encrypted"
            raise SealError(message) from None
        yield octets
        number, frame = number + 1, following


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_COUNTER_OCTETS) + bytes([is_last])
