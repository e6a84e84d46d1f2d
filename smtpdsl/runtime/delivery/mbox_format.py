r"""A message as a part of an mbox file (RFC 4155), and its search there.

    From ann@example.net Tue Nov 14 22:13:20 2023\n     who sent it, and when this server took it
    Return-Path: <ann@example.net>\n
    ...
    >From here on it is text.\n                          a line that would begin another message is quoted
    \n                                                   always

A message is rendered in the same way at each attempt, so an earlier one is recognised by its octets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from smtpdsl.mail.address import ReversePath

_NOBODY = "MAILER-DAEMON"
# What begins a message, together with the end of the line before.
_MARK = b"\nFrom "
_QUOTED_MARK = b"\n>From "
_BLOCK_OCTETS = 1024 * 1024
# So much of the end of a file is looked at for an earlier attempt.
LOOK_BACK_OCTETS = 64 * 1024 * 1024


def separator_line(reverse_path: ReversePath, moment: float) -> str:
    """Return the line that begins a message, without its end.

    Args:
        reverse_path: The sender; blanks, which a quoted local part may have, become ``:``.
        moment: When the message was taken, in seconds since 1970; it is told in UTC.
    """
    sender = str(reverse_path.mailbox or _NOBODY)
    shown = "".join(each if each.isprintable() and each != " " else ":" for each in sender)
    return f"From {shown} {time.asctime(time.gmtime(moment))}"


def rendered(separator: bytes, message: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what stands in the file for *message*, whose lines end in LF, piece by piece."""
    yield separator
    # What may turn out to be a line that has to be quoted.
    held, is_line_over = b"\n", True
    for piece in message:
        if not piece:
            continue
        octets = held + piece
        is_line_over = piece.endswith(b"\n")
        end = len(octets) - _length_of_beginning(octets)
        yield octets[:end].replace(_MARK, _QUOTED_MARK)
        held = octets[end:]
    yield held + (b"\n" if is_line_over else b"\n\n")


def _length_of_beginning(octets: bytes) -> int:
    """Return how many of the last *octets* may be the beginning of the mark."""
    return next((count for count in range(len(_MARK) - 1, 0, -1) if octets.endswith(_MARK[:count])), 0)


def missing_line_ends(file: int, size: int) -> bytes:
    """Return what has to be added to *file*, of *size* octets, so that a message can begin there."""
    end = os.pread(file, 2, max(0, size - 2))
    if not end or end == b"\n\n":
        return b""
    return b"\n" if end.endswith(b"\n") else b"\n\n"


# ---------------------------------------------------------------- the search


class Found(NamedTuple):
    """An earlier attempt: where it begins in the file, and whether it came to its end."""

    position: int
    is_whole: bool


def find_earlier(file: int, size: int, separator: bytes, render: Callable[[], Iterator[bytes]]) -> Found | None:
    """Look for what an earlier attempt has left in *file*, of *size* octets.

    A part of it counts only at the end of the file: what follows it was written by somebody who
    took it for a message.

    Args:
        file: Open for reading, and locked.
        size: The size of the file.
        separator: The first line, without its end.
        render: Yields the octets that were to be written.
    """
    part: Found | None = None
    for position in _positions(file, max(0, size - LOOK_BACK_OCTETS), size, separator + b"\n"):
        is_whole = _is_all_there(file, position, render())
        if is_whole:
            return Found(position, is_whole=True)
        if is_whole is not None:
            part = Found(position, is_whole=False)
    return part or _cut_separator(file, size, separator)


def _positions(file: int, start: int, size: int, line: bytes) -> Iterator[int]:
    """Yield where *line* stands in *file*, from *start* on, at the beginning of a line."""
    # With the end of the line before; the first line of a file has none.
    if start == 0 and os.pread(file, len(line), 0) == line:
        yield 0
    wanted = b"\n" + line
    while start < size:
        block = os.pread(file, _BLOCK_OCTETS + len(wanted), start)
        at = block.find(wanted)
        while 0 <= at < _BLOCK_OCTETS:
            yield start + at + 1
            at = block.find(wanted, at + 1)
        start += _BLOCK_OCTETS


def _is_all_there(file: int, position: int, pieces: Iterator[bytes]) -> bool | None:
    """Whether *file*, from *position* on, has all of *pieces*, or ends before; None if it has something else."""
    for piece in pieces:
        octets = os.pread(file, len(piece), position)
        if octets != piece:
            return False if piece.startswith(octets) else None
        position += len(piece)
    return True


def _cut_separator(file: int, size: int, separator: bytes) -> Found | None:
    """Find the beginning of a first line that is the end of the file."""
    start = max(0, size - len(separator) - len(b"\n\n"))
    tail = os.pread(file, size - start, start)
    before, gap, last = tail.rpartition(b"\n\n")
    if not gap and start == 0:
        before, last = b"", tail
    elif not gap:
        return None
    if not last.startswith(b"From ") or not separator.startswith(last):
        return None
    return Found(start + len(before) + len(gap), is_whole=False)
