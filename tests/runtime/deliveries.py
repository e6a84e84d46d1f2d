"""What tests of deliveries share: works, maildirs, and pipes that tell who is still alive."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smtpdsl.runtime.interfaces import (
    CommandWork,
    Content,
    Identity,
    InlineContent,
    LocalWork,
    Method,
)

PREFIX = b"Return-Path: <ann@example.net>\nDelivered-To: joe@example.org\n"
CONTENT = b"Subject: hello\n\nA line.\r\n.\n\xff and no line end"
NAME = "1700000000.00000001a2b3c4d5.mx.example.org"
ENVIRONMENT = (("PATH", "/usr/bin:/bin"),)
TIME_LIMIT = 60.0
_PATIENCE_SECONDS = 60


def identity_of(home: Path | str, uid: int = 1000, name: str = "nobody-has-this-name") -> Identity:
    """Return somebody with the number *uid*."""
    return Identity(name, uid, uid, str(home))


def work_of(
    method: Method | str,
    identity: Identity,
    content: Content | bytes = CONTENT,
    time_limit: float = TIME_LIMIT,
) -> LocalWork:
    """Return work; a text is a command, octets are content."""
    if isinstance(method, str):
        method = CommandWork(method, ENVIRONMENT)
    if isinstance(content, bytes):
        content = InlineContent(content)
    return LocalWork(identity, method, PREFIX, content, time_limit)


def mail_in(folder: Path) -> dict[str, bytes]:
    """Return what lies in the maildir *folder*, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def line_to(path: Path) -> Iterator[int]:
    """Make a FIFO at *path* for commands to hold open (``exec 9> line``); yield the descriptor for `wait_for`."""
    os.mkfifo(path)
    path.chmod(0o666)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def wait_for(line: int) -> bytes:
    """Return the next octets that come out of *line*; none if nobody is at the other end any more."""
    try:
        return os.read(line, 4096)
    except BlockingIOError:
        ready, _, _ = select.select([line], [], [], _PATIENCE_SECONDS)
    assert ready, "nobody has written anything, and somebody still could"
    return os.read(line, 4096)


def first_line(path: Path) -> bytes:
    """Wait for somebody to write a line into the FIFO *path*, and return it."""
    # Opened without waiting: where nobody ever comes, a test fails, and no thread hangs for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        ready, _, _ = select.select([descriptor], [], [], _PATIENCE_SECONDS)
        assert ready, "nobody has written anything"
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
