"""Finds out whether the log of the database is damaged where it is still needed.

    header │ 1  2  3*│ 4  5*│ 6* │ 7  8*│      frames; * ends a transaction
                  ▲
                  └─ a bit has flipped: SQLite takes 1 and 2 for an unfinished transaction, and forgets the rest

SQLite cannot know better: after a power cut the log may well end with frames that make no sense, of a transaction
that was not synced, or of a log that was about to be begun anew.  Here it is damage if a transaction
follows that was written after the end of another one, for each is on stable storage before the next one is written;
and if what it has written is not in the database yet.  So all but the last transaction of a log is known to be whole.

The format is https://sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
# Page number and size are in the checksum, and the page.
_SUMMED_OCTETS = 8
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_NATIVE = "<" if sys.byteorder == "little" else ">"
_WORD = 0xFFFFFFFF


class _Frame(NamedTuple):
    """A frame: a page as a transaction has left it; the last one of a transaction has its *end*."""

    page: int
    end: int
    salts: tuple[int, int]
    checksum: tuple[int, int]


class _Log:
    """A log, and what it says of itself."""

    def __init__(self, file: int, page_octets: int) -> None:
        self._file = file
        self._page_octets = page_octets
        self._frame_octets = _FRAME.size + page_octets
        self.frames = max(0, (os.fstat(file).st_size - _HEADER.size) // self._frame_octets)
        self._order, self._salts, self._seed = _NATIVE, None, (0, 0)
        header = os.pread(file, _HEADER.size, 0)
        if len(header) == _HEADER.size:
            magic, *_, first_salt, second_salt, first, second = _HEADER.unpack(header)
            order = _MAGIC.get(magic, _NATIVE)
            if _checksum(header[: -2 * 4], (0, 0), order) == (first, second):
                self._order, self._salts, self._seed = order, (first_salt, second_salt), (first, second)

    def place(self, number: int) -> int:
        """Return the octet where the frame *number*, from 0, begins."""
        return _HEADER.size + number * self._frame_octets

    def frame(self, number: int) -> _Frame:
        """Return what the frame *number* says of itself."""
        page, end, *numbers = _FRAME.unpack(os.pread(self._file, _FRAME.size, self.place(number)))
        return _Frame(page, end, (numbers[0], numbers[1]), (numbers[2], numbers[3]))

    def content(self, number: int) -> bytes:
        """Return the page in the frame *number*."""
        return os.pread(self._file, self._page_octets, self.place(number) + _FRAME.size)

    def follows(self, number: int, *, is_before_whole: bool) -> bool:
        """Whether the frame *number* is whole, and was written after the one before it in this life of the log."""
        frame, before = self.frame(number), self.frame(number - 1)
        if frame.salts != (self._salts or before.salts):
            return False
        if self._summed(number, before.checksum) == frame.checksum:
            return True
        # It may be the checksum that is damaged, and not what it is of.
        return not is_before_whole and self._summed(number, self._right_checksum(number - 1)) == frame.checksum

    def _right_checksum(self, number: int) -> tuple[int, int]:
        return self._summed(number, self.frame(number - 1).checksum if number else self._seed)

    def _summed(self, number: int, seed: tuple[int, int]) -> tuple[int, int]:
        start = os.pread(self._file, _SUMMED_OCTETS, self.place(number))
        return _checksum(start + self.content(number), seed, self._order)


def damaged_octet(database: Path, page_octets: int, valid: int) -> int | None:
    """Return the octet from which on the log of *database* is damaged and needed, or None.

    Args:
        database: The file; its log lies beside it.
        page_octets: The size of its pages.
        valid: How many frames of the log SQLite has read.
    """
    try:
        file = os.open(f"{database}-wal", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        log = _Log(file, page_octets)
        needed = any(_is_needed(database, page_octets, log, run) for run in _runs(log, valid))
        return log.place(valid) if needed else None
    finally:
        os.close(file)


def _runs(log: _Log, valid: int) -> Iterator[list[int]]:
    """Yield frames of finished transactions that were written one after the other, behind those that are *valid*."""
    run: list[int] = []
    for number in range(valid + 1, log.frames):
        if log.follows(number, is_before_whole=bool(run)):
            run.append(number)
        else:
            yield from _finished(log, run)
            run = []
    yield from _finished(log, run)


def _finished(log: _Log, run: list[int]) -> Iterator[list[int]]:
    """Yield those of *run* that belong to finished transactions, if the first of these came after another one."""
    ends = [number for number in run if log.frame(number).end]
    is_later = bool(run) and any(log.frame(number).end for number in range(run[0] - 1, run[-1]))
    if ends and is_later:
        yield [number for number in run if number <= ends[-1]]


def _is_needed(database: Path, page_octets: int, log: _Log, run: list[int]) -> bool:
    """Whether a page that *run* has written is another one in *database*."""
    last = {log.frame(number).page: number for number in run}
    with database.open("rb") as file:
        for page, number in last.items():
            file.seek((page - 1) * page_octets)
            if file.read(page_octets) != log.content(number):
                return True
    return False


def _checksum(octets: bytes, seed: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = seed
    words = struct.unpack(f"{order}{len(octets) // 4}I", octets)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & _WORD
        second = (second + other + first) & _WORD
    return first, second
