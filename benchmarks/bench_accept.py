"""How fast mail is taken, durably, beside Postfix and OpenSMTPD; `make bench-accept` runs it, as root.

    rates         the same loads of smtp-source, with mails of 4 KiB, to each server in turn
    large, latency, handshakes, stalls      see `parts`
    idle          memory of clients that say nothing, see `bench_idle`

What is taken stays in the queue.  `servers` says how they run, `load` what is sent, and
`accounting` how their processor time and the flushes of the disk are counted.

Prints tables, and as the last line the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import accept_report, bench_idle, figures
from benchmarks.accounting import flush_counter
from benchmarks.figures import Figure
from benchmarks.load import LOADS, Figures, Load, measure, send
from benchmarks.parts import PARTS
from benchmarks.servers import SERVERS, AbsentError, Running, as_root
from tests.peers import Peer, find_peer

# A load that takes longer is not repeated: it tells of time-outs and not of speed.
PATIENCE_SECONDS = 10.0
# On a disk, where /tmp may be memory; what is made in it has a name of its own.
SCRATCH = "/var/tmp"  # noqa: S108 - see above
WARM_UP = Load(5, 20)
ALL_PARTS = ("rates", *PARTS, "idle")


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sessions = sorted({load.sessions for load in LOADS})
    parser.add_argument("--parts", nargs="+", choices=ALL_PARTS, default=ALL_PARTS, help="only these")
    parser.add_argument("--rounds", type=int, default=3, help="of all loads on all servers (default: 3)")
    parser.add_argument(
        "--messages",
        type=int,
        help="about so many in each load (default: 800 to 5000)",
    )
    parser.add_argument("--sessions", type=int, nargs="+", choices=sessions, default=sessions, help="only these loads")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS), help="only these servers")
    parser.add_argument("--folder", default=SCRATCH, help=f"on a disk, where queues are made (default: {SCRATCH})")
    return parser.parse_args()


@contextmanager
def scratch(folder: str) -> Iterator[Path]:
    """Yield a new folder below *folder* that the accounts of the servers may enter; it is removed."""
    path = Path(tempfile.mkdtemp(prefix="bench-accept-", dir=folder))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path)


def started(names: list[str], folder: Path, stack: ExitStack) -> dict[str, Running]:
    """Start the servers *names*, until *stack* ends; of those that cannot be had only the reason is printed."""
    running = {}
    for name in names:
        try:
            running[name] = stack.enter_context(SERVERS[name](folder / name))
        except AbsentError as reason:
            print(f"{name} is absent: {reason}", file=sys.stderr)
    return running


def measure_rates(
    servers: dict[str, Running], loads: list[Load], rounds: int, source: Peer, flushes: Callable[[], int] | None
) -> dict[tuple[Load, str], list[Figures]]:
    """Put each of *loads* on each of *servers* in turn, *rounds* times."""
    results: dict[tuple[Load, str], list[Figures]] = {(load, name): [] for load in loads for name in servers}
    for number in range(rounds):
        print(f"rates: round {number + 1} of {rounds}", file=sys.stderr)
        for (load, name), found in results.items():
            if not found or found[-1].seconds < PATIENCE_SECONDS:
                found.append(measure(load, servers[name], source, flushes))
    return results


def measure_figures(servers: dict[str, Running], chosen: argparse.Namespace, source: Peer) -> Iterator[Figure]:
    """Measure the other parts that were *chosen*."""
    for name, measure_part in PARTS.items():
        if name in chosen.parts:
            print(name, file=sys.stderr)
            yield from measure_part(servers, chosen.rounds, source)


def run(chosen: argparse.Namespace) -> None:
    """Measure, and print."""
    source = find_peer("smtp-source")
    if not isinstance(source, Peer):
        raise AbsentError(source)
    sizes = [load.sized(chosen.messages or load.messages) for load in LOADS if load.sessions in chosen.sessions]
    loads = sizes if "rates" in chosen.parts else []
    with scratch(chosen.folder) as folder, ExitStack() as stack:
        flushes = flush_counter(folder)
        if flushes is None:
            print(f"flushes are not counted: no disk that counts them is under {chosen.folder}", file=sys.stderr)
        servers = started(chosen.only, folder, stack) if chosen.parts != ["idle"] else {}
        for server in servers.values():
            # What is needed once by everything is there afterwards.
            send(WARM_UP, server, source)
        rates = measure_rates(servers, loads, chosen.rounds, source, flushes) if loads else {}
        found = list(measure_figures(servers, chosen, source))
    if "idle" in chosen.parts:
        print("idle", file=sys.stderr)
        found += bench_idle.measure_all()
    if loads:
        print(*accept_report.table(rates, loads, chosen.only), sep="\n")
    print(*figures.table(found, chosen.only), sep="\n")
    data = {"benchmark": "accept", "rounds": chosen.rounds, "figures": figures.as_data(found)}
    print(json.dumps(data | accept_report.as_data(rates, loads, chosen.only)))


def main() -> None:
    """Run."""
    chosen = options()
    as_root(lambda: run(chosen))


if __name__ == "__main__":
    main()
