"""The folder of the spool, and the lock on it.

SPOOL/           0700; made if it is missing
  lock           flock(2) while a server runs; holds the number of its process
  queue.db       all envelopes, and messages up to 64 KiB (`sqlite_store`), with queue.db-wal
  incoming/      larger messages on their way in (`spool`)
  content/       larger messages
  mta-sts/       policies of other domains (`mta_sts.folder`)
  tls-reports/   what TLS with them came to (`tls_reports.files`)
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

# Below the root that a server is given.
SPOOL = "/var/spool/smtpdsl"

_LOCK, _DATABASE = "lock", "queue.db"
_MAX_PROCESS_DIGITS = 20


class SpoolError(Exception):
    """The spool cannot be used; the text is one sentence, for whoever started the server."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> SpoolError:
        """Say that the spool at *path* cannot be used because of *error*."""
        name = Path(error.filename).name if isinstance(error.filename, str) else ""
        where = f", {name}" if name and name != path.name else ""
        return cls(f"the spool {path} cannot be used: {(error.strerror or str(error)).lower()}{where}")


class SpoolLock:
    """The right to use a spool, until it is released or the process ends.

    A child that is forked and keeps the descriptor keeps the lock; programs that are executed do not get it.
    """

    def __init__(self, descriptor: int) -> None:
        """Hold the lock on *descriptor*."""
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others use the spool."""
        os.close(self._descriptor)


def claim_spool(path: Path) -> SpoolLock:
    """Make the folder *path* if it is missing, and lock it.

    Raises:
        SpoolError: It cannot be had.
    """
    try:
        _make(path)
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SpoolError.of(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except BlockingIOError:
        holder = os.pread(descriptor, _MAX_PROCESS_DIGITS, 0).strip()
        os.close(descriptor)
        who = f"process {holder.decode()}" if holder.isdigit() else "another process"
        message = f"the spool {path} is in use by {who}"
        raise SpoolError(message) from None
    except OSError as error:
        os.close(descriptor)
        raise SpoolError.of(path, error) from error
    return SpoolLock(descriptor)


def sync_folder(path: str | Path) -> None:
    """Make the names in the folder *path* durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    if path.is_dir():
        if not (path / _DATABASE).exists():
            # Whoever made it may have died before the name of the folder was on disk, and those of the ones above it.
            for above in path.parents:
                with suppress(OSError):
                    sync_folder(above)
        return
    if path.exists():
        raise NotADirectoryError(errno.ENOTDIR, "it is no folder")
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True)
    for each in missing:
        sync_folder(each.parent)
