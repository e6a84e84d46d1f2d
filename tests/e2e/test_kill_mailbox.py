"""What a client was told 250 for is in the mailbox of the system, however often the server is killed."""

from __future__ import annotations

import mailbox
import os
import random
import re
from collections import Counter
from pathlib import Path

from tests.e2e.homes import UID
from tests.e2e.test_kill import FEWEST, IS_NIGHTLY, MOST, Load, digest
from tests.servers import Server

KILLS = 50 if IS_NIGHTLY else 4
CONFIGURATION = f"""
listen on 127.0.0.1 port PORT
table mailboxes {{ anybody = "{UID}:{UID}:/home/mail" }}
action "deliver" mbox userbase <mailboxes>
match from local for local action "deliver"
"""


def delivered(path: Path) -> list[tuple[str, str]]:
    """Return identifier and digest of each message of a mailbox, without the header fields of its journey."""
    box = mailbox.mbox(str(path))
    try:
        contents = [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118 - a mailbox is no mapping
    finally:
        box.close()
    contents = [content[content.index(b"Message-ID: ") :] for content in contents]
    return [(content.split(b"\n", 1)[0].partition(b" ")[2].decode(), digest(content)) for content in contents]


def test_every_accepted_message_survives_every_kill(open_path: Path) -> None:
    """Once and unaltered, although one file has them all."""
    server = Server(open_path, CONFIGURATION)
    folder = server.root / "var/mail"
    folder.mkdir(parents=True)
    folder.chmod(0o2775)
    if os.geteuid() == 0:
        os.chown(folder, 0, 8)
    load = Load(server)
    moments = random.Random(11)  # noqa: S311 - the same moments each time
    for _ in range(KILLS):
        server.start()
        load.round(moments.randint(FEWEST, MOST))
    server.start()
    (rest,) = server.log_lines("info: the queue has ")
    pending = re.findall(r"(\d+) pending", rest)
    server.wait_for("result=Ok", count=int(pending[0]))
    server.stop()

    found = delivered(folder / "anybody")
    twice = [identifier for identifier, count in Counter(name for name, _ in found).items() if count > 1]
    assert len(load.accepted) >= KILLS * FEWEST
    assert dict(found) | load.accepted == dict(found), "lost or altered"
    assert twice == []
    assert [each.name for each in folder.iterdir()] == ["anybody"]
