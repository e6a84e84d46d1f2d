"""What `bench_accept` measures beside the rates, one function for each part.

    large         25 MiB messages: MB/s, and the peak of our memory
    latency       one transaction at a time: the time of half of them
    handshakes    processor time of a TLS handshake behind STARTTLS
    stalls        how long NOOP waits while hostile clients, and a load, are there

All go round the servers in turn, a few times.  `talk` has the clients.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.figures import OURS, Figure, at_least_times, at_most, at_most_times
from benchmarks.load import Load, measure, send
from benchmarks.servers import ROOT, Running, failed
from benchmarks.spread import Spread
from tests.peers import Peer

LARGE_OCTETS = 25 * 1024 * 1024
# Four at once, twice: whole in memory they would be 100 MiB.
LARGE = Load(4, 2, octets=LARGE_OCTETS)
_MEGABYTE = 1_000_000
_MAX_GROWTH_MIB = 25.0
# One session may carry 100.
_TRANSACTIONS = 90
_HANDSHAKES = 200
# Under OpenSSL 3 it cannot sign with the ECDSA key that all of them get.
_ONLY_RSA = "opensmtpd"
_STALL_SECONDS = 15
_MAX_STALL_MS = 50.0
# Sent again and again until the time is over.
_BESIDE = Load(20, 20)

Servers = Mapping[str, Running]


def large(servers: Servers, rounds: int, source: Peer) -> list[Figure]:
    """Measure large messages."""
    speeds: dict[str, list[float]] = {name: [] for name in servers}
    growth: list[float] = []
    for _ in range(rounds):
        for name, server in servers.items():
            before = forget_peak(server) if name == OURS else 0
            found = measure(LARGE, server, source, None)
            speeds[name].append(found.rate * LARGE_OCTETS / _MEGABYTE)
            if name == OURS:
                growth.append((peak(server) - before) / 1024)
    values = _spreads(speeds)
    grown = _spreads({OURS: growth})
    return [
        Figure("25 MiB messages, 4 at once, MB/s", values, (at_least_times(values, 1.5, "postfix"),)),
        Figure("  our memory grows meanwhile by MiB, at its peak", grown, (at_most(grown, _MAX_GROWTH_MIB),)),
    ]


def latency(servers: Servers, rounds: int, _: Peer) -> list[Figure]:
    """Measure transactions one at a time."""
    times: dict[str, list[float]] = {name: [] for name in servers}
    for _round in range(rounds):
        for name, server in servers.items():
            times[name].append(median(talk(server, "transactions", _TRANSACTIONS)))
    values = _spreads(times)
    return [Figure("transaction at low load, p50 in ms", values, (at_most_times(values, 1.2, "postfix"),), decimals=2)]


def handshakes(servers: Servers, rounds: int, _: Peer) -> list[Figure]:
    """Measure sessions with a handshake, and those without; the difference is what it costs."""
    capable = {name: server for name, server in servers.items() if name != _ONLY_RSA}
    whole: dict[str, list[float]] = {name: [] for name in capable}
    alone: dict[str, list[float]] = {name: [] for name in capable}
    for _round in range(rounds):
        for name, server in capable.items():
            plain, secure = (_cpu_of(server, kind) for kind in ("sessions", "handshakes"))
            whole[name].append(secure)
            alone[name].append(secure - plain)
    values, wholes = _spreads(alone), _spreads(whole)
    return [
        Figure("STARTTLS handshake, CPU-ms", values, (at_most_times(values, 1.1, "postfix"),), decimals=2),
        Figure("  a session with one and nothing else, CPU-ms", wholes, decimals=2),
    ]


def stalls(servers: Servers, rounds: int, source: Peer) -> list[Figure]:
    """Measure how long NOOP waits, beside a load and beside hostile clients as well; of ours alone."""
    if OURS not in servers:
        return []
    figures = []
    for what in ("a load", "a load and hostile input"):
        found = [_waits(servers[OURS], source, is_hostile="hostile" in what) for _ in range(rounds)]
        noops, echoes = zip(*found, strict=True)
        usual = _spreads({OURS: [quantiles(each, n=100)[98] for each in noops]})
        worst = _spreads({OURS: list(map(max, noops))})
        figures.append(Figure(f"NOOP beside {what}, p99 in ms", usual))
        figures.append(Figure("  the worst, ms", worst, (at_most(worst, _MAX_STALL_MS),)))
        figures.append(Figure("  the worst of a bare echo meanwhile, ms", _spreads({OURS: list(map(max, echoes))})))
    return figures


PARTS: dict[str, Callable[[Servers, int, Peer], list[Figure]]] = {
    "large": large,
    "latency": latency,
    "handshakes": handshakes,
    "stalls": stalls,
}


# ------------------------------------------------------------ clients


def start_talk(server: Running, kind: str, number: int) -> subprocess.Popen[Any]:
    """Start a client of `talk` in the network of *server*."""
    process: subprocess.Popen[Any] = server.host.popen(
        [sys.executable, "-m", "benchmarks.talk", kind, str(number)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process


def result_of(server: Running, process: subprocess.Popen[Any]) -> list[float]:
    """Return what a client has measured.

    Raises:
        ServerError: It was not served.
    """
    printed, complaint = process.communicate()
    if process.returncode:
        raise failed(server, f"does not serve {process.args!r}: {complaint.strip()}")
    found: list[float] = json.loads(printed)
    return found


def talk(server: Running, kind: str, number: int) -> list[float]:
    """Let a client talk to *server*, and return what it has measured."""
    return result_of(server, start_talk(server, kind, number))


def _cpu_of(server: Running, kind: str) -> float:
    """Return the processor time of one session of *kind*, in milliseconds."""
    before = server.meter.seconds()
    talk(server, kind, _HANDSHAKES)
    return 1000 * (server.meter.seconds() - before) / _HANDSHAKES


def _waits(server: Running, source: Peer, *, is_hostile: bool) -> tuple[list[float], list[float]]:
    """Return how long NOOP waited, and a bare echo: what the machine is to blame for shows there, too."""
    probes = [start_talk(server, kind, _STALL_SECONDS) for kind in ("probe", "echo")]
    nuisance = start_talk(server, "hostile", _STALL_SECONDS) if is_hostile else None
    end = time.monotonic() + _STALL_SECONDS
    while time.monotonic() < end:
        send(_BESIDE, server, source)
    if nuisance is not None and result_of(server, nuisance) == [0]:
        raise failed(server, "ends no session of a hostile client")
    noops, echoes = (result_of(server, each) for each in probes)
    return noops, echoes


# ------------------------------------------------------------ memory


def _members(server: Running) -> Iterable[Path]:
    """Yield the processes of *server*."""
    wanted = Path(f"/proc/{server.host.anchor}/ns/pid").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").readlink() == wanted:
                yield process
        except OSError:
            continue


def peak(server: Running) -> int:
    """Return the largest resident memory that a process of *server* has had, in KiB."""
    return max(_field(process, "VmHWM") for process in _members(server))


def forget_peak(server: Running) -> int:
    """Begin a new peak, and return what is resident now."""
    for process in _members(server):
        (process / "clear_refs").write_text("5", encoding="ascii")
    return peak(server)


def _field(process: Path, name: str) -> int:
    for line in (process / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def _spreads(values: Mapping[str, list[float]]) -> dict[str, Spread]:
    return {name: Spread(found) for name, found in values.items() if found}
