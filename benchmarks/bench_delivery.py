"""How fast mail reaches its mailbox, beside Postfix and OpenSMTPD; `make bench-delivery` runs it, as root.

    one mailbox     20 sessions send to one user
    20 mailboxes    a session each for 20 users
    large           1 MiB messages for 4 users

From the first connection to the moment when the last file is in its maildir: taken, queued, expanded by the
aliases, and delivered with the rights of its user.  Each server has every message on stable storage when its client
hears 250, and every file of a maildir afterwards, as far as it cares for that at all: ours syncs the name as well.

Prints tables, and as the last line the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.accounting import flush_counter
from benchmarks.bench_accept import SCRATCH, scratch
from benchmarks.figures import Figure, as_data, at_least_times, at_most_times, table
from benchmarks.servers import SERVERS, USERS, AbsentError, Running, as_root, failed
from benchmarks.spread import Spread
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS
from tests.peers import Peer, find_peer

DOMAIN = "example.org"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.01


class Work(NamedTuple):
    """*mails* of *octets* each, by *sessions* connections to each of *users*."""

    name: str
    users: tuple[str, ...]
    sessions: int
    mails: int
    octets: int

    @property
    def messages(self) -> int:
        """The number of mails in all."""
        return self.mails * len(self.users)


WORKS = (
    Work("one mailbox", USERS[:1], 20, 600, 4096),
    Work("20 mailboxes", USERS[1:21], 1, 30, 4096),
    Work("large", USERS[1:5], 2, 10, 1024 * 1024),
)


class Found(NamedTuple):
    """What one work measured on one server."""

    seconds: float
    cpu_seconds: float
    flushes: int


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [work.name for work in WORKS]
    parser.add_argument("--works", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--rounds", type=int, default=5, help="of all works on all servers (default: 5)")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS), help="only these servers")
    parser.add_argument("--folder", default=SCRATCH, help=f"on a disk, where queues are made (default: {SCRATCH})")
    return parser.parse_args()


def send(work: Work, server: Running, source: Peer) -> None:
    """Send the mails of *work*.

    Raises:
        ServerError: Not all of them were taken.
    """
    words = ["-d", "-l", str(work.octets), "-M", "client.example.com", "-f", "sender@example.com"]
    words += ["-s", str(work.sessions), "-m", str(work.mails)]
    clients = [
        server.host.popen(
            [source.program, *words, "-t", f"{user}@{DOMAIN}", "127.0.0.1:25"],
            env=source.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for user in work.users
    ]
    complaints = [client.communicate()[1] for client in clients]
    if any(client.returncode for client in clients):
        raise failed(server, f"does not take all of {work.name}: {''.join(complaints).strip()}")


def wait_for(count: int, server: Running) -> None:
    """Return when there are *count* messages in the maildirs.

    Raises:
        ServerError: They do not come.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := server.delivered()) < count:
        if time.monotonic() > deadline:
            raise failed(server, f"has delivered {found} of {count} messages")
        time.sleep(POLL_SECONDS)


def clear(server: Running) -> None:
    """Empty the maildirs, and write out what was left to the kernel."""
    for maildir in server.homes.glob("*/Maildir"):
        shutil.rmtree(maildir)
    os.sync()


def measure(work: Work, server: Running, source: Peer, flushes: Flushes) -> Found:
    """Put *work* on *server*."""
    clear(server)
    cpu, flushed = server.meter.seconds(), flushes()
    start = time.perf_counter()
    send(work, server, source)
    wait_for(work.messages, server)
    seconds = time.perf_counter() - start
    flushed = flushes() - flushed
    # What is to be recorded of it takes another moment.
    os.sync()
    time.sleep(0.5)
    return Found(seconds, server.meter.seconds() - cpu, flushed)


class Flushes:
    """Counts flushes of the disk, where the disk does; elsewhere there are none."""

    def __init__(self, folder: Path) -> None:
        """Watch the disk under *folder*."""
        self._read = flush_counter(folder)

    def __call__(self) -> int:
        """Return how many there were so far."""
        return self._read() if self._read is not None else 0


def started(names: Iterable[str], folder: Path, stack: ExitStack) -> dict[str, Running]:
    """Start the servers *names*, until *stack* ends; of those that cannot be had only the reason is printed."""
    running = {}
    for name in names:
        try:
            running[name] = stack.enter_context(SERVERS[name](folder / name, delivers=True))
        except AbsentError as reason:
            print(f"{name} is absent: {reason}", file=sys.stderr)
    return running


def figures_of(work: Work, found: Mapping[str, list[Found]]) -> list[Figure]:
    """Turn what was measured into figures."""
    rates = {name: Spread([work.messages / each.seconds for each in all_]) for name, all_ in found.items()}
    cpu = {name: Spread([1000 * each.cpu_seconds / work.messages for each in all_]) for name, all_ in found.items()}
    flushes = {name: Spread([each.flushes / work.messages for each in all_]) for name, all_ in found.items()}
    is_small = work.octets <= MAX_INLINE_OCTETS
    bars = (at_least_times(rates, 1.5, "opensmtpd"), at_least_times(rates, 1.0, "postfix")) if is_small else ()
    return [
        Figure(f"{work.name}, messages/s", rates, bars),
        Figure("  CPU-ms/message", cpu, (at_most_times(cpu, 1.0, "postfix"),), decimals=2),
        Figure("  flushes of the disk/message", flushes, decimals=2),
    ]


def run(chosen: argparse.Namespace) -> None:
    """Measure, and print."""
    source = find_peer("smtp-source")
    if not isinstance(source, Peer):
        raise AbsentError(source)
    works = [work for work in WORKS if work.name in chosen.works]
    with scratch(chosen.folder) as folder, ExitStack() as stack:
        flushes = Flushes(folder)
        servers = started(chosen.only, folder, stack)
        for server in servers.values():
            # What is needed once by everything is there afterwards.
            measure(WORKS[0]._replace(mails=20), server, source, flushes)
        found: dict[Work, dict[str, list[Found]]] = {work: {name: [] for name in servers} for work in works}
        for number in range(chosen.rounds):
            print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
            for work, by_name in found.items():
                for name, measured in by_name.items():
                    measured.append(measure(work, servers[name], source, flushes))
    figures = [figure for work, by_name in found.items() for figure in figures_of(work, by_name)]
    print(*table(figures, chosen.only), sep="\n")
    print(json.dumps({"benchmark": "delivery", "rounds": chosen.rounds, "figures": as_data(figures)}))


def main() -> None:
    """Run."""
    chosen = options()
    as_root(lambda: run(chosen))


if __name__ == "__main__":
    main()
