"""LMTP as a listener: another mail server hands over what is for the mailboxes here (RFC 2033)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.homes import UID, make_home, messages
from tests.servers import Server, running

CONFIGURATION = """
listen on 127.0.0.1 port PORT lmtp
table users { ann = "UID:UID:/home/ann", ben = "UID:UID:/home/ben" }
action "in" maildir userbase <users>
match from any for domain "here.example" action "in"
""".replace("UID", str(UID))
MESSAGE = "Subject: hello\r\n\r\nFor both.\r\n"


def talk(server: Server, recipients: Sequence[str]) -> list[str]:
    """Send a message, all at once, and return the replies."""
    commands = ["EHLO front.example", "LHLO front.example", "MAIL FROM:<joe@example.net>"]
    commands += [f"RCPT TO:<{name}@here.example>" for name in recipients]
    octets = "\r\n".join([*commands, "DATA", MESSAGE + ".", "QUIT", ""]).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(octets)
        answers = client.makefile("rb").read().decode().splitlines()
    return [line for line in answers if line[3] == " "]


def test_every_recipient_has_an_answer_of_its_own(open_path: Path) -> None:
    """And mail that has been on its way arrives as it came, with a Received field that says LMTP."""
    with running(open_path, CONFIGURATION) as server:
        inboxes = {name: make_home(server.root, name) for name in ("ann", "ben")}
        replies = talk(server, ["ann", "nobody", "ben"])
        codes = [reply[:3] for reply in replies]
        # EHLO is no word of this protocol; two recipients are left at the end.
        assert codes == ["220", "500", "250", "250", "250", "550", "250", "354", "250", "250", "221"]
        assert replies[0].endswith("LMTP smtpdsl")

        server.wait_for("result=Ok", count=2)
        server.wait_for("proto=LMTP")
        for inbox in inboxes.values():
            (message,) = messages(inbox)
            assert b" with LMTP id " in message
            assert message.endswith(b"Subject: hello\n\nFor both.\n")
            assert b"Message-ID" not in message
