"""Mail data that can be read now, however it is kept.

A message that is kept in a file is never held in memory as a whole, and never delivered
in part: who copies it gets an error at the end of a file that is too short.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from smtpdsl.mail.header import header_end
from smtpdsl.runtime.interfaces import Content, InlineContent
from smtpdsl.runtime.sealing.reading import pieces
from smtpdsl.runtime.sealing.seal import PLAIN, Seal, SealError

# A header of more than this is looked at up to here; no honest one comes near.
MAX_HEAD_OCTETS = 256 * 1024
_CHUNK_OCTETS = 256 * 1024
# Enough for the header of nearly every message.
_FIRST_LOOK_OCTETS = 16 * 1024


class ContentError(Exception):
    """Mail data cannot be read; the text says why."""


class OpenContent:
    """Mail data, in memory or in a file that is open for reading."""

    def __init__(self, size: int, octets: bytes = b"", descriptor: int | None = None, seal: Seal = PLAIN) -> None:
        """Read *octets*, or *size* octets of the file *descriptor*, which stays the caller's and has this *seal*."""
        self.size = size
        self._octets = octets
        self._descriptor = descriptor
        self._seal = seal

    def head(self) -> bytes:
        """Return the header with the end of its last line, at most `MAX_HEAD_OCTETS` of it.

        Raises:
            ContentError: The file cannot be read.
        """
        if self._descriptor is None:
            return _header(self._octets[:MAX_HEAD_OCTETS])
        if not self._seal.is_plain:
            return _header(self._beginning())
        octets = _read(self._descriptor, _FIRST_LOOK_OCTETS, 0)
        if len(octets) == _FIRST_LOOK_OCTETS and b"\n\n" not in octets:
            octets = _read(self._descriptor, MAX_HEAD_OCTETS, 0)
        return _header(octets)

    def chunks(self, prefix: bytes) -> Iterator[bytes]:
        """Yield *prefix* and the mail data piece by piece; what is in memory is one piece.

        Raises:
            ContentError: The file cannot be read, or ends too early.
        """
        if self._descriptor is None:
            yield prefix + self._octets
            return
        yield prefix
        if not self._seal.is_plain:
            yield from self._opened(self._descriptor)
            return
        position = 0
        while position < self.size:
            chunk = _read(self._descriptor, min(_CHUNK_OCTETS, self.size - position), position)
            if not chunk:
                raise _other_size(position, self.size)
            yield chunk
            position += len(chunk)

    def _beginning(self) -> bytes:
        """Return enough of a sealed file to find its header in."""
        octets = b""
        assert self._descriptor is not None, "what is in memory is sealed no more"
        for piece in self._opened(self._descriptor):
            octets += piece
            if b"\n\n" in octets or len(octets) >= MAX_HEAD_OCTETS:
                break
        return octets[:MAX_HEAD_OCTETS]

    def _opened(self, descriptor: int) -> Iterator[bytes]:
        position = 0
        try:
            for piece in pieces(descriptor, self._seal):
                position += len(piece)
                if position > self.size:
                    break
                yield piece
        except SealError as error:
            message = f"the file of the message is damaged: {error}"
            raise ContentError(message) from None
        except OSError as error:
            raise _unreadable(error) from None
        if position != self.size:
            raise _other_size(position, self.size)


@contextmanager
def open_content(content: Content) -> Iterator[OpenContent]:
    """Open *content* for reading.

    Raises:
        ContentError: The file cannot be opened.
    """
    if isinstance(content, InlineContent):
        yield OpenContent(content.size, content.octets)
        return
    descriptor = open_spooled(content.path)
    try:
        yield OpenContent(content.size, descriptor=descriptor, seal=content.seal)
    finally:
        os.close(descriptor)


def open_spooled(path: str) -> int:
    """Open the file of a message, and return its descriptor.

    Raises:
        ContentError: It cannot be opened.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        message = f"cannot open the file of the message: {path}: {error.strerror}"
        raise ContentError(message) from None


def _read(descriptor: int, count: int, position: int) -> bytes:
    try:
        return os.pread(descriptor, count, position)
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> ContentError:
    return ContentError(f"cannot read the file of the message: {error.strerror}")


def _other_size(position: int, size: int) -> ContentError:
    return ContentError(f"the file of the message ends after {position} of its {size} octets")


def _header(octets: bytes) -> bytes:
    """Cut *octets* where the header ends; all of them may belong to it."""
    end = header_end(octets)
    return octets if end < 0 else octets[:end]
