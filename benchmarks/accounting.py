"""What a server costs the machine: processor time of all its processes, and flushes of the disk.

Processor time comes from a control group (version 2) in which the server is started, so processes that
have ended count too.  Where no group can be made it is summed over the processes of the server's
namespace, with the children each has waited for; that is rounded down to clock ticks (10 ms) for
each process, too little for servers that start many.

A flush is what fsync and its relatives ask of the disk, counted by the disk itself: those of
everything on it, so the machine has to be quiet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.namespaces import Command, Host

TICKS = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat: utime, stime, cutime, cstime, counted from the field behind the name of the program.
TIMES = slice(11, 15)
# In /proc/diskstats, behind the name of the disk.
FLUSHES = 15


class CpuMeter(NamedTuple):
    """Reads the processor time of one server."""

    host: Host
    group: Path | None

    def counted(self, command: Command) -> Command:
        """Build the command that runs *command* so that it is counted."""
        if self.group is None:
            return command
        return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', self.group / "cgroup.procs", *command]

    def seconds(self) -> float:
        """Return what the server has used so far."""
        return _group_seconds(self.group) if self.group else _namespace_seconds(self.host.anchor)


@contextmanager
def control_group(name: str) -> Iterator[Path | None]:
    """Yield a new control group below our own one, or None where there can be none; it must be empty at the end."""
    group = _make_group(f"{name}-{os.getpid()}")
    try:
        yield group
    finally:
        if group:
            _remove_group(group)


def _make_group(name: str) -> Path | None:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    ours = [
        line[3:] for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines() if line[:3] == "0::"
    ]
    for mount in mounts:
        if mount[2] != "cgroup2" or not ours:
            continue
        group = Path(mount[1] + ours[0]) / name
        with suppress(OSError):
            group.mkdir()
            _group_seconds(group)
            return group
    return None


def _remove_group(group: Path) -> None:
    """Remove *group* as soon as the last of its processes, which have been killed, is gone."""
    for _ in range(100):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)


def _group_seconds(group: Path) -> float:
    fields = dict(line.split() for line in (group / "cpu.stat").read_text(encoding="ascii").splitlines())
    return int(fields["usage_usec"]) / 1_000_000


def _namespace_seconds(member: int) -> float:
    """Sum over all processes in the PID namespace of the process *member*."""
    wanted = Path(f"/proc/{member}/ns/pid").readlink()
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (process / "ns/pid").readlink() == wanted:
                fields = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
                ticks += sum(map(int, fields[TIMES]))
    return ticks / TICKS


def flush_counter(folder: Path) -> Callable[[], int] | None:
    """Return what reads the number of flushes of the disk under *folder*, or None where it does not count them."""
    name = _disk(folder)
    if name is None:
        return None

    def read() -> int:
        for line in Path("/proc/diskstats").read_text(encoding="utf-8").splitlines():
            fields = line.split()
            if fields[2] == name and len(fields) > FLUSHES + 3:
                return int(fields[FLUSHES + 3])
        return 0

    before = read()
    _sync_once(folder)
    return read if read() > before else None


def _disk(folder: Path) -> str | None:
    """Return the name of the disk, not the partition, that *folder* is on."""
    device = folder.stat().st_dev
    link = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not link.exists():
        return None
    block = link.resolve()
    return block.parent.name if (block / "partition").exists() else block.name


def _sync_once(folder: Path) -> None:
    path = folder / "flush"
    with path.open("wb") as stream:
        stream.write(b"x")
        stream.flush()
        os.fsync(stream.fileno())
    path.unlink()
