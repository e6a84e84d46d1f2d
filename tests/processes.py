"""The processes of a server that runs, as the kernel knows them.

queue            the process that was started
├─ forker        root, a program of its own (python -I): delivers, in the name of users
└─ nursery       root
   └─ smtp …     speak with clients
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Roles(NamedTuple):
    """The processes of a server; without a nursery the queue process speaks with clients itself."""

    queue: int
    forker: int | None
    nursery: int | None
    smtp: tuple[int, ...]

    @property
    def own(self) -> tuple[int, ...]:
        """Those that do what an ordinary user's server does in one process."""
        return (self.queue, *([self.nursery] if self.nursery is not None else []), *self.smtp)

    @property
    def all(self) -> tuple[int, ...]:
        """All of them."""
        return (*self.own, *([self.forker] if self.forker is not None else []))


def roles_of(pid: int) -> Roles:
    """Return the processes of the server *pid*."""
    forker = nursery = None
    ours = _command(pid)
    for child in children(pid):
        command = _command(child)
        if b"-I" in command:
            forker = child
        elif command == ours:
            # It was forked, and has no program of its own.
            nursery = child
    return Roles(pid, forker, nursery, tuple(children(nursery)) if nursery is not None else ())


def children(pid: int) -> list[int]:
    """Return the processes that *pid* has started, and that have not ended."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def shared_memory_kib(pids: tuple[int, ...]) -> int:
    """Return how much memory *pids* have, in KiB; what several of them share is counted once (Pss of proc(5))."""
    return sum(_field("smaps_rollup", "Pss", pid) for pid in pids)


def resident_kib(pids: tuple[int, ...]) -> int:
    """Return how much memory *pids* have, in KiB, each for itself (VmRSS of proc(5)).

    What a process writes to and shares no more is counted before and after: it is no growth.
    """
    return sum(_field("status", "VmRSS", pid) for pid in pids)


def _field(file: str, name: str, pid: int) -> int:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/{file}").read_text("ascii", "replace")
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) if found is not None else 0
    return 0


def _command(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []
