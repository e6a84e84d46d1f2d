"""A client that tells what it was promised: it prints a line for each 250, and ends when the server is gone.

    python -m benchmarks.witness PREFIX COUNT CLIENTS [LOG]

    a17 43120     the message a17 was taken, when the file LOG had 43120 octets

Each message can be told from any other, and whether it is whole: `letter` makes it anew from its name.
"""

from __future__ import annotations

import re
import smtplib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Lock, Thread

from benchmarks.servers import RECIPIENT, USERS

ADDRESS = ("127.0.0.1", 25)
_SIZES = (200, 4_000, 4_000, 20_000, 4_000, 150_000)
# The fields that servers add, and ours.
_HEAD_OCTETS = 4096
_DOMAIN = RECIPIENT.partition("@")[2]
_NAME = re.compile(rb"^Message-ID: <(\w+)@load\.example>\n", re.MULTILINE)


def letter(name: str) -> str:
    """Return the message *name*, with LF at the ends of lines."""
    random = Random(name)  # noqa: S311 - the same message each time
    size = random.choice(_SIZES)
    lines = [f"{name} {number} {random.random()}" for number in range(size // 30)]
    fields = ("From: <sender@example.com>", f"To: <{RECIPIENT}>", "Date: Sun, 22 Nov 2026 12:00:00 +0000")
    return "\n".join([f"Message-ID: <{name}@load.example>", *fields, "Subject: a mail", "", *lines, "end", ""])


def names_in(homes: Path) -> set[str]:
    """Return the names of the messages in the maildirs of *homes*, whatever they hold."""
    found = set()
    for path in homes.glob("*/Maildir/new/*"):
        with path.open("rb") as file:
            name = _NAME.search(file.read(_HEAD_OCTETS))
        found.add(name[1].decode() if name else path.name)
    return found


def found_in(homes: Path) -> tuple[Counter[str], set[str]]:
    """Count the messages in the maildirs of *homes*, by their names; the second ones are not as they were."""
    found: Counter[str] = Counter()
    altered: set[str] = set()
    for path in homes.glob("*/Maildir/new/*"):
        octets = path.read_bytes()
        name = _NAME.search(octets)
        shown = name[1].decode() if name else path.name
        if name and octets.endswith(_body(shown)):
            found[shown] += 1
        else:
            altered.add(shown)
    return found, altered


def _body(name: str) -> bytes:
    """Return what no server changes."""
    return letter(name).partition("\n\n")[2].encode()


class Witness:
    """Sends from several connections."""

    def __init__(self, prefix: str, count: int, log: Path | None) -> None:
        """Send *count* messages whose names begin with *prefix*."""
        self._names = iter(f"{prefix}{number}" for number in range(count))
        self._log = log
        self._lock = Lock()

    def _next(self) -> str | None:
        with self._lock:
            return next(self._names, None)

    def send(self) -> None:
        """Send over one connection after the other, until there is nothing more to send, or nobody to send to.

        Raises:
            smtplib.SMTPResponseException: The server is there, and takes no mail.
        """
        try:
            while (names := list(self._some())) != []:
                with smtplib.SMTP(*ADDRESS, local_hostname="client.example.com", timeout=60) as client:
                    for name in names:
                        recipient = f"{USERS[int(name[1:]) % 4]}@{_DOMAIN}"
                        client.sendmail("sender@example.com", [recipient], letter(name))
                        self._tell(name)
        except (OSError, smtplib.SMTPServerDisconnected):
            return

    def _some(self) -> Iterator[str]:
        for _ in range(20):
            if (name := self._next()) is not None:
                yield name

    def _tell(self, name: str) -> None:
        moment = self._log.stat().st_size if self._log else 0
        with self._lock:
            print(name, moment, flush=True)


def main() -> None:
    """Send, and print."""
    prefix, count, clients, *log = sys.argv[1:]
    witness = Witness(prefix, int(count), Path(log[0]) if log else None)
    threads = [Thread(target=witness.send) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
