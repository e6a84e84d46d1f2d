"""Where certificates, keys and authorities come from: this process's own files, or somebody who reads them for it.

    path ──state()──▶ another one than before? ──read()──▶ octets ──as_path()──▶ TLS library

A process that may not read keys is given other `Files`; the TLS library takes paths only, so
octets are handed to it as a file in memory that has no name.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What is asked of files; neither question waits for anybody."""

    def state(self, path: str) -> object:
        """Return what differs when the file that *path* leads to is another, or has changed; None if there is none."""

    def read(self, path: str) -> bytes:
        """Return what the file holds.

        Raises:
            OSError: It cannot be read.
        """


class OwnFiles:
    """Files that this process may read."""

    def state(self, path: str) -> object:
        """Return its place on the disk, its size and its times."""
        try:
            status = os.stat(path)  # noqa: PTH116 - the path is one already
        except OSError:
            return None
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def read(self, path: str) -> bytes:
        """Read it."""
        return Path(path).read_bytes()


OWN_FILES = OwnFiles()


@contextmanager
def as_path(octets: bytes) -> Iterator[str]:
    """Yield a path under which *octets* can be read, by this process and for a moment."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(octets)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("tls")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(octets)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
