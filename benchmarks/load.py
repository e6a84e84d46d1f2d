"""The loads that smtp-source puts on a server, and what they measure."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.servers import RECIPIENT, Running, failed
from tests.peers import Peer

OCTETS = 4096


class Load(NamedTuple):
    """*sessions* clients that send *mails* each over one connection, *times* times over.

    They connect all at once, or *at_once* of them.  The latter is kind to OpenSMTPD: no more than five
    clients may wait for it, the kernel makes the others try again after one second, then after two, and
    so on; and that, not its speed, is what is measured.
    """

    sessions: int
    mails: int
    times: int = 1
    at_once: int = 0
    octets: int = OCTETS
    is_long: bool = False

    @property
    def name(self) -> str:
        """How the tables call it."""
        who = "clients" if self.mails == 1 else "session" if self.sessions == 1 else "sessions"
        long, at_once = ", long" if self.is_long else "", f", {self.at_once} at once" if self.at_once else ""
        return f"{self.sessions} {who}{long}{at_once}"

    @property
    def messages(self) -> int:
        """The number of mails in all."""
        return self.sessions * self.mails * self.times

    @property
    def clients(self) -> list[int]:
        """The number of sessions of each smtp-source."""
        at_once = self.at_once or self.sessions
        return [at_once] * (self.sessions // at_once)

    def sized(self, messages: int) -> Load:
        """Return it with about so many *messages* in all."""
        return self._replace(times=max(1, round(messages / (self.sessions * self.mails))))


LOADS = (
    Load(1, 100, 8),
    Load(20, 40, 4),
    Load(50, 40, 2),
    Load(20, 40, 4, at_once=5),
    Load(50, 40, 2, at_once=5),
    # So long that the start of smtp-source and its connections, some 50 ms, say little.
    Load(20, 200, is_long=True),
    Load(50, 100, is_long=True),
    Load(200, 1, 5),
)


class Figures(NamedTuple):
    """What one load measured on one server."""

    seconds: float
    messages: int
    cpu_seconds: float
    disk_flushes: int | None

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time for a message."""
        return 1000 * self.cpu_seconds / self.messages

    @property
    def flushes(self) -> float | None:
        """Flushes of the disk for a message; None where they are not counted."""
        return None if self.disk_flushes is None else self.disk_flushes / self.messages


def measure(load: Load, server: Running, source: Peer, flushes: Callable[[], int] | None) -> Figures:
    """Put *load* on *server*; what it still does after its last reply counts as its work, but not as its time."""
    _settle()
    cpu = server.meter.seconds()
    flushed = flushes() if flushes else 0
    start = time.perf_counter()
    for _ in range(load.times):
        send(load, server, source)
    seconds = time.perf_counter() - start
    flushed = flushes() - flushed if flushes else 0
    _settle()
    return Figures(seconds, load.messages, server.meter.seconds() - cpu, flushed if flushes else None)


def _settle() -> None:
    """Write out what servers have left to the kernel, lest the next one has to wait for it."""
    os.sync()


def send(load: Load, server: Running, source: Peer) -> None:
    """Send the mails of *load* once.

    Raises:
        ServerError: Not all of them were taken.
    """
    options = ["-l", str(load.octets), "-M", "client.example.com", "-f", "sender@example.com", "-t", RECIPIENT]
    if load.mails > 1:
        options.append("-d")
    started = [
        server.host.popen(
            [source.program, "-s", str(sessions), "-m", str(sessions * load.mails), *options, "127.0.0.1:25"],
            env=source.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for sessions in load.clients
    ]
    complaints = [client.communicate()[1] for client in started]
    if any(client.returncode for client in started):
        raise failed(server, f"does not take the load of {load.name}: {''.join(complaints).strip()}")
