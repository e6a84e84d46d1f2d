"""Disks that fail: the calls of SQLite and of the spool, each of which can be made to fail, or to be forgotten.

FaultyVfs     write, sync and truncate fail where a test wants it
LosingVfs     knows what a power cut would leave: what was synced
FaultyFiles   the same for the files of large messages, and remembers the order of calls
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from smtpdsl.runtime.queue.files import Files

_T = TypeVar("_T")


class FaultyVfs(apsw.VFS):
    """SQLite's way to the disk; the calls whose numbers are in `fails` fail."""

    def __init__(self, name: str) -> None:
        """Register it as *name*."""
        self.calls = 0
        self.fails = range(0)
        self.error: type[apsw.Error] = apsw.IOError
        # A write that fails has done half of its work.
        self.is_torn = False
        super().__init__(name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - of apsw
        """Open a file whose calls can fail."""
        return _FaultyFile(self, name, flags)

    def does_fail(self) -> bool:
        """Count a call, and say whether it fails."""
        self.calls += 1
        return self.calls in self.fails

    def arm(self, fails: range) -> None:
        """Count from here, and fail the calls *fails*."""
        self.calls = 0
        self.fails = fails


class _FaultyFile(apsw.VFSFile):
    def __init__(self, vfs: FaultyVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._vfs = vfs
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: ANN401, N802 - of apsw, whose Buffer has no name yet
        if self._vfs.does_fail():
            if self._vfs.is_torn:
                octets = bytes(data)
                super().xWrite(octets[: len(octets) // 2], offset)
            raise self._vfs.error
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - of apsw
        # Nothing cuts the power here, so a sync has nothing to do.
        del flags
        if self._vfs.does_fail():
            raise self._vfs.error

    def excepthook(self, etype: object, evalue: object, etraceback: object) -> bool:
        """Let the second failure of a call that has failed already pass."""
        del etype, evalue, etraceback
        return True

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - of apsw
        if self._vfs.does_fail():
            raise self._vfs.error
        super().xTruncate(newsize)


class LosingVfs(apsw.VFS):
    """Remembers what each file held when it was last synced."""

    def __init__(self, name: str) -> None:
        """Register it as *name*."""
        self.durable: dict[str, bytes] = {}
        super().__init__(name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - of apsw
        """Open a file that is watched."""
        return _WatchedFile(self, name, flags)

    def lose_power(self, folder: Path) -> None:
        """Write into *folder* what a power cut would leave."""
        for name, octets in dict(self.durable).items():
            (folder / name).write_bytes(octets)


class _WatchedFile(apsw.VFSFile):
    def __init__(self, vfs: LosingVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._vfs = vfs
        self._path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - of apsw
        super().xSync(flags)
        self._vfs.durable[self._path.name] = self._path.read_bytes()


class FaultyFiles(Files):
    """The file system, whose calls with numbers in `fails` fail."""

    def __init__(self) -> None:
        """Fail nowhere."""
        self.log: list[str] = []
        self.fails = range(0)
        self.code = errno.EIO
        # So many octets are written by one call, if there are more.
        self.most = 2**30

    def create(self, path: Path) -> int:
        """Make a file, or fail."""
        return self._call(f"create {path.parent.name}", lambda: Files.create(self, path))

    def write(self, descriptor: int, octets: memoryview) -> int:
        """Write, or fail."""
        return self._call("write", lambda: Files.write(self, descriptor, octets[: self.most]))

    def sync(self, descriptor: int) -> None:
        """Sync, or fail."""
        self._call("sync", lambda: Files.sync(self, descriptor))

    def close(self, descriptor: int) -> None:
        """Close, and perhaps fail afterwards."""
        Files.close(self, descriptor)
        self._call("close", lambda: None)

    def rename(self, old: Path, new: Path) -> None:
        """Rename, or fail."""
        self._call(f"rename {old.parent.name} {new.parent.name}", lambda: Files.rename(self, old, new))

    def remove(self, path: Path) -> None:
        """Remove, or fail."""
        self._call(f"remove {path.parent.name}", lambda: Files.remove(self, path))

    def sync_folder(self, path: Path) -> None:
        """Sync, or fail."""
        self._call(f"sync_folder {path.name}", lambda: Files.sync_folder(self, path))

    def _call(self, what: str, work: Callable[[], _T]) -> _T:
        self.log.append(what)
        if len(self.log) in self.fails:
            raise OSError(self.code, "a fault")
        return work()
