"""A unix socket that is listened on, from its name in a folder to the end.

    smtpdsl.sock        while it is listened on
    smtpdsl.sock.lock   locked while somebody makes or removes the other; stays, and is empty

A server that was killed leaves its socket behind, where nobody listens: it is removed.  So
does one that was started as root and has given that up, since the folder is root's.  A
socket that is not listened on yet looks the same, so this is done by one server at a time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from smtpdsl.runtime.net.listener import BACKLOG, ListenError
from smtpdsl.runtime.own_account import account_of

# How long somebody else may be at making or removing the same socket.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 5.0, 0.05


@contextlib.contextmanager
def unix_socket(path: str, mode: int, place: str = "") -> Iterator[socket.socket]:
    """Listen on *path* for as long as the context lasts, then remove it.

    Args:
        path: The socket; its folder is made if there is none.
        mode: Who may connect: those who may write to it.
        place: The line of the configuration that asks for it, if there is one.

    Raises:
        ListenError: Somebody else listens there, or the path cannot be made.
    """
    server = _bound(path, mode, place)
    made = _identity(path)
    try:
        yield server
    finally:
        server.close()
        with contextlib.suppress(OSError), _alone(path):
            # Another server may have taken the path meanwhile.
            if made is not None and _identity(path) == made:
                Path(path).unlink(missing_ok=True)


def _bound(path: str, mode: int, place: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            _remove_stale(path)
            server.bind(path)
            # Until it listens, nobody can connect.
            Path(path).chmod(mode)
            server.listen(BACKLOG)
        server.setblocking(False)  # noqa: FBT003 - as the socket module has it
    except OSError as error:
        server.close()
        told = f" ({place})" if place else ""
        message = f"cannot listen on {path}{told}: {_reason(error, path)}"
        raise ListenError(message) from None
    return server


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    """Keep other servers from making or removing *path* meanwhile."""
    try:
        # Never removed: who waits for it would lock a file that is not there any more.
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except PermissionError:
        # The folder is somebody else's, or the lock is: what follows says so, if it cannot be done either.
        yield
        return
    try:
        _take(lock)
        yield
    finally:
        os.close(lock)


def _take(lock: int) -> None:
    """Wait for the file *lock*, which others have for a moment only.

    Raises:
        BlockingIOError: Somebody has it for longer.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _remove_stale(path: str) -> None:
    """Remove a socket on which nobody listens; anything else stays, and is in the way."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A server whose backlog is full is one as well.
        probe.setblocking(False)  # noqa: FBT003 - as the socket module has it
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            # One that may not be removed is in the way, which is told then.
            with contextlib.suppress(PermissionError):
                Path(path).unlink(missing_ok=True)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _reason(error: OSError, path: str) -> str:
    match error.errno:
        case errno.EWOULDBLOCK:
            return "another program has its .lock, and does not let it go"
        case errno.EADDRINUSE:
            return _what_is_there(path)
        case None:
            # From Python itself: more than the 107 octets that the name of a socket may have.
            return "the path is too long for a socket"
    return (error.strerror or str(error)).lower()


def _what_is_there(path: str) -> str:
    """Say what has the path, and what to do about it."""
    try:
        found = os.lstat(path)
    except OSError:
        return "another server listens there"
    if not stat.S_ISSOCK(found.st_mode):
        return "there is something that is no socket; move it away"
    if os.geteuid() not in {0, found.st_uid}:
        # Whether anybody listens there, an ordinary user is not told.
        owner = account_of(found.st_uid).name
        return f'there is a socket of "{owner}"; if no server of that user runs, it is left over, and can be removed'
    return "another server listens there"
