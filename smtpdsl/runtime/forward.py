"""Reading the ``.forward`` of a user, who must not be able to use that against anybody.

    home ──open, as a path only──▶ .forward ──no link, a file, its owner's──▶ open ──▶ the same? ──▶ text

Whoever reads may be root.  So no link is followed, nothing but a regular file is opened,
and it is asked again who owns it when it is open: what somebody else could have written
there is not the user's will.  The home directory may be a link; it is the system's.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from smtpdsl.ir.forward_file import FORWARD_NAME, FORWARD_OCTETS_LIMIT, ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account

_ROOT = 0
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_HOME_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
# Should it have become a FIFO or a terminal in the meantime, nobody waits for it, and it does not become ours.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITABLE = 0o022
_WRITABLE_BY_ALL = 0o002


class _UnusableError(Exception):
    """Why the file cannot be believed: the words behind its name."""


def read_forward(
    account: Account, locate: Callable[[str], str], *, is_test_bed: bool = False, is_own: bool | None = None
) -> ForwardFile | ForwardProblem | None:
    """Read the ``.forward`` of *account*.

    Args:
        account: A user; one without a home directory has no ``.forward``.
        locate: Turns a path of the configuration into one of this machine.
        is_test_bed: As under ``--root``, files may belong to root or to whoever runs this,
            and to a group that may write; what everybody may write is never believed.
        is_own: Whether this process does nothing in anybody else's name, so that files of its own
            user harm nobody; by default that of any ordinary user.

    Returns:
        The text, what is wrong, or None if there is nothing.
    """
    is_own = os.geteuid() != _ROOT if is_own is None else is_own
    reader = _Reader(account, is_test_bed=is_test_bed, is_lenient=is_test_bed or is_own)
    try:
        home = os.open(locate(account.home), _HOME_FLAGS)
    except (OSError, ValueError) as error:
        return _trouble(account.home, error)
    try:
        octets = reader.read(home)
    except _UnusableError as error:
        return ForwardProblem(why=f"{reader.path} {error}")
    except OSError as error:
        return _trouble(reader.path, error)
    finally:
        os.close(home)
    if isinstance(octets, ForwardProblem):
        return octets
    return ForwardFile(path=reader.path, text=octets.decode("utf-8", "surrogateescape")) if octets else None


class _Reader:
    """Reads one file, if it may."""

    def __init__(self, account: Account, *, is_test_bed: bool, is_lenient: bool) -> None:
        self.path = f"{account.home.rstrip('/')}/{FORWARD_NAME}"
        self._account = account
        self._is_lenient = is_lenient
        self._forbidden = _WRITABLE_BY_ALL if is_test_bed else _WRITABLE

    def read(self, home: int) -> bytes | ForwardProblem:
        """Return what the file in the folder *home* says."""
        status = os.fstat(home)
        if status.st_mode & stat.S_ISVTX:
            why = f"the home directory of {self._account.name} is sticky: its .forward is being edited"
            return ForwardProblem(why=why, is_passing=True)
        # Opening a device may do something, so it is looked at first.
        self._check_file(os.stat(FORWARD_NAME, dir_fd=home, follow_symlinks=False))
        self._check_home(status)
        descriptor = os.open(FORWARD_NAME, _FILE_FLAGS, dir_fd=home)
        try:
            # It may be another one by now.
            self._check_file(os.fstat(descriptor))
            octets = os.read(descriptor, FORWARD_OCTETS_LIMIT)
        finally:
            os.close(descriptor)
        self._check_size(len(octets))
        return octets

    def _check_file(self, status: os.stat_result) -> None:
        if stat.S_ISLNK(status.st_mode):
            message = "is a symbolic link"
        elif not stat.S_ISREG(status.st_mode):
            message = "is no regular file"
        elif not self._is_owners(status):
            message = f"belongs to user number {status.st_uid}, not to {self._account.name}"
        elif status.st_mode & self._forbidden:
            message = f"can be written by others (mode {stat.S_IMODE(status.st_mode):o})"
        elif not status.st_mode & stat.S_IRUSR:
            # It is read in the owner's name; root, who explains it, is not stopped by that.
            message = f"cannot be read by its owner (mode {stat.S_IMODE(status.st_mode):o})"
        else:
            self._check_size(status.st_size)
            return
        raise _UnusableError(message)

    def _is_owners(self, status: os.stat_result) -> bool:
        if status.st_uid == self._account.uid:
            return True
        # Of somebody else's file a user can make a hard link.
        return self._is_lenient and status.st_nlink == 1 and status.st_uid in {_ROOT, os.geteuid()}

    def _check_size(self, octets: int) -> None:
        if octets >= FORWARD_OCTETS_LIMIT:
            message = f"has {octets} octets, and {FORWARD_OCTETS_LIMIT - 1} is the limit"
            raise _UnusableError(message)

    def _check_home(self, status: os.stat_result) -> None:
        trusted = {_ROOT, self._account.uid, *([os.geteuid()] if self._is_lenient else [])}
        if status.st_uid not in trusted:
            message = f"is in a folder of user number {status.st_uid}"
        elif status.st_mode & self._forbidden:
            message = f"is in a folder that others can write (mode {stat.S_IMODE(status.st_mode):o})"
        else:
            return
        raise _UnusableError(message)


def _trouble(path: str, error: OSError | ValueError) -> ForwardProblem | None:
    """Say what the operating system says; None if nothing is there."""
    if not isinstance(error, OSError):
        return ForwardProblem(why=f"{path!r} is no path")
    if error.errno in _ABSENT:
        return None
    return ForwardProblem(
        why=f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
        is_passing=error.errno in _PASSING,
        is_hidden=error.errno in _DENIED and os.geteuid() != _ROOT,
    )
