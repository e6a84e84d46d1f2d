"""A file that remembers each write and each flush: below a loop device, all that a disk is told.

    ext4, xfs … ──▶ /dev/loopN ──write, flush──▶ MOUNT/disk ──FUSE──▶ this process ──▶ log
                                                                       └─ what the file holds: its memory

    python -m benchmarks.recorder MOUNT MEBIBYTES LOG

Prints a line when the file is there, and serves it until it is ended.  A record of the log has an offset and a
length, and the octets that were written; that of a flush has neither.  Speaks the protocol of /dev/fuse itself,
of which one file needs a dozen requests (linux/fuse.h).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

NAME = "disk"
RECORD = struct.Struct("<qq")
_FLUSH = -1
_ROOT, _FILE = 1, 2
_BLOCK = 4096
_MAX_WRITE = 1024 * 1024
_VERSION = (7, 31)
# More than one page for each request.
_MANY_PAGES = 1 << 22
_BIG_WRITES = 1 << 5
_VALID_SECONDS = 3600

_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<6Q10I")
_ENTRY = struct.Struct("<4Q2I")
_STATE = struct.Struct("<Q2I")
_OPENED = struct.Struct("<Q2I")
_TRANSFER = struct.Struct("<QQI")
_WRITE_OCTETS = 40
_INIT = struct.Struct("<4I2H2I2HI7I")
_SPACE = struct.Struct("<5Q10I")
_MOUNT = ctypes.CDLL(None, use_errno=True).mount


class Record(NamedTuple):
    """Something the disk was told: *octets* at an *offset*, or to have everything on stable storage."""

    offset: int
    octets: bytes

    @property
    def is_flush(self) -> bool:
        """Whether it is the latter."""
        return self.offset == _FLUSH


def records(log: Path, end: int) -> Iterator[tuple[int, Record]]:
    """Yield the records of *log* up to the octet *end*, each with the place where the next one begins."""
    with log.open("rb") as file:
        while file.tell() < end:
            offset, length = RECORD.unpack(file.read(RECORD.size))
            octets = file.read(length)
            yield file.tell(), Record(offset, octets)


class Recorder:
    """The file system."""

    def __init__(self, size: int, log: int) -> None:
        """Have one file of *size* octets, and tell the descriptor *log* what is done to it."""
        self._content = bytearray(size)
        self._log = log
        self._answers: dict[int, Callable[[int, memoryview], bytes]] = {
            1: self._lookup,
            3: self._attributes,
            4: self._attributes,
            14: lambda *_: _OPENED.pack(1, 0, 0),
            15: self._read,
            16: self._write,
            17: lambda *_: _SPACE.pack(0, 0, 0, 2, 0, _BLOCK, 255, _BLOCK, *(0,) * 7),
            18: lambda *_: b"",
            20: self._flush,
            25: lambda *_: b"",
            26: self._begin,
            27: lambda *_: _OPENED.pack(1, 0, 0),
            28: lambda *_: b"",
            29: lambda *_: b"",
            34: lambda *_: b"",
            38: lambda *_: b"",
        }

    def serve(self, device: int) -> None:
        """Answer what comes from *device* until it is unmounted."""
        # FORGET, INTERRUPT and BATCH_FORGET expect no answer.
        silent = {2, 36, 42}
        while True:
            try:
                request = memoryview(os.read(device, _MAX_WRITE + _BLOCK))
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                raise
            _, code, unique, node, *_ = _IN.unpack_from(request)
            if code in silent:
                continue
            answer = self._answers.get(code)
            octets, problem = b"", errno.ENOSYS
            if answer is not None:
                try:
                    octets, problem = answer(node, request[_IN.size :]), 0
                except FileNotFoundError:
                    problem = errno.ENOENT
            os.write(device, _OUT.pack(_OUT.size + len(octets), -problem, unique) + octets)

    def _begin(self, _node: int, body: memoryview) -> bytes:
        readahead = struct.unpack_from("<I", body, 8)[0]
        flags = _MANY_PAGES | _BIG_WRITES
        return _INIT.pack(*_VERSION, readahead, flags, 12, 9, _MAX_WRITE, 1, _MAX_WRITE // _BLOCK, 0, *(0,) * 8)

    def _lookup(self, _node: int, body: memoryview) -> bytes:
        if bytes(body).rstrip(b"\0") != NAME.encode():
            raise FileNotFoundError
        return _ENTRY.pack(_FILE, 0, _VALID_SECONDS, _VALID_SECONDS, 0, 0) + self._of(_FILE)

    def _attributes(self, node: int, _body: memoryview) -> bytes:
        return _STATE.pack(_VALID_SECONDS, 0, 0) + self._of(node)

    def _of(self, node: int) -> bytes:
        is_file = node == _FILE
        size = len(self._content) if is_file else 0
        mode = stat.S_IFREG | 0o600 if is_file else stat.S_IFDIR | 0o700
        return _ATTRIBUTES.pack(node, size, size // 512, *(0,) * 6, mode, 1, 0, 0, 0, _BLOCK, 0)

    def _read(self, _node: int, body: memoryview) -> bytes:
        _, offset, size = _TRANSFER.unpack_from(body)
        return bytes(self._content[offset : offset + size])

    def _write(self, _node: int, body: memoryview) -> bytes:
        _, offset, size = _TRANSFER.unpack_from(body)
        octets = body[_WRITE_OCTETS : _WRITE_OCTETS + size]
        self._content[offset : offset + size] = octets
        os.write(self._log, RECORD.pack(offset, size) + octets)
        return struct.pack("<II", size, 0)

    def _flush(self, _node: int, _body: memoryview) -> bytes:
        os.write(self._log, RECORD.pack(_FLUSH, 0))
        return b""


def main() -> None:
    """Serve, until it is unmounted or killed."""
    mount, mebibytes, log = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if _MOUNT(b"recorder", mount.encode(), b"fuse", 0, options):
        sys.exit(f"no file system of ours can be mounted: {os.strerror(ctypes.get_errno())}")
    print("ready", flush=True)
    Recorder(int(mebibytes) << 20, os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)).serve(
        device
    )


if __name__ == "__main__":
    main()
