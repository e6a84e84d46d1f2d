"""Append a message to an mbox file, with the rights of this process.

    lock ──▶ is it there? ──no──▶ append ──▶ sync ──▶ Delivered
               │ yes, or a part     │ any failure
               ▼                    ▼
             done, or cut off     cut off, and tried again later

An append is not atomic.  What a failure leaves behind is cut off at once, and what a crash
leaves behind by the next attempt, which finds it by its octets: a message that is there
whole is not delivered again.  If somebody has changed the message by then, or removed it,
it comes a second time: of an mbox nobody can know better.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from smtpdsl.runtime.delivery.content import ContentError, OpenContent
from smtpdsl.runtime.delivery.mbox_format import find_earlier, missing_line_ends, rendered
from smtpdsl.runtime.delivery.mbox_lock import LOCK_SECONDS, Lock, MailboxError, locked
from smtpdsl.runtime.delivery.outcomes import DELIVERED, MAILBOX_STATUS, storage_failure, temporary
from smtpdsl.runtime.delivery.stop import is_stopped
from smtpdsl.runtime.interfaces import MailboxWork, Outcome

_MODE = 0o600
# Should it have become a FIFO or a terminal in the meantime, nobody waits for it, and it does not become ours.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = _FLAGS | os.O_CREAT | os.O_EXCL
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# What aliases name to have mail thrown away: the one device that mail is written to, and it needs no lock.
_NOWHERE = os.makedev(1, 3)


def append_to_mailbox(
    work: MailboxWork, prefix: bytes, content: OpenContent, stop: int, *, patience: float = LOCK_SECONDS
) -> Outcome:
    """Deliver *prefix* and *content* as *work* says.

    Args:
        work: Which file, and the line that begins the message.
        prefix: What goes before the content.
        content: The mail data, open.
        stop: Readable as soon as nobody wants the outcome any more; then nothing more appears in the file.
        patience: How long other programs are waited for, in seconds.

    Returns:
        Delivered, or why that is impossible at the moment.
    """
    try:
        if not work.is_system and _is_nowhere(work.path):
            return DELIVERED
        with locked(work.path, partial(_open, work), stop, needs_lock_file=work.is_system, patience=patience) as lock:
            _Append(work, prefix, content, stop, lock).run()
    except (ContentError, MailboxError) as error:
        status = "4.3.0" if isinstance(error, ContentError) else MAILBOX_STATUS
        return temporary(str(error), status=status)
    except OSError as error:
        return storage_failure(work.path, error)
    except ValueError as error:
        # A NUL, or a character that no path can have.
        return temporary(f"{work.path}: {error}", status=MAILBOX_STATUS)
    return DELIVERED


# ---------------------------------------------------------------- the file


def _is_nowhere(path: str) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == _NOWHERE


def _open(work: MailboxWork) -> int:
    """Open the file of *work*, which is made if it is not there."""
    while True:
        try:
            return _open_there(work)
        except FileNotFoundError:
            # Another delivery may have been quicker.
            with suppress(FileExistsError):
                return _make(work)


def _open_there(work: MailboxWork) -> int:
    """Open the file of *work* that is there; nothing that could be somebody else's is opened."""
    # Opening a device may do something, so it is looked at first.
    _check(work, os.lstat(work.path))
    file = os.open(work.path, _FLAGS)
    try:
        # It may be another one by now.
        _check(work, os.fstat(file))
    except BaseException:
        os.close(file)
        raise
    return file


def _make(work: MailboxWork) -> int:
    file = os.open(work.path, _NEW, _MODE)
    try:
        # Who may write into a folder but not read it cannot sync it.
        with suppress(PermissionError):
            folder = os.open(os.path.dirname(work.path), _FOLDER_FLAGS)  # noqa: PTH120 - no path is built
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except BaseException:
        os.close(file)
        raise
    return file


def _check(work: MailboxWork, status: os.stat_result) -> None:
    """Refuse what a message is not appended to.

    Raises:
        MailboxError: It is that.
    """
    if stat.S_ISLNK(status.st_mode):
        message = "is a symbolic link"
    elif stat.S_ISDIR(status.st_mode):
        message = "is a folder"
    elif not stat.S_ISREG(status.st_mode):
        message = "is no regular file"
    elif status.st_nlink != 1:
        message = f"has {status.st_nlink} names (hard links)"
    elif work.is_system and status.st_uid != os.geteuid():
        message = f"belongs to user number {status.st_uid}, not to {os.geteuid()}"
    else:
        return
    message = f"{work.path} {message}"
    raise MailboxError(message)


# ---------------------------------------------------------------- the message


class _Append:
    """One message on its way into a file that is locked."""

    def __init__(self, work: MailboxWork, prefix: bytes, content: OpenContent, stop: int, lock: Lock) -> None:
        self._work = work
        self._separator = work.separator.encode("utf-8", "surrogateescape")
        self._prefix = prefix
        self._content = content
        self._stop = stop
        self._lock = lock
        self._file = lock.file
        self._written = 0

    def run(self) -> None:
        """Have the message at the end of the file and on stable storage, or nothing of it."""
        size = os.fstat(self._file).st_size
        if self._work.may_exist and (found := find_earlier(self._file, size, self._separator, self._render)):
            if found.is_whole:
                # Perhaps it is not on disk yet.
                os.fsync(self._file)
                return
            os.ftruncate(self._file, found.position)
            size = found.position
        try:
            self._write(missing_line_ends(self._file, size))
            for piece in self._render():
                self._write(piece)
            os.fsync(self._file)
        except BaseException:
            self._take_back(size)
            raise

    def _render(self) -> Iterator[bytes]:
        return rendered(self._separator, self._content.chunks(self._prefix))

    def _write(self, octets: bytes) -> None:
        if is_stopped(self._stop):
            message = "stopped before the message was in the mailbox"
            raise MailboxError(message)
        self._lock.keep()
        rest = memoryview(octets)
        while rest:
            count = os.write(self._file, rest)
            self._written += count
            rest = rest[count:]

    def _take_back(self, size: int) -> None:
        """Cut off what was written, unless somebody who knows no locks has added something."""
        with suppress(OSError):
            if os.fstat(self._file).st_size == size + self._written:
                os.ftruncate(self._file, size)
                os.fsync(self._file)
