"""From octets to what is stored of them, and back; piece by piece, so that nothing is in memory as a whole.

    octets ──▶ gzip ──▶ frames ──▶ stored
               form 1    form 2

Compressed before it is encrypted: what is encrypted cannot be compressed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sealing.seal import SealError, is_compressed, is_known, key_number_of

if TYPE_CHECKING:
    from smtpdsl.runtime.sealing.cipher import Encryption

# With the header of gzip, so that `zcat` reads the files.
_GZIP = 16 + zlib.MAX_WBITS
# At most so many octets come at a time, however well they were compressed.
PIECE_OCTETS = 256 * 1024


class Encoder:
    """A stream that is being written."""

    def __init__(self, form: int, entry_key: Secret | None = None) -> None:
        """Write in *form*; *entry_key* is that of this entry, if it is to be encrypted."""
        self._compressor = zlib.compressobj(wbits=_GZIP) if is_compressed(form) else None
        self._encryption = _encryption(entry_key) if entry_key is not None else None

    def update(self, octets: bytes) -> bytes:
        """Return what is to be stored now."""
        if self._compressor is not None:
            octets = self._compressor.compress(octets)
        return octets if self._encryption is None else self._encryption.update(octets)

    def finish(self) -> bytes:
        """Return what is to be stored at the end."""
        octets = b"" if self._compressor is None else self._compressor.flush()
        return octets if self._encryption is None else self._encryption.update(octets) + self._encryption.finish()


def decoded(form: int, entry_key: Secret | None, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the octets of a stream in *form*, in pieces of up to `PIECE_OCTETS`.

    Args:
        form: How it is stored.
        entry_key: The key of this entry, if it is encrypted.
        read: Returns so many octets of what is stored, fewer only at the end.

    Raises:
        SealError: It is not what was written.
        OSError: It cannot be read.
    """
    if not is_known(form):
        message = f"it is stored in the form {form:x}, which this version does not know"
        raise SealError(message)
    if key_number_of(form) is None:
        pieces = iter(lambda: read(PIECE_OCTETS), b"")
    else:
        assert entry_key is not None, "whoever opens it has looked for the key"
        pieces = _decrypted(entry_key, read)
    return _decompressed(pieces) if is_compressed(form) else pieces


def _decompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(wbits=_GZIP)
    try:
        for piece in pieces:
            if decompressor.eof:
                raise _other_end()
            rest, found = piece, b""
            # What has been read may hold more than fits into what is returned.
            while (rest or len(found) == PIECE_OCTETS) and not decompressor.eof:
                found = decompressor.decompress(rest, PIECE_OCTETS)
                rest = decompressor.unconsumed_tail
                if found:
                    yield found
    except zlib.error:
        message = "it cannot be decompressed"
        raise SealError(message) from None
    if not decompressor.eof or decompressor.unused_data:
        raise _other_end()


def _other_end() -> SealError:
    return SealError("what was compressed has another end")


# cryptography is loaded by those who have a key, and by nobody else.


def _encryption(entry_key: Secret) -> Encryption:
    from smtpdsl.runtime.sealing.cipher import Encryption  # noqa: PLC0415 - see above

    return Encryption(entry_key)


def _decrypted(entry_key: Secret, read: Callable[[int], bytes]) -> Iterator[bytes]:
    from smtpdsl.runtime.sealing.cipher import decrypted  # noqa: PLC0415 - see above

    return decrypted(entry_key, read)
