"""From one server to the next: what was accepted here is accepted there, and waits here until it is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.homes import COMPLETE, make_home, messages
from tests.e2e.test_first_mail import QUICKSTART
from tests.ports import reserve_port
from tests.servers import Server, running

RELAY = """
listen on 127.0.0.1 port PORT
table team { "team" = "ann@one.test, ben@one.test" }
action "out" relay host "smtp+notls://127.0.0.1:NEXT" helo relay.test
action "list" expand-only alias <team>
match from local for domain "lists.test" action "list"
match from any for domain { "one.test", "localhost" } action "out"
"""

# A server that calls itself as the first one does would be taken for it.
LAST = QUICKSTART.replace("port PORT", "port PORT hostname last.test").replace("for local", "for any")


def relay_to(port: int) -> str:
    """Return a configuration that relays to *port* of this machine."""
    return RELAY.replace("NEXT", str(port))


def folder(path: Path, name: str) -> Path:
    """Make a folder of its own for a server."""
    made = path / name
    made.mkdir()
    return made


def test_a_message_goes_on_to_the_next_server(open_path: Path) -> None:
    """Dots, long lines and 8-bit text unchanged; each server adds its trace; the log has both addresses."""
    body = COMPLETE + b"Subject: on\r\n\r\n.\r\n..\r\n" + b"x" * 5_000 + b"\r\n\xe4\xf6\r\n"
    with (
        running(folder(open_path, "last"), LAST) as last,
        running(folder(open_path, "first"), relay_to(last.port)) as first,
    ):
        inbox = make_home(last.root)
        with first.client() as client:
            client.sendmail("joe@example.net", ["anybody@localhost"], body)
        (line,) = first.wait_for("mta delivery")
        last.wait_for("result=Ok")

    # The name in parentheses is what this machine calls the address.
    assert re.search(
        r'source="127\.0\.0\.1" relay="127\.0\.0\.1 \(\S+\)" delay=0s result="Ok" stat="250 2\.0\.0 ', line
    )
    (message,) = messages(inbox)
    assert message.endswith(body.replace(b"\r\n", b"\n"))
    assert message.count(b"Received: ") == 2
    assert b"Received: from relay.test (" in message


def test_members_of_a_list_share_a_connection(open_path: Path) -> None:
    """One message with two recipients, not two messages."""
    with (
        running(folder(open_path, "last"), LAST) as last,
        running(folder(open_path, "first"), relay_to(last.port)) as first,
    ):
        make_home(last.root)
        with first.client() as client:
            client.sendmail("joe@example.net", ["team@lists.test"], b"Subject: all\r\n\r\nx\r\n")
        first.wait_for("mta delivery", count=2)
        last.wait_for("result=Ok", count=2)
        accepted = last.log_lines(" smtp message ")

    assert len(accepted) == 1
    assert " nrcpt=2 " in accepted[0]


def test_a_message_waits_for_a_server_that_is_not_there(open_path: Path) -> None:
    """The log says what is wrong; nothing is lost."""
    port = reserve_port()
    first = Server(open_path, relay_to(port))
    first.start()
    with first.client() as client:
        client.sendmail("joe@example.net", ["anybody@localhost"], b"Subject: later\r\n\r\nx\r\n")
    (line,) = first.wait_for("mta delivery")
    first.kill()
    first.start()
    (summary,) = first.log_lines("info: the queue has")
    first.stop()

    assert 'result="TempFail"' in line
    assert f"127.0.0.1:{port}" in line
    assert "1 message; envelopes: 1 pending" in summary
