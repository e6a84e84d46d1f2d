"""Whether a server keeps what it has promised; `make bench-durability` runs it, as root.

    kills     the server is killed (SIGKILL) while clients send, and started again, many times over
    power     the power is cut at moments of the same work: what is left of a recorded disk is mounted, the server
              started on it, and what arrives is compared with what clients had got 250 for until that moment

Ours alone, unless `--peers` adds Postfix and OpenSMTPD, as Debian ships them, to the power cuts.  The servers deliver
to maildirs all the while; `power` says what is left of a disk, `witness` what is sent.

Prints a table, and as the last line the same as JSON; the exit status is 1 if ours has lost or altered anything.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.bench_accept import SCRATCH, scratch
from benchmarks.figures import OURS
from benchmarks.power import Cut, RecordedDisk, in_own_mounts
from benchmarks.servers import ROOT, SERVERS, AbsentError, Running, as_root, failed
from benchmarks.witness import found_in, names_in

# The least that all of them can work with: Postfix wants room for a large message, one and a half times.
MEBIBYTES = 192
CLIENTS = 8
# What has not arrived so long after anything else did, never will.
QUIET_SECONDS = 3.0
FIRST_SECONDS = 10.0
PATIENCE_SECONDS = 120.0


class Tally(NamedTuple):
    """What became of promises."""

    what: str
    server: str
    ends: int = 0
    promised: int = 0
    lost: int = 0
    altered: int = 0
    twice: int = 0
    ends_with_losses: int = 0

    def after(self, promised: set[str], homes: Path) -> Tally:
        """Add what is found in *homes* of what was *promised* until one end of the server."""
        found, altered = found_in(homes)
        lost = promised - set(found) - altered
        twice = sum(count - 1 for count in found.values())
        return self._replace(
            ends=self.ends + 1,
            promised=self.promised + len(promised),
            lost=self.lost + len(lost),
            altered=self.altered + len(altered),
            twice=self.twice + twice,
            ends_with_losses=self.ends_with_losses + bool(lost or altered),
        )


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only these")
    parser.add_argument("--peers", action="store_true", help="show Postfix and OpenSMTPD as well")
    parser.add_argument("--kills", type=int, default=50, help="how often the server is killed (default: 50)")
    parser.add_argument("--messages", type=int, default=100, help="promised before each kill, at most (default: 100)")
    parser.add_argument("--cuts", type=int, default=20, help="of the power of each server (default: 20)")
    parser.add_argument("--seconds", type=float, default=0, help="go on with each part at least for so long")
    parser.add_argument("--seed", type=int, default=2026, help="other moments, other sectors (default: 2026)")
    parser.add_argument("--folder", default=SCRATCH, help=f"where everything is (default: {SCRATCH})")
    return parser.parse_args()


# ------------------------------------------------------------ clients


def start_witness(server: Running, prefix: str, count: int, log: Path | None = None) -> subprocess.Popen[str]:
    """Let clients send *count* messages to *server*."""
    words = [sys.executable, "-m", "benchmarks.witness", prefix, str(count), str(CLIENTS), *([str(log)] if log else [])]
    process: subprocess.Popen[str] = server.host.popen(
        words,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process


def promises(witness: subprocess.Popen[str]) -> Iterator[tuple[str, int]]:
    """Yield the names of messages that a client has got 250 for, with the moments."""
    assert witness.stdout, "a pipe"
    for line in witness.stdout:
        name, moment = line.split()
        yield name, int(moment)


def wait_until_quiet(homes: Path, promised: set[str]) -> None:
    """Return when everything is there, or nothing comes any more."""
    start = last_change = time.monotonic()
    last = -1
    while time.monotonic() - start < PATIENCE_SECONDS:
        found = names_in(homes)
        if promised <= found:
            return
        now = time.monotonic()
        if len(found) != last:
            last, last_change = len(found), now
        if now - last_change > QUIET_SECONDS and now - start > FIRST_SECONDS:
            return
        time.sleep(0.1)


# ------------------------------------------------------------ kills


def kills(name: str, chosen: argparse.Namespace, folder: Path) -> Tally:
    """Kill the server *name* again and again, and look once, when it has delivered what is left."""
    random = Random(chosen.seed)  # noqa: S311 - the same moments each time
    promised: set[str] = set()
    end = time.monotonic() + chosen.seconds
    count = 0
    while count < chosen.kills or time.monotonic() < end:
        with SERVERS[name](folder, delivers=True) as server:
            promised |= _kill(server, f"{_letter(count)}{count:05}0", random.randint(1, chosen.messages))
        count += 1
        print(f"kills: {count}, {len(promised)} messages", end="\r", file=sys.stderr)
    print(file=sys.stderr)
    with SERVERS[name](folder, delivers=True) as server:
        wait_until_quiet(server.homes, promised)
        return Tally("kills", name).after(promised, server.homes)._replace(ends=count)


def _letter(count: int) -> str:
    return "abcdefghij"[count % 10]


def _kill(server: Running, prefix: str, after: int) -> set[str]:
    """Kill *server* when it has taken so many messages, and return their names, and those that were under way."""
    witness = start_witness(server, prefix, 10 * after + 100)
    promised = set()
    for name, _ in promises(witness):
        promised.add(name)
        if len(promised) == after:
            os.killpg(server.process.pid, signal.SIGKILL)
    witness.wait()
    return promised


# ------------------------------------------------------------ power cuts


def power(name: str, chosen: argparse.Namespace, folder: Path) -> Tally:
    """Let the server *name* work on a recorded disk, and look what is left after cuts."""
    random = Random(chosen.seed)  # noqa: S311 - the same moments each time
    tally = Tally("power cuts", name)
    end = time.monotonic() + chosen.seconds
    number = 0
    while tally.ends < chosen.cuts or time.monotonic() < end:
        number += 1
        tally = _one_disk(tally, chosen, folder / f"disk{number}", random)
    return tally


def _one_disk(tally: Tally, chosen: argparse.Namespace, folder: Path, random: Random) -> Tally:
    disk = RecordedDisk(folder, MEBIBYTES)
    try:
        with disk:
            promised, begin = _record(tally.server, chosen, disk)
        count = min(chosen.cuts, 20)
        # Most of them right after a promise, when there is most to lose.
        moments = [random.choice(list(promised.values())) for _ in range(count - count // 3)]
        moments += [random.randint(begin, disk.end) for _ in range(count // 3)]
        for cut in disk.cuts(moments, random):
            known = {name for name, moment in promised.items() if moment <= cut.moment}
            tally = _after(tally, disk, cut, known)
            print(f"{tally.server}: {tally.ends} cuts, {tally.lost} lost", end="\r", file=sys.stderr)
    finally:
        disk.forget()
    print(file=sys.stderr)
    return tally


def _record(name: str, chosen: argparse.Namespace, disk: RecordedDisk) -> tuple[Mapping[str, int], int]:
    """Let clients send, and return the moments of the promises, and that of the beginning."""
    with SERVERS[name](disk.mounted / "server", delivers=True) as server:
        os.sync()
        begin = disk.moment()
        promised = dict(promises(start_witness(server, "a", chosen.messages, disk.log)))
        disk.end = disk.moment()
        if not promised:
            raise failed(server, "takes no mail")
    return promised, begin


def _after(tally: Tally, disk: RecordedDisk, cut: Cut, promised: set[str]) -> Tally:
    with disk.after(cut) as mounted:
        # What is left of a log is nobody's business, and some servers do not start with it.
        (mounted / "server" / "log").unlink(missing_ok=True)
        with SERVERS[tally.server](mounted / "server", delivers=True) as server:
            wait_until_quiet(server.homes, promised)
            return tally.after(promised, server.homes)


# ------------------------------------------------------------ all of it

PARTS = {"kills": kills, "power": power}


def table(tallies: Sequence[Tally]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{'':<12}{'server':<12}{'ends':>6}{'promised':>10}{'lost':>8}{'altered':>9}{'twice':>7}   ends with losses"
    for each in tallies:
        yield (
            f"{each.what:<12}{each.server:<12}{each.ends:>6}{each.promised:>10,}{each.lost:>8,}{each.altered:>9}"
            f"{each.twice:>7}   {each.ends_with_losses} of {each.ends}"
        )


def run(chosen: argparse.Namespace) -> bool:
    """Measure and print; whether ours has kept all promises."""
    tallies = []
    with scratch(chosen.folder) as folder:
        for part in chosen.parts:
            for name in SERVERS if chosen.peers and part == "power" else [OURS]:
                try:
                    tallies.append(PARTS[part](name, chosen, folder / part / name))
                except AbsentError as reason:
                    print(f"{part}: {name} is absent: {reason}", file=sys.stderr)
    print(*table(tallies), sep="\n")
    print(json.dumps({"benchmark": "durability", "tallies": [each._asdict() for each in tallies]}))
    return not any(each.lost or each.altered for each in tallies if each.server == OURS)


def prepared(chosen: argparse.Namespace) -> argparse.Namespace:
    """Get what power cuts need, or leave them out and say why."""
    if "power" in chosen.parts:
        try:
            in_own_mounts()
        except AbsentError as reason:
            print(f"power: {reason}", file=sys.stderr)
            chosen.parts.remove("power")
    return chosen


def main() -> None:
    """Run; promises that were broken are a failure."""
    chosen = options()
    as_root(lambda: sys.exit(0 if run(prepared(chosen)) else 1))


if __name__ == "__main__":
    main()
