"""A disk whose power can be cut at any moment: what is on it then, by the strictest reading of what fsync promises.

    code under test ──▶ os.open, write, fsync, rename …  ──┐
    SQLite ──▶ `ModelVfs` ──▶ write, sync, truncate …    ──┴─▶ events ──▶ the folder, really
                                                                  └─cut─▶ another folder

    a file      holds what was there at its last fsync; of what was written since, any sectors
    a folder    has the names that it had at its last fsync; of those changed since, any
    a rename    is a name gone here and a name come there, each for itself

So an fsync of a file says nothing of its name, one of a folder nothing of the files in it, and no order holds between
two of them.  Real file systems promise more.  A call may also be made to fail; after an fsync that has failed
the kernel takes for written what never will be, and so does this disk.

Nothing is flushed really: a test makes thousands of syncs.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import RLock
from typing import Any, NamedTuple, TypeAlias

import apsw
import pytest

SECTOR = 512
_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class Write(NamedTuple):
    """*octets* of a file were written."""

    node: int
    offset: int
    octets: bytes


class Truncate(NamedTuple):
    """A file was cut, or made longer."""

    node: int
    size: int


class Sync(NamedTuple):
    """A file or a folder is on stable storage."""

    node: int


class FailedSync(NamedTuple):
    """A file is not, and whoever asks again is not told."""

    node: int


class Name(NamedTuple):
    """In a folder, *name* is that of *node* now, or of nothing."""

    folder: int
    name: str
    node: int | None


class Names(NamedTuple):
    """One call has changed these."""

    changes: tuple[Name, ...]


class Promise(NamedTuple):
    """Somebody was told something."""

    what: str


Event: TypeAlias = Write | Truncate | Sync | FailedSync | Names | Promise


class Fault(NamedTuple):
    """The call number *position* fails with *code*; a write that is *short* has written half before."""

    position: int
    code: int = errno.EIO
    is_short: bool = False


class Disk:
    """Everything that happened below a folder."""

    def __init__(self, root: Path, fault: Fault | None = None) -> None:
        """Watch *root*, which is on stable storage as it is."""
        self.root = root
        self.events: list[Event] = []
        self.calls = 0
        self.fault = fault
        self.lock = RLock()
        # What each node was named last, below the root.
        self.names: dict[int, str] = {}
        self._nodes: dict[str, int] = {}
        self._open: dict[int, int] = {}
        self._contents: dict[int, bytes] = {}
        self._folders: dict[int, dict[str, int]] = {}
        self._add(root)

    def _add(self, path: Path) -> int:
        number = self._nodes[str(path)] = len(self._contents) + len(self._folders)
        self.names[number] = str(path.relative_to(self.root))
        if path.is_dir():
            names: dict[str, int] = {}
            self._folders[number] = names
            names.update({each.name: self._add(each) for each in sorted(path.iterdir())})
        else:
            self._contents[number] = path.read_bytes()
        return number

    def promise(self, what: str) -> None:
        """Remember that somebody was told *what*."""
        with self.lock:
            self.events.append(Promise(what))

    def promised(self, position: int) -> set[str]:
        """Return what was told before the event at *position*."""
        return {event.what for event in self.events[:position] if isinstance(event, Promise)}

    # ------------------------------------------------------------ calls

    def fails(self) -> Fault | None:
        """Count a call that writes; return the fault if it is to fail."""
        self.calls += 1
        return self.fault if self.fault and self.calls == self.fault.position else None

    def check(self) -> None:
        """Count a call, and raise if it is to fail.

        Raises:
            OSError: It is.
        """
        fault = self.fails()
        if fault is not None:
            raise OSError(fault.code, os.strerror(fault.code))

    def node_at(self, path: Path) -> int | None:
        """Return the node that is named *path*."""
        return self._nodes.get(str(path))

    def is_folder(self, node: int) -> bool:
        """Whether *node* is a folder."""
        return node in self._folders

    def watches(self, path: Path) -> bool:
        """Whether *path* is a place of this disk."""
        return path.is_relative_to(self.root)

    def made(self, path: Path, *, is_folder: bool = False) -> int:
        """Note that there is something new at *path*."""
        number = len(self._contents) + len(self._folders)
        if is_folder:
            self._folders[number] = {}
        else:
            self._contents[number] = b""
        self.named(Name(self._nodes[str(path.parent)], path.name, number), at=path)
        return number

    def named(self, *changes: Name, at: Path | None = None, gone: Path | None = None) -> None:
        """Note *changes* of names: *gone* is no more, and what is *at* a path is what the last change says."""
        if gone is not None:
            self._nodes.pop(str(gone), None)
        if at is not None and changes[-1].node is not None:
            self._nodes[str(at)] = changes[-1].node
            self.names[changes[-1].node] = str(at.relative_to(self.root))
        self.events.append(Names(changes))

    def opened(self, descriptor: int, node: int) -> None:
        """Note that *descriptor* is *node*."""
        self._open[descriptor] = node

    def closed(self, descriptor: int) -> None:
        """Note that it is nothing any more."""
        self._open.pop(descriptor, None)

    def node_of(self, descriptor: int) -> int | None:
        """Return what *descriptor* is."""
        return self._open.get(descriptor)

    # ------------------------------------------------------------ the end

    def cut(self, position: int, place: Path, random: Random | None, *, keeps: bool = False) -> None:
        """Write into *place*, which is empty, what is there when the power is cut after so many events.

        Args:
            position: How many events have happened.
            place: A folder.
            random: Chooses what survives of what was not synced; without it all or nothing does.
            keeps: Whether all of it does.
        """
        remains = _Remains(self._contents, self._folders)
        for event in self.events[:position]:
            remains.take(event)
        remains.write(0, place, random or Random(), chance=1.0 if keeps else 0.0 if random is None else None)  # noqa: S311


class _Remains:
    """What is synced of files and folders, and what came later."""

    def __init__(self, contents: dict[int, bytes], folders: dict[int, dict[str, int]]) -> None:
        self._synced = {number: bytearray(octets) for number, octets in contents.items()}
        self._later: dict[int, list[Write | Truncate]] = {}
        self._names: dict[int, dict[str, int | None]] = {number: {**names} for number, names in folders.items()}
        self._later_names: dict[int, dict[str, list[int | None]]] = {}

    def take(self, event: Event) -> None:
        """Let *event* happen."""
        match event:
            case Write() | Truncate():
                self._later.setdefault(event.node, []).append(event)
            case Names(changes):
                for folder, name, node in changes:
                    self._later_names.setdefault(folder, {}).setdefault(name, []).append(node)
            case Sync(node):
                for change in self._later.pop(node, ()):
                    _apply(self._synced[node], change)
                self._names.get(node, {}).update(
                    {name: nodes[-1] for name, nodes in self._later_names.pop(node, {}).items()}
                )
            case FailedSync(node):
                self._later.pop(node, None)
            case Promise():
                pass

    def write(self, number: int, place: Path, random: Random, chance: float | None) -> None:
        """Write the folder *number* into *place*; what is not synced survives with a *chance*, or with any."""
        names = dict(self._names[number])
        for name, nodes in self._later_names.get(number, {}).items():
            if random.random() < (random.random() if chance is None else chance):
                names[name] = nodes[-1] if chance is not None else random.choice(nodes)
        for name, node in names.items():
            if node in self._names:
                (place / name).mkdir()
                self.write(node, place / name, random, chance)
            elif node is not None:
                (place / name).write_bytes(self._content(node, random, chance))

    def _content(self, node: int, random: Random, chance: float | None) -> bytes:
        octets = bytearray(self._synced.get(node, b""))
        later = list(self._later.get(node, ()))
        likely = random.random() if chance is None else chance
        if chance is None and random.random() < 0.5:
            random.shuffle(later)
        for change in later:
            if random.random() < likely:
                _apply(octets, change)
            elif chance is None and isinstance(change, Write):
                for part in _sectors(change):
                    if random.random() < likely:
                        _apply(octets, part)
        return bytes(octets)


def _sectors(write: Write) -> Iterator[Write]:
    """Cut *write* where the sectors of a disk end."""
    start = 0
    while start < len(write.octets):
        end = start + SECTOR - (write.offset + start) % SECTOR
        yield Write(write.node, write.offset + start, write.octets[start:end])
        start = end


def _apply(octets: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del octets[change.size :]
        octets.extend(bytes(change.size - len(octets)))
        return
    octets.extend(bytes(max(0, change.offset - len(octets))))
    octets[change.offset : change.offset + len(change.octets)] = change.octets


# ---------------------------------------------------------------- below SQLite


class ModelVfs(apsw.VFS):
    """SQLite's way to a `Disk`."""

    def __init__(self, name: str) -> None:
        """Register it as *name*; it has no disk yet."""
        self.disk: Disk
        super().__init__(name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - of apsw
        """Open a file of the disk."""
        return _ModelFile(self.disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - of apsw
        """Remove a file."""
        path = Path(filename)
        with self.disk.lock:
            super().xDelete(filename, False)  # noqa: FBT003 - of apsw
            folder = self.disk.node_at(path.parent)
            assert folder is not None, "all of the spool is on the disk"
            self.disk.named(Name(folder, path.name, None), gone=path)
            if syncdir:
                self.disk.events.append(Sync(folder))


class _ModelFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        self._disk = disk
        with disk.lock:
            super().__init__("", name, flags)
            node = disk.node_at(path)
            # As unixOpen has it: with the first sync of a journal that it has made, its folder is synced.
            self._is_unnamed = node is None and bool(flags[0] & _JOURNALS)
            self._folder = disk.node_at(path.parent)
            self._node = disk.made(path) if node is None else node

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: ANN401, N802 - of apsw, whose Buffer has no name yet
        with self._disk.lock:
            fault = self._disk.fails()
            octets = bytes(data)
            if fault is not None:
                octets = octets[: len(octets) // 2] if fault.is_short else b""
            if octets:
                super().xWrite(octets, offset)
                self._disk.events.append(Write(self._node, offset, octets))
            if fault is not None:
                raise _sqlite_error(fault)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - of apsw
        with self._disk.lock:
            if (fault := self._disk.fails()) is not None:
                raise _sqlite_error(fault)
            super().xTruncate(newsize)
            self._disk.events.append(Truncate(self._node, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - of apsw
        del flags
        with self._disk.lock:
            if (fault := self._disk.fails()) is not None:
                self._disk.events.append(FailedSync(self._node))
                raise _sqlite_error(fault)
            self._disk.events.append(Sync(self._node))
            if self._is_unnamed and self._folder is not None:
                self._is_unnamed = False
                self._disk.events.append(Sync(self._folder))

    def excepthook(self, etype: object, evalue: object, etraceback: object) -> bool:
        """Let the second failure of a call that has failed already pass."""
        del etype, evalue, etraceback
        return True


def _sqlite_error(fault: Fault) -> apsw.Error:
    return apsw.FullError("a fault") if fault.code == errno.ENOSPC else apsw.IOError("a fault")


# ---------------------------------------------------------------- below everything else


@contextmanager
def beneath(disk: Disk) -> Iterator[None]:
    """Put *disk* below the calls of `os` that write, as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, call in _Calls(disk).calls().items():
            patch.setattr(os, name, call)
        yield


class _Calls:
    """Calls that do what they are for, and tell a disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._really = {name: getattr(os, name) for name in ("open", "close", "write", "pwrite", "fsync", "ftruncate")}
        self._really |= {name: getattr(os, name) for name in ("rename", "unlink", "mkdir", "rmdir")}

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Return them under the names that they have in `os`."""
        own = {name: getattr(self, f"_{name}") for name in self._really}
        return own | {"fdatasync": self._fsync, "replace": self._rename, "remove": self._unlink}

    def _open(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:  # noqa: ANN401 - of os
        disk = self._disk
        place = Path(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else Path()
        if not disk.watches(place):
            return int(self._really["open"](path, flags, mode, **options))
        with disk.lock:
            is_new = bool(flags & os.O_CREAT) and not os.path.lexists(place)
            if is_new:
                disk.check()
            descriptor = int(self._really["open"](path, flags, mode, **options))
            node = disk.made(place) if is_new else disk.node_at(place)
            assert node is not None, f"{place} was made behind the back of the disk"
            disk.opened(descriptor, node)
            return descriptor

    def _close(self, descriptor: int) -> None:
        with self._disk.lock:
            self._disk.closed(descriptor)
            self._really["close"](descriptor)

    def _write(self, descriptor: int, octets: Any) -> int:  # noqa: ANN401 - of os
        disk = self._disk
        node = disk.node_of(descriptor)
        if node is None:
            return int(self._really["write"](descriptor, octets))
        with disk.lock:
            fault = disk.fails()
            if fault is not None and not fault.is_short:
                raise OSError(fault.code, os.strerror(fault.code))
            written = bytes(octets)[: (len(octets) + 1) // 2 if fault is not None else None]
            count = int(self._really["write"](descriptor, written))
            disk.events.append(Write(node, os.lseek(descriptor, 0, os.SEEK_CUR) - count, written[:count]))
            return count

    def _pwrite(self, descriptor: int, octets: Any, offset: int) -> int:  # noqa: ANN401 - of os
        node = self._disk.node_of(descriptor)
        with self._disk.lock:
            if node is not None:
                self._disk.check()
                self._disk.events.append(Write(node, offset, bytes(octets)))
            return int(self._really["pwrite"](descriptor, octets, offset))

    def _ftruncate(self, descriptor: int, size: int) -> None:
        node = self._disk.node_of(descriptor)
        with self._disk.lock:
            if node is not None:
                self._disk.check()
                self._disk.events.append(Truncate(node, size))
            self._really["ftruncate"](descriptor, size)

    def _fsync(self, descriptor: int) -> None:
        disk = self._disk
        node = disk.node_of(descriptor)
        if node is None:
            return
        with disk.lock:
            try:
                disk.check()
            except OSError:
                disk.events.append(FailedSync(node))
                raise
            disk.events.append(Sync(node))

    def _rename(self, old: Any, new: Any, **options: Any) -> None:  # noqa: ANN401 - of os
        disk, source, target = self._disk, Path(old), Path(new)
        with disk.lock:
            node = disk.node_at(source)
            if node is None:
                self._really["rename"](old, new, **options)
                return
            disk.check()
            self._really["rename"](old, new, **options)
            here, there = disk.node_at(source.parent), disk.node_at(target.parent)
            assert here is not None
            assert there is not None
            changes = (Name(here, source.name, None), Name(there, target.name, node))
            disk.named(*changes, at=target, gone=source)

    def _unlink(self, path: Any, **options: Any) -> None:  # noqa: ANN401 - of os
        self._remove("unlink", path, **options)

    def _rmdir(self, path: Any, **options: Any) -> None:  # noqa: ANN401 - of os
        self._remove("rmdir", path, **options)

    def _remove(self, call: str, path: Any, **options: Any) -> None:  # noqa: ANN401 - of os
        disk, place = self._disk, Path(path)
        with disk.lock:
            node = disk.node_at(place)
            if node is not None:
                disk.check()
            self._really[call](path, **options)
            folder = disk.node_at(place.parent)
            if node is not None and folder is not None:
                disk.named(Name(folder, place.name, None), gone=place)

    def _mkdir(self, path: Any, mode: int = 0o777, **options: Any) -> None:  # noqa: ANN401 - of os
        disk, place = self._disk, Path(path)
        with disk.lock:
            if disk.watches(place) and not place.exists() and place.parent.exists():
                disk.check()
            self._really["mkdir"](path, mode, **options)
            if disk.watches(place):
                disk.made(place, is_folder=True)
