"""What a client was told 250 for arrives, however often the server is killed.

Clients send as fast as they can; the server is killed in the middle, started again, and so
on.  In the end every message that got its 250 is in the maildir, once and unaltered; the
others may be there too, once, since nobody can know whether their 250 was under way.

HYPOTHESIS_PROFILE=nightly     200 kills and 20,000 messages, instead of 25 and some hundreds
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import smtplib
from collections import Counter
from pathlib import Path
from threading import Lock, Thread

from tests.e2e.homes import UID, make_home, messages
from tests.servers import Server

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
KILLS = 200 if IS_NIGHTLY else 25
CLIENTS = 6
# A kill comes after so many messages of a round, so at another moment of the server's work each time.
FEWEST, MOST = 5, (195 if IS_NIGHTLY else 60)
CONFIGURATION = f"""
listen on 127.0.0.1 port PORT
table everyone {{ "@" = "mail" }}
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
action "deliver" maildir virtual <everyone> userbase <mailboxes>
match from local for local action "deliver"
"""


class Load:
    """Clients that send until the server is gone, and remember what it answered."""

    def __init__(self, server: Server) -> None:
        """Send to *server*."""
        self.server = server
        self.accepted: dict[str, str] = {}
        self._lock = Lock()
        self._number = 0
        self._random = random.Random(2026)  # noqa: S311 - the same load each time

    def message(self) -> tuple[str, str]:
        """Make a message; one in twelve is too large for the database of the queue."""
        with self._lock:
            self._number = number = self._number + 1
            size = self._random.choice([200, 4_000, 4_000, 60_000]) if number % 12 else 150_000
            lines = [f"{number} {line} {self._random.random()}" for line in range(size // 30)]
        return f"<{number}@load.example>", "\r\n".join(lines)

    def round(self, kill_after: int) -> None:
        """Send from several connections, and kill the server after so many messages."""
        target = len(self.accepted) + kill_after
        threads = [Thread(target=self._send, args=(target,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, target: int) -> None:
        try:
            with self.server.client() as client:
                while True:
                    identifier, body = self.message()
                    data = f"Message-ID: {identifier}\r\nDate: today\r\n\r\n{body}\r\n"
                    client.sendmail("load@client.example", ["anybody@localhost"], data)
                    self._remember(identifier, data, target)
        except (OSError, smtplib.SMTPException):
            return

    def _remember(self, identifier: str, data: str, target: int) -> None:
        with self._lock:
            self.accepted[identifier] = digest(data.replace("\r\n", "\n").encode())
            if len(self.accepted) == target:
                self.server.kill()


def digest(content: bytes) -> str:
    """Return what tells one content from another."""
    return hashlib.sha256(content).hexdigest()


def delivered(inbox: Path) -> list[tuple[str, str]]:
    """Return identifier and digest of each message of a maildir, without the header fields of its journey."""
    found = []
    for message in messages(inbox):
        content = message[message.index(b"Message-ID: ") :]
        found.append((content.split(b"\n", 1)[0].partition(b" ")[2].decode(), digest(content)))
    return found


def test_every_accepted_message_survives_every_kill(open_path: Path) -> None:
    """Once and unaltered."""
    server = Server(open_path, CONFIGURATION)
    inbox = make_home(server.root)
    load = Load(server)
    moments = random.Random(7)  # noqa: S311 - the same moments each time
    for _ in range(KILLS):
        server.start()
        load.round(moments.randint(FEWEST, MOST))
    server.start()
    (rest,) = server.log_lines("info: the queue has ")
    pending = re.findall(r"(\d+) pending", rest)
    server.wait_for("result=Ok", count=int(pending[0]))
    server.stop()

    found = delivered(inbox)
    twice = [identifier for identifier, count in Counter(name for name, _ in found).items() if count > 1]
    assert len(load.accepted) >= KILLS * FEWEST
    assert dict(found) | load.accepted == dict(found), "lost or altered"
    assert twice == []
