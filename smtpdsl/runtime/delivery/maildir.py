"""Put a message into a maildir, with the rights of this process, so that a crash at any moment loses nothing.

    tmp/NAME.RANDOM ──write, sync──rename──▶ new/NAME ──sync new/──▶ Delivered

The name is the same at each attempt, so two attempts that both succeed leave one file.
The name in ``tmp`` is another one each time: should the process of an earlier attempt
still be alive, neither can rename what the other one has only begun to write.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from smtpdsl.runtime.delivery.content import ContentError, OpenContent
from smtpdsl.runtime.delivery.headers import is_spam
from smtpdsl.runtime.delivery.outcomes import DELIVERED, MAILBOX_STATUS, storage_failure, temporary
from smtpdsl.runtime.delivery.stop import is_stopped
from smtpdsl.runtime.interfaces import MaildirWork, Outcome

_JUNK = ".Junk"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_TMP_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def put_into_maildir(work: MaildirWork, home: str, prefix: bytes, content: OpenContent, stop: int) -> Outcome:
    """Deliver *prefix* and *content* as *work* says.

    Folders are made where they are missing, but never *home* or what is above it: a home
    that is not there may be one that is not mounted, and mail below its mount point
    would vanish.

    Args:
        work: Which maildir, and the name of the file.
        home: The home directory of the user; may be empty.
        prefix: What goes before the content.
        content: The mail data, open.
        stop: Readable as soon as nobody wants the outcome any more; then nothing more appears in the maildir.

    Returns:
        Delivered, or why that is impossible at the moment.
    """
    try:
        return _deliver(work, home, prefix, content, stop)
    except ContentError as error:
        return temporary(str(error))
    except OSError as error:
        return storage_failure(work.folder, error)
    except ValueError as error:
        # A NUL, or a character that no path can have.
        return temporary(f"{work.folder}: {error}", status=MAILBOX_STATUS)


def _deliver(work: MaildirWork, home: str, prefix: bytes, content: OpenContent, stop: int) -> Outcome:
    folder = _choose_folder(work, content)
    tmp, new, cur = folder / "tmp", folder / "new", folder / "cur"
    for each in (tmp, new, cur):
        _make_folder(each, home)
    if work.may_exist:
        if found := _find(new, cur, work.file_name):
            # It was renamed, but perhaps that is not on disk yet.
            _sync_folder(found)
            return DELIVERED
        _remove_stale(tmp, work.file_name)
    path = tmp / f"{work.file_name}.{os.urandom(4).hex()}"
    try:
        _write(path, prefix, content)
        if is_stopped(stop):
            return temporary("stopped before the message was in the maildir")
        path.rename(new / work.file_name)
    finally:
        with suppress(OSError):
            path.unlink()
    _sync_folder(new)
    return DELIVERED


# ---------------------------------------------------------------- folders


def _choose_folder(work: MaildirWork, content: OpenContent) -> Path:
    """Return the maildir, or the one of its sub-folders that the message belongs into."""
    folder = Path(work.folder)
    if work.sorts_junk and is_spam(content.head()):
        return folder / _JUNK
    name = f".{work.sub_folder}"
    # What would lead out of the maildir is no sub-folder; whoever asks has made sure of it already.
    if name not in {".", ".."} and "/" not in name and (folder / name).is_dir():
        return folder / name
    return folder


def _make_folder(path: Path, home: str) -> None:
    """Make the folder *path* and those above it, as far as they are missing; see `put_into_maildir`."""
    try:
        path.mkdir(_FOLDER_MODE)
    except FileExistsError:
        # Whether it is a folder shows when it is used.
        return
    except FileNotFoundError:
        above = path.parent
        if above == path or (home and above == Path(home)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(above)) from None
        _make_folder(above, home)
        # Another delivery may have been quicker.
        path.mkdir(_FOLDER_MODE, exist_ok=True)
    try:
        _sync_folder(path.parent)
    except PermissionError:
        # Who may write into a folder but not read it cannot sync it.
        return
    except OSError:
        # The next delivery would find it, and not know that its name may be lost; so that one makes it anew.
        with suppress(OSError):
            path.rmdir()
        raise


def _sync_folder(path: Path) -> None:
    """Have the names in the folder *path* on stable storage."""
    descriptor = os.open(path, _FOLDER_FLAGS)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have nothing to sync in a folder, and say so.
        if error.errno != errno.EINVAL:
            raise _at(path, error) from None
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- files


def _find(new: Path, cur: Path, file_name: str) -> Path | None:
    """Return the folder in which an earlier attempt, or whoever reads the mail, has put the message."""
    if os.path.lexists(new / file_name):
        return new
    # Readers move it from new/ to cur/, never back, so looking in this order cannot miss it.
    flagged = f"{file_name}:2,"
    is_there = any(name == file_name or name.startswith(flagged) for name in _names(cur))
    return cur if is_there else None


def _remove_stale(tmp: Path, file_name: str) -> None:
    """Remove what earlier attempts have left in the folder *tmp*."""
    for name in _names(tmp):
        if name == file_name or name.startswith(f"{file_name}."):
            with suppress(OSError):
                (tmp / name).unlink()


def _names(folder: Path) -> list[str]:
    return os.listdir(folder)  # noqa: PTH208 - a `Path` for each message of a mailbox would cost more than the delivery


def _write(path: Path, prefix: bytes, content: OpenContent) -> None:
    """Write a new file and have it on stable storage."""
    descriptor = os.open(path, _TMP_FLAGS, _FILE_MODE)
    try:
        try:
            for chunk in content.chunks(prefix):
                _write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _at(path, error) from None


def _write_all(descriptor: int, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _at(path: Path, error: OSError) -> OSError:
    """Return *error* with the *path* that a descriptor has made it forget."""
    return OSError(error.errno, error.strerror, str(path))
