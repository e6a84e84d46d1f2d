"""How fast mail is relayed, beside Postfix and OpenSMTPD; `make bench-relay` runs it, as root.

    smtp-source ──▶ server ──▶ smtp-sink, the exchanger of the domain, on another host

    small       4 KiB messages, over 20 sessions
    half dead   the same to a domain whose first exchanger answers nothing, not even a connection
    large       25 MiB messages, four at once

From the first connection to the moment when the last message has arrived, with the settings that each server is
shipped with.  Each measurement has a new server, which knows nothing of the exchangers yet.  Where a server takes
longer than is waited for, its rate is that of the messages that have arrived by then.

Prints tables, and as the last line the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.bench_accept import SCRATCH, scratch
from benchmarks.figures import OURS, Figure, as_data, at_least_times, at_most, at_most_times, table
from benchmarks.parts import forget_peak, peak
from benchmarks.servers import ROOT, SERVERS, AbsentError, Running, as_root, failed
from benchmarks.spread import Spread
from benchmarks.zone import DEAD, SINK
from tests.namespaces import Command, Host, UnavailableError
from tests.peers import Peer, find_peer

_MEGABYTE = 1_000_000
_MAX_GROWTH_MIB = 25.0
_LARGE_OCTETS = 25 * 1024 * 1024


class Work(NamedTuple):
    """*messages* of *octets* to *domain* over *sessions*; the last of them is waited for *patience* seconds."""

    name: str
    domain: str
    sessions: int
    messages: int
    octets: int
    patience: float


WORKS = (
    Work("small", "good.test", 20, 1800, 4096, 60),
    Work("half dead", "half.test", 20, 600, 4096, 90),
    Work("large", "good.test", 4, 8, _LARGE_OCTETS, 60),
)


class Found(NamedTuple):
    """What one work measured on one server: by when so many messages had arrived, and what that cost."""

    seconds: float
    arrived: int
    cpu_seconds: float
    grown_mib: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.arrived / self.seconds

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time for a message."""
        return 1000 * self.cpu_seconds / max(1, self.arrived)


class Sink:
    """An smtp-sink that counts."""

    def __init__(self, host: Host, program: Peer) -> None:
        """Listen on port 25 of *host*."""
        self.arrived = 0
        self._changed = threading.Condition()
        command: Command = [program.program, "-c", "-u", "nobody", "-h", "mx.good.test", f"{SINK}:25", "1000"]
        pipe = subprocess.PIPE
        self._process = host.popen(command, env=program.environment, stdin=subprocess.DEVNULL, stdout=pipe)
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, count: int, seconds: float) -> int:
        """Wait until *count* messages have arrived, but not longer than so many *seconds*; return how many have."""
        with self._changed:
            self._changed.wait_for(lambda: self.arrived >= count, seconds)
            return self.arrived

    def _read(self) -> None:
        assert self._process.stdout
        rest = b""
        while octets := os.read(self._process.stdout.fileno(), 65536):
            *lines, rest = re.split(rb"[\r\n]", rest + octets)
            counts = [int(found[1]) for line in lines if (found := re.search(rb"mesg=(\d+)", line))]
            if counts:
                with self._changed:
                    self.arrived = max(self.arrived, *counts)
                    self._changed.notify_all()


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [work.name for work in WORKS]
    parser.add_argument("--works", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--rounds", type=int, default=3, help="of all works on all servers (default: 3)")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS), help="only these servers")
    parser.add_argument("--folder", default=SCRATCH, help=f"on a disk, where queues are made (default: {SCRATCH})")
    return parser.parse_args()


@contextmanager
def surroundings(server: Running, sink: Peer) -> Iterator[Sink]:
    """Give *server* a name server, an exchanger on another host, and one that answers nothing."""
    other = server.host.connect("198.51.100.1/24", f"{SINK}/24")
    interface = f"veth{other.pid}"
    # What is sent to that address goes to an interface that nobody has.
    for command in (
        ["ip", "neighbour", "add", DEAD, "lladdr", "02:00:00:00:00:09", "dev", interface, "nud", "permanent"],
    ):
        done = server.host.run(command)
        if done.returncode:
            raise UnavailableError(done.stderr.strip())
    zone = server.host.popen(
        [sys.executable, "-m", "benchmarks.zone"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert zone.stdout
    zone.stdout.readline()
    yield Sink(other, sink)


def source(work: Work, server: Running, program: Peer) -> subprocess.Popen[Any]:
    """Start to send the mails of *work*."""
    words = ["-d", "-l", str(work.octets), "-M", "client.example.com", "-f", "sender@example.com"]
    words += ["-s", str(work.sessions), "-m", str(work.messages), "-t", f"joe@{work.domain}", "127.0.0.1:25"]
    process: subprocess.Popen[Any] = server.host.popen(
        [program.program, *words],
        env=program.environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process


def measure(work: Work, name: str, folder: Path, programs: Mapping[str, Peer]) -> Found:
    """Put *work* on a new server.

    Raises:
        AbsentError: It cannot be had.
        ServerError: It does not take all of the work.
    """
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    with (
        scratch(str(folder)) as place,
        SERVERS[name](place, resolv_conf=resolv_conf) as server,
        surroundings(server, programs["smtp-sink"]) as sink,
    ):
        os.sync()
        before = forget_peak(server)
        cpu, start = server.meter.seconds(), time.perf_counter()
        client = source(work, server, programs["smtp-source"])
        arrived = sink.wait(work.messages, work.patience)
        seconds = time.perf_counter() - start
        grown = (peak(server) - before) / 1024
        if arrived < work.messages:
            print(f"  {name}: {arrived} of {work.messages} within {seconds:.0f} s", file=sys.stderr)
            client.kill()
        elif client.wait():
            raise failed(server, f"does not take all of {work.name}")
        # What is to be recorded of it takes another moment.
        time.sleep(0.5)
        return Found(seconds, arrived, server.meter.seconds() - cpu, grown)


def figures_of(work: Work, found: Mapping[str, list[Found]]) -> list[Figure]:
    """Turn what was measured into figures."""
    spreads = {
        key: {name: Spread([key(each) for each in all_]) for name, all_ in found.items() if all_}
        for key in (_rate, _megabytes, _cpu, _growth)
    }
    rates, cpu = spreads[_rate], spreads[_cpu]
    if work.name == "large":
        speeds, grown = spreads[_megabytes], {OURS: spreads[_growth][OURS]} if OURS in spreads[_growth] else {}
        return [
            Figure("25 MiB messages, 4 at once, MB/s", speeds, (at_least_times(speeds, 1.0, "postfix"),)),
            Figure("  our memory grows meanwhile by MiB, at its peak", grown, (at_most(grown, _MAX_GROWTH_MIB),)),
            Figure("  CPU-ms/message", cpu, decimals=0),
        ]
    times = 2.0 if work.name == "small" else 20.0
    bars = (at_most_times(cpu, 1 / 3, "postfix"),) if work.name == "small" else ()
    what = "4 KiB, messages/s" if work.name == "small" else "4 KiB, first exchanger dead, messages/s"
    return [
        Figure(what, rates, (at_least_times(rates, times, "postfix"),)),
        Figure("  CPU-ms/message", cpu, bars, decimals=2),
    ]


def _rate(found: Found) -> float:
    return found.rate


def _megabytes(found: Found) -> float:
    return found.rate * _LARGE_OCTETS / _MEGABYTE


def _cpu(found: Found) -> float:
    return found.cpu


def _growth(found: Found) -> float:
    return found.grown_mib


def run(chosen: argparse.Namespace) -> None:
    """Measure, and print."""
    programs = {}
    for name in ("smtp-source", "smtp-sink"):
        program = find_peer(name)
        if not isinstance(program, Peer):
            raise AbsentError(program)
        programs[name] = program
    works = [work for work in WORKS if work.name in chosen.works]
    found: dict[Work, dict[str, list[Found]]] = {work: {name: [] for name in chosen.only} for work in works}
    absent: set[str] = set()
    with scratch(chosen.folder) as folder:
        for number in range(chosen.rounds):
            print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
            for work, by_name in found.items():
                for name in set(chosen.only) - absent:
                    try:
                        by_name[name].append(measure(work, name, folder, programs))
                    except AbsentError as reason:
                        print(f"{name} is absent: {reason}", file=sys.stderr)
                        absent.add(name)
    figures = [figure for work, by_name in found.items() for figure in figures_of(work, by_name)]
    print(*table(figures, chosen.only), sep="\n")
    print(json.dumps({"benchmark": "relay", "rounds": chosen.rounds, "figures": as_data(figures)}))


def main() -> None:
    """Run."""
    chosen = options()
    as_root(lambda: run(chosen))


if __name__ == "__main__":
    main()
