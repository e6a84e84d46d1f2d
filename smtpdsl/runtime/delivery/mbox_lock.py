"""The two locks of an mbox file, which every program that touches it is supposed to take.

    1. fcntl    a write lock on the open file           kernels; ends with whoever holds it
    2. PATH.lock, made by whoever finds none            other hosts, old programs; stale after five minutes, and
                                                        at once if a delivery of this host died with it

In this order, as Debian Policy §11.6 has it, and none is waited for while the other is held.
The first one is of the open file and not of the process (F_OFD_SETLK): it also keeps the
threads of one process apart, and conflicts with those of other programs all the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from smtpdsl.runtime.delivery.stop import is_stopped

# How long others are waited for: whoever reads mail writes a mailbox anew in less.
LOCK_SECONDS = 30.0
# What liblockfile gives a lock file, and so what most programs of Debian do; whoever writes for longer touches it.
STALE_SECONDS = 300.0
SUFFIX = ".lock"
_FIRST_WAIT_SECONDS = 0.005
_LONGEST_WAIT_SECONDS = 0.5
_LOCK_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_MODE = 0o600
# Others read the number of the process, and no further (lockfile_create(3)).
_OWNER = f"smtpdsl@{os.uname().nodename}"
_MAX_OWNER_OCTETS = 256
# struct flock: type, whence, start, length, process.
_WHOLE_FILE = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_HELD = frozenset({errno.EAGAIN, errno.EACCES})
# Where nobody may make files, there is none of anybody else.
_NO_PLACE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class MailboxError(Exception):
    """A mailbox cannot be used now; the text says why."""


class LockFile:
    """A lock file that is ours."""

    def __init__(self, path: str, status: os.stat_result) -> None:
        """Know it by its *path* and its *status*."""
        self._path = path
        self._number = (status.st_dev, status.st_ino)

    def touch(self) -> None:
        """Keep it from becoming stale."""
        with suppress(OSError):
            os.utime(self._path, follow_symlinks=False)

    def remove(self) -> None:
        """Let others in, unless somebody has taken it for stale and this one is theirs."""
        with suppress(OSError):
            status = os.lstat(self._path)
            if (status.st_dev, status.st_ino) == self._number:
                os.unlink(self._path)  # noqa: PTH108 - no path is built


class Lock:
    """A mailbox that is open and locked."""

    def __init__(self, file: int, lock_file: LockFile | None) -> None:
        """Hold the descriptor *file*, and the lock file if there is one."""
        self.file = file
        self._lock_file = lock_file

    def keep(self) -> None:
        """Say that it is still needed."""
        if self._lock_file is not None:
            self._lock_file.touch()

    def release(self) -> None:
        """Give it back."""
        if self._lock_file is not None:
            self._lock_file.remove()
        os.close(self.file)


@contextmanager
def locked(
    path: str, open_file: Callable[[], int], stop: int, *, needs_lock_file: bool, patience: float = LOCK_SECONDS
) -> Iterator[Lock]:
    """Hold the mailbox at *path* as long as the block lasts.

    Args:
        path: The file; its lock file lies beside it.
        open_file: Opens it for writing; called again if another file has its name by now.
        stop: Readable as soon as nobody wants to wait any more.
        needs_lock_file: Whether a folder that takes no lock file is an error.
        patience: How long others are waited for, in seconds.

    Raises:
        MailboxError: Others do not let go of it, or it is a matter that `open_file` has found.
        OSError: It cannot be opened or locked.
    """
    deadline = time.monotonic() + patience
    wait = _FIRST_WAIT_SECONDS
    while (lock := _try(path, open_file, needs_lock_file=needs_lock_file)) is None:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            message = f"{path} was locked by another program for {patience:g} seconds"
            raise MailboxError(message)
        _pause(stop, min(wait, seconds))
        if is_stopped(stop):
            message = f"stopped while {path} was locked by another program"
            raise MailboxError(message)
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
    try:
        yield lock
    finally:
        lock.release()


def _pause(stop: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(stop, select.POLLIN)
    poll.poll(seconds * 1000)


def _try(path: str, open_file: Callable[[], int], *, needs_lock_file: bool) -> Lock | None:
    """Take both locks; None if somebody else has one of them, or has put another file there."""
    file = open_file()
    lock = None
    try:
        if _lock_descriptor(file) and _is_at(path, file):
            lock = Lock(file, _make_lock_file(path + SUFFIX, is_needed=needs_lock_file))
    except FileExistsError:
        # The other lock is ours, so no other delivery of this host can be about to do the same.
        _remove_stale(path + SUFFIX)
    finally:
        if lock is None:
            os.close(file)
    return lock


def _lock_descriptor(file: int) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def _is_at(path: str, file: int) -> bool:
    """Whether *file* is still what *path* names: whoever reads mail may have put another one there."""
    try:
        there, ours = os.lstat(path), os.fstat(file)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _make_lock_file(path: str, *, is_needed: bool) -> LockFile | None:
    """Make the lock file; None if there can be none, and it *is_needed* not.

    Raises:
        FileExistsError: There is one already.
        OSError: There can be none.
    """
    try:
        made = os.open(path, _LOCK_FLAGS, _LOCK_MODE)
    except OSError as error:
        if error.errno in _NO_PLACE and not is_needed and not os.path.lexists(path):
            return None
        raise
    try:
        # Without it the lock is as good, but nobody can tell whose it was.
        with suppress(OSError):
            os.write(made, f"{os.getpid()} {_OWNER}\n".encode())
        return LockFile(path, os.fstat(made))
    finally:
        os.close(made)


def _remove_stale(path: str) -> None:
    """Remove a lock file whose maker is gone: nobody has touched it for too long, or it was a delivery that is dead."""
    with suppress(OSError):
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return
        if time.time() - status.st_mtime > STALE_SECONDS or _is_of_the_dead(path):
            os.unlink(path)  # noqa: PTH108 - no path is built


def _is_of_the_dead(path: str) -> bool:
    """Whether the lock file *path* is that of a delivery of this host whose process has ended."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        number, _, owner = os.read(file, _MAX_OWNER_OCTETS).decode("ascii", "replace").strip().partition(" ")
    finally:
        os.close(file)
    if owner != _OWNER or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        # It runs, and is somebody else's.
        return False
    return False
