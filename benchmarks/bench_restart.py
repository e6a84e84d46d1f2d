"""How long a server takes to be there again when its queue is full; `make bench-restart` runs it.

    100,000 messages of 4 KiB, all of them due ──▶ smtpdsl run
        accepts      until a client that comes as soon as it can has its 250
        delivers     until the first message is in its maildir
        memory       the peak of the server's resident memory, while it delivers for some seconds

Beside it stands what an empty queue takes, which is mostly the start of Python.

Prints a table, and as the last line the same as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import smtplib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.figures import OURS, Figure, as_data, at_most, table
from benchmarks.spread import Spread
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.interfaces import Envelope, InlineContent, Route, Submission
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.manager import Queue, Settings
from tests.e2e.homes import UID
from tests.processes import roles_of, shared_memory_kib
from tests.servers import Server

SCRATCH = "/var/tmp"  # noqa: S108 - what is made in it has a name of its own
USERS = 100
OCTETS = 4096
SOME_SECONDS = 10.0
MAX_ACCEPT_SECONDS, MAX_DELIVERY_SECONDS, MAX_MEBIBYTES = 2.0, 5.0, 200.0
ENTRIES = ", ".join(f'user{number} = "{UID}:{UID}:/home/user{number}"' for number in range(USERS))
CONFIGURATION = f"""
listen on 127.0.0.1 port PORT
table mailboxes {{ {ENTRIES} }}
action "deliver" maildir userbase <mailboxes>
match from local for local action "deliver"
"""
EMPTY = "empty queue"
# So many messages come at once while the queue is filled.
_AT_ONCE = 512


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000, help="in the queue (default: 100000)")
    parser.add_argument("--rounds", type=int, default=3, help="restarts (default: 3)")
    parser.add_argument("--folder", default=SCRATCH, help=f"on a disk, where the queue is made (default: {SCRATCH})")
    return parser.parse_args()


class Silence:
    """A `Log` of a queue that delivers nothing."""

    def event(self, *_: object) -> None:
        """Say nothing."""

    info = warn = event


async def fill(spool: Path, messages: int) -> None:
    """Put *messages* into a new *spool*."""
    log: Log = Silence()
    queue = Queue(spool, {}, log, settings=Settings(paused=frozenset(Route)))
    await queue.start()
    sender = ReversePath(mailbox=Mailbox(local_part="sender", domain="example.com"))
    content = InlineContent(b"Subject: a mail\n\n" + b"x" * 63 * (OCTETS // 64))
    for start in range(0, messages, _AT_ONCE):
        await asyncio.gather(
            *(
                queue.enqueue(
                    Submission(
                        queue.next_message_id(),
                        sender,
                        Client(source="127.0.0.1"),
                        time.time(),
                        content,
                        (_envelope(number),),
                    )
                )
                for number in range(start, min(messages, start + _AT_ONCE))
            )
        )
    await queue.stop(0)


def _envelope(number: int) -> Envelope:
    user = f"user{number % USERS}"
    address = Mailbox(local_part=user, domain="localhost")
    return Envelope(Route.LOCAL, "deliver", address, address, user, ttl=4 * 86_400)


@contextmanager
def filled(folder: str, messages: int) -> Iterator[Path]:
    """Yield a folder with a full spool, and the homes of its users."""
    path = Path(tempfile.mkdtemp(prefix="bench-restart-", dir=folder))
    try:
        path.chmod(0o755)
        for number in range(USERS):
            home = path / f"root/home/user{number}"
            home.mkdir(parents=True)
            if os.geteuid() == 0:
                os.chown(home, UID, UID)
        print(f"filling the queue with {messages} messages", file=sys.stderr)
        asyncio.run(fill(path / "root/var/spool/smtpdsl", messages))
        yield path
    finally:
        shutil.rmtree(path)


def restart(folder: Path) -> tuple[float, float, float]:
    """Start the server, and return the seconds until it accepts and until it delivers, and its memory in MiB."""
    server = Server(folder, CONFIGURATION)
    homes = folder / "root/home"
    for maildir in homes.glob("*/Maildir"):
        shutil.rmtree(maildir)
    start = time.perf_counter()
    server.start()
    try:
        with server.client() as client:
            client.sendmail("sender@example.com", ["user0@localhost"], "Subject: a new one\r\n\r\nhello\r\n")
        accepted = time.perf_counter() - start
        while not any(homes.glob("*/Maildir/new/*")):
            time.sleep(0.005)
        delivered = time.perf_counter() - start
        time.sleep(SOME_SECONDS)
        return accepted, delivered, _peak(server.pid) / 1024
    finally:
        server.kill()


def _peak(process: int) -> int:
    """Return the most that the server *process* had at any time, and what its other processes have now, in KiB."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None, "the process has ended"
    return int(found[1]) + shared_memory_kib(tuple(each for each in roles_of(process).own if each != process))


def main() -> None:
    """Run, and print."""
    chosen = options()
    with filled(chosen.folder, 0) as empty, filled(chosen.folder, chosen.messages) as folder:
        # Each one but the first comes after a crash.
        pairs = [(restart(empty), restart(folder)) for _ in range(chosen.rounds)]
    kinds = (
        ("  until a message is accepted, s", MAX_ACCEPT_SECONDS),
        ("  until the first one is delivered, s", MAX_DELIVERY_SECONDS),
        ("  peak of resident memory, MiB", MAX_MEBIBYTES),
    )
    figures = []
    for number, (what, bar) in enumerate(kinds):
        idle, full = (Spread([pair[place][number] for pair in pairs]) for place in (0, 1))
        figures.append(Figure(what, {EMPTY: idle, OURS: full}, (at_most({OURS: full}, bar),), decimals=2))
    print(f"restart with {chosen.messages} queued messages")
    print(*table(figures, [EMPTY, OURS]), sep="\n")
    print(json.dumps({"benchmark": "restart", "messages": chosen.messages, "figures": as_data(figures)}))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, smtplib.SMTPException):
        main()
