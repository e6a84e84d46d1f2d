"""Write a mended file back, so that at every moment the old or the new text is there, whole.

The new text goes to a temporary file in the same folder, which then takes the place of
the old one.  A symbolic link stays what it is: its target is replaced.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class FileChangedError(Exception):
    """The file is not what was read any more, so what was made of it must not replace it."""


def write_back(path: Path, before: str, after: str) -> None:
    """Replace the text *before* of the file at *path* by *after*, keeping mode and owner.

    Texts stand for octets of UTF-8 with ``surrogateescape``, their line ends untouched.

    Raises:
        FileChangedError: The file does not hold *before*; nothing is written.
        OSError: The file cannot be read, its folder cannot be written, or its owner
            cannot be kept.  Unless the last sync failed, the file is as it was.
    """
    target = path.resolve(strict=True)
    status = _status(target, _octets(before))
    with _beside(target, _octets(after), status) as temporary:
        # Somebody may have saved the file while we wrote ours; their text must not be lost.
        if _identity(target.lstat()) != _identity(status):
            raise _changed(target)
        temporary.replace(target)
    sync_folder(target.parent)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _status(target: Path, expected: bytes) -> os.stat_result:
    """Return the status of the regular file *target*, read together with its content, which is *expected*."""
    # O_NONBLOCK: a named pipe in its place would keep us waiting for somebody to write.
    descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or file.read() != expected:
            raise _changed(target)
    return status


@contextmanager
def _beside(target: Path, content: bytes, status: os.stat_result) -> Iterator[Path]:
    """Give the path of a synced file in the folder of *target*; unless it is renamed, it vanishes again."""
    descriptor, name = mkstemp(prefix=".smtpdsl-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            own = os.fstat(descriptor)
            if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            # After the owner, because a change of owner takes away set-user-ID bits.
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            os.fsync(descriptor)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _changed(target: Path) -> FileChangedError:
    return FileChangedError(f"{target} was changed since it was read")


def sync_folder(folder: Path) -> None:
    """Put the new entry of *folder* on stable storage."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
