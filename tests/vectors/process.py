"""A server of ours as a process: started with a configuration, watched, and its log read as it is written.

start ──▶ "info: ready"                      or Refusals: what the configuration asks for in vain
measure ──▶ descriptors and memory of all its processes, children
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.peers import ROOT
from tests.processes import children, resident_kib, roles_of
from tests.servers import READY

CONFIGURATION = "smtpd.conf"
_PATIENCE_SECONDS = 60.0
_FINDING = re.compile(
    r"^error\[(?P<code>[a-z-]+)\]: (?P<text>.*)\n *--> [^\n]*?:(?P<line>[0-9]+):[0-9]+$", re.MULTILINE
)
# What the language has and the server has not.
_UNSERVED = frozenset({"unsupported-feature"})


class Refusal(NamedTuple):
    """A line of the configuration that this version does not serve, and what it says about it."""

    line: int
    text: str


class StartError(Exception):
    """The server did not start, for another reason than that something is not served; its own words."""


class Measures(NamedTuple):
    """What the processes of a server use; memory that several of them share counts once."""

    descriptors: int
    resident_octets: int


class ServerProcess:
    """``smtpdsl run`` in a folder of its own."""

    def __init__(self, folder: Path, module: str = "smtpdsl", before: Sequence[str] = ()) -> None:
        """Run *module* in *folder*, which has the folder ``root``; *before* is a command that becomes another."""
        self.folder = folder
        self.root = folder / "root"
        self.lines: list[bytes] = []
        self._command = (*before, sys.executable, "-m", module, "run", "--root", "root", CONFIGURATION)
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self, configuration: str) -> list[Refusal]:
        """Start it by *configuration*; return what is not served, and then it does not run.

        Raises:
            StartError: It ended for another reason, or it is not ready in time.
        """
        (self.folder / CONFIGURATION).write_text(configuration)
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        temporary.chmod(0o1777)
        self.lines.clear()
        ours, theirs = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
                stdin=DEVNULL,
                stderr=theirs,
            )
        finally:
            os.close(theirs)
        self._reading = asyncio.create_task(self._read(ours))
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not self._is_ready() and not self._reading.done():
                    await self._wait(1.0)
        except TimeoutError:
            message = f"the server is not ready after {_PATIENCE_SECONDS:g} s"
            raise StartError(message) from None
        return [] if self._is_ready() else await self._refusals()

    async def stop(self) -> None:
        """Stop it, without waiting for what it is doing."""
        process, self._process = self._process, None
        if process is None or self._reading is None:
            return
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if process.returncode is None:
                # Its own `send_signal` would look whether it has ended, and take the result from whoever waits.
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
            try:
                async with asyncio.timeout(5):
                    await process.wait()
                break
            except TimeoutError:
                continue
        # What it has started, and not ended, may have the log open for some time.
        await asyncio.wait([self._reading], timeout=0.5)
        self._reading.cancel()
        await asyncio.wait([self._reading])

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "it has been started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.returncode is None

    def measure(self) -> Measures:
        """Look at what it uses now; nothing, if it has ended."""
        own = roles_of(self.pid).own
        return Measures(sum(map(_descriptors, own)), resident_kib(own) * 1024)

    def strange_children(self) -> list[str]:
        """Return the processes below this one that are none of our own, which are all Python."""
        found, parents = [], [self.pid]
        while parents:
            parents = [child for parent in parents for child in children(parent)]
            found += [name for child in parents if not (name := _name(child)).startswith(("python", "smtpdsl "))]
        return [name for name in found if name]

    async def wait_for_log(self, seconds: float) -> None:
        """Wait until the log has more lines, at most *seconds*."""
        await self._wait(seconds)

    # ------------------------------------------------------------ the log

    async def _read(self, descriptor: int) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        rest = b""
        try:
            while block := await reader.read(1 << 20):
                *lines, rest = (rest + block).split(b"\n")
                self.lines += lines
                self._news.set()
        finally:
            transport.close()
            self.lines += [rest] if rest else []
            self._news.set()

    async def _wait(self, seconds: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    def _is_ready(self) -> bool:
        return any(line.startswith(READY.encode()) for line in self.lines)

    async def _refusals(self) -> list[Refusal]:
        said = b"\n".join(self.lines).decode("utf-8", "replace")
        await self.stop()
        found = list(_FINDING.finditer(said))
        if not found or any(each["code"] not in _UNSERVED for each in found):
            # Of a traceback the end says most.
            raise StartError(said.strip().splitlines()[-1] if "Traceback" in said else said)
        return [Refusal(int(each["line"]), each["text"]) for each in found]


def _descriptors(pid: int) -> int:
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
