"""A file system on a disk of which every write is recorded, and what is left of it when the power is cut.

    with RecordedDisk(folder, 256) as disk:
        ...                                 servers use disk.mounted
    for cut in disk.cuts(moments, random):  what was flushed, and any sectors of what was not
        with disk.after(cut):
            ...                             they find it at disk.mounted again

A write that came after the last flush may be on the disk as a whole, in part (sectors of 512 octets), or not at
all, whatever came before or after it.  The file system mends itself when it is mounted, as after a real cut.

Needs root, /dev/fuse and loop devices, and runs in mounts of its own (`in_own_mounts`), so that nothing is left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple, Self

from benchmarks.recorder import NAME, Record, records
from benchmarks.servers import ROOT, AbsentError

SECTOR = 512
# Where it is memory, thousands of flushes cost nothing.
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it has a name of its own
_OWN_MOUNTS = "SMTPDSL_OWN_MOUNTS"


def in_own_mounts() -> None:
    """Start this program again with mounts that nobody else sees, and that end with it, unless that has been done.

    Raises:
        AbsentError: This machine has not what is needed.
    """
    for needed in (Path("/dev/fuse"), Path("/dev/loop-control")):
        if not needed.exists():
            message = f"there is no {needed}, and without it no disk can be recorded"
            raise AbsentError(message)
    for program in ("unshare", "mkfs.ext4", "mount", "umount"):
        if shutil.which(program) is None:
            message = f"there is no {program}, and without it no disk can be recorded"
            raise AbsentError(message)
    if os.environ.get(_OWN_MOUNTS):
        return
    environment = {**os.environ, _OWN_MOUNTS: "1"}
    os.execvpe("unshare", ["unshare", "--mount", sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606, S607


class Cut(NamedTuple):
    """The power is cut when the log has *moment* octets; *image* is what is on the disk then."""

    moment: int
    image: bytearray
    lost: int
    """How many writes were not flushed yet."""


class RecordedDisk:
    """A disk with an ext4 file system at `mounted`."""

    def __init__(self, folder: Path, mebibytes: int) -> None:
        """Keep everything in *folder*, but the log and images in memory if that is possible."""
        self.mounted = folder / "mounted"
        self._raw = folder / "raw"
        self._size = mebibytes
        memory = _MEMORY if _MEMORY.is_dir() else folder
        self._log = memory / f"smtpdsl-{os.getpid()}.log"
        self._image = memory / f"smtpdsl-{os.getpid()}.image"
        self._recorder: subprocess.Popen[str] | None = None
        self.end = 0

    def __enter__(self) -> Self:
        self.mounted.mkdir(parents=True)
        self._raw.mkdir()
        command = [sys.executable, "-m", "benchmarks.recorder", str(self._raw), str(self._size), str(self._log)]
        self._recorder = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            self._mount(self._recorder)
        except BaseException:
            self._recorder.kill()
            self._recorder.communicate()
            raise
        return self

    def _mount(self, recorder: subprocess.Popen[str]) -> None:
        assert recorder.stdout, "a pipe"
        assert recorder.stderr, "a pipe"
        if not recorder.stdout.readline():
            raise AbsentError(recorder.stderr.read().strip().rpartition("\n")[2])
        _run("mkfs.ext4", "-q", "-F", self._raw / NAME)
        _run("mount", "-o", "loop", self._raw / NAME, self.mounted)
        self.mounted.chmod(0o755)

    def __exit__(self, *_: object) -> None:
        """Stop recording; what was recorded stays until `forget`."""
        assert self._recorder is not None, "it was started"
        self.end = self.end or self.moment()
        for place in (self.mounted, self._raw):
            _run("umount", place)
        self._recorder.wait(60)
        for pipe in (self._recorder.stdout, self._recorder.stderr):
            if pipe is not None:
                pipe.close()

    @property
    def log(self) -> Path:
        """The log, whose length is the time."""
        return self._log

    def moment(self) -> int:
        """Return how long the log is."""
        return self._log.stat().st_size

    def forget(self) -> None:
        """Remove what was recorded."""
        for path in (self._log, self._image):
            path.unlink(missing_ok=True)

    def cuts(self, moments: Iterable[int], random: Random) -> Iterator[Cut]:
        """Yield what is left when the power is cut at *moments*, each the next place between two records."""
        image = bytearray(self._size << 20)
        unflushed: list[Record] = []
        wanted = sorted(moments, reverse=True)
        for place, record in records(self._log, self.end):
            if record.is_flush:
                for each in unflushed:
                    _apply(image, each)
                unflushed.clear()
            else:
                unflushed.append(record)
            while wanted and place >= wanted[-1]:
                wanted.pop()
                yield Cut(place, _torn(image, unflushed, random), len(unflushed))

    @contextmanager
    def after(self, cut: Cut) -> Iterator[Path]:
        """Mount what is left after *cut* where it was before."""
        self._image.write_bytes(cut.image)
        _run("mount", "-o", "loop", self._image, self.mounted)
        try:
            yield self.mounted
        finally:
            _run("umount", self.mounted)


def _torn(image: bytearray, unflushed: Sequence[Record], random: Random) -> bytearray:
    """Return *image* with some of *unflushed*: often none, sometimes all, in most cases anything."""
    left = bytearray(image)
    likely = random.choice([0.0, 0.0, random.random(), random.random(), 1.0])
    for record in unflushed:
        if random.random() < likely:
            _apply(left, record)
        elif 0 < likely < 1:
            for start in range(0, len(record.octets), SECTOR):
                if random.random() < likely:
                    _apply(left, Record(record.offset + start, record.octets[start : start + SECTOR]))
    return left


def _apply(image: bytearray, record: Record) -> None:
    image[record.offset : record.offset + len(record.octets)] = record.octets


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{command[0]}: {done.stderr.strip()}"
        raise AbsentError(message)
