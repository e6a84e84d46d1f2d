"""What the spool of large messages asks of the operating system; every method may block, and runs in a thread."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from smtpdsl.runtime.interfaces import StorageError, StorageFullError
from smtpdsl.runtime.queue.folder import sync_folder
from smtpdsl.runtime.sealing.seal import Seal
from smtpdsl.runtime.sealing.seals import FileSealer


class Files:
    """The file system."""

    def create(self, path: Path) -> int:
        """Make a new file, and return its descriptor for writing."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def write(self, descriptor: int, octets: memoryview) -> int:
        """Write some of *octets*, and return how many."""
        return os.write(descriptor, octets)

    def sync(self, descriptor: int) -> None:
        """Make the octets of a file durable."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name."""
        old.rename(new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def open(self, path: Path) -> int:
        """Open a file, and return its descriptor for reading."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def read(self, descriptor: int, count: int) -> bytes:
        """Read up to *count* octets, which go on where the last ones ended."""
        return os.read(descriptor, count)

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        sync_folder(path)


class SpoolFile:
    """A message on its way: written as ``incoming/N``, and ``content/N`` when it is whole and durable."""

    def __init__(self, incoming: Path, content: Path, files: Files, sealer: FileSealer) -> None:
        """Begin with nothing; the first write makes the file.  What *sealer* makes of the octets is written."""
        self._incoming = incoming
        self._content = content
        self._files = files
        self._sealer = sealer
        self._descriptor: int | None = None

    @property
    def how_sealed(self) -> Seal:
        """The form and the checksum of the file, when it is whole."""
        return self._sealer.seal

    def write(self, octets: bytes) -> None:
        """Append *octets*."""
        self._write(self._sealer.update(octets))

    def _write(self, stored: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = self._files.create(self._incoming)
        rest = memoryview(stored)
        while rest:
            rest = rest[self._files.write(self._descriptor, rest) :]

    def seal(self, octets: bytes) -> None:
        """Append the last *octets*, and make everything durable; nothing is left of a file that cannot be."""
        files = self._files
        try:
            self._write(self._sealer.update(octets) + self._sealer.finish())
            assert self._descriptor is not None, "a write makes the file"
            files.sync(self._descriptor)
            descriptor, self._descriptor = self._descriptor, None
            files.close(descriptor)
            files.rename(self._incoming, self._content)
            # Its old name may come back after a power cut: the next start removes that, and the new one is there.
            files.sync_folder(self._content.parent)
        except OSError:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove the file, however far it has come; one that cannot be removed goes at the next start."""
        files = self._files
        with contextlib.suppress(OSError):
            if self._descriptor is not None:
                descriptor, self._descriptor = self._descriptor, None
                files.close(descriptor)
        for path in (self._incoming, self._content):
            with contextlib.suppress(OSError):
                files.remove(path)


def storage_error(error: BaseException) -> StorageError:
    """Say that a message cannot be stored because of *error*."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError("no space is left for the spool")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
    return StorageError(f"the spool cannot be written: {reason}")
