"""Mail that we relay, taken by servers of other projects: it arrives as it was sent.

client ──▶ smtpdsl 2525 ──TLS, certificate verified, login──▶ exim | postfix 2500 ──▶ files
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import RequirePeer
from tests.e2e.homes import COMPLETE
from tests.e2e.housed import Housed
from tests.e2e.receivers import LOGIN, NAME, PASSWORD, PORT, Receiver, receiver
from tests.namespaces import Host, private

# A session ends with its message, and the other side says what it has heard in it.
CONFIGURATION = """
ca far cert "/ca.crt"
listen on 127.0.0.1 port 2525
mta limit session-keepalive 0
action "open" relay host "smtp://HOST" helo relay.example
action "login" relay host "smtp+tls://who@HOST" helo relay.example ca far auth { who = "LOGIN" }
match from any for domain "open.example" action "open"
match from any for domain "far.example" action "login"
"""
CLIENT = """
import smtplib, sys
name, recipient, *options = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", 2525, "desk.example") as client, open(name, "rb") as file:
    client.sendmail("joe@example.net", [recipient], file.read(), options)
"""
HEADER = COMPLETE + b"From: joe@example.net\r\nSubject: all of it\r\n\r\n"
# What a server could take for the end of a message or for commands, 8-bit text, and a long line.
ODD = HEADER + b".\r\n..\r\n.x\r\nBDAT 3 LAST\r\nQUIT\r\n" + b"y" * 900 + b"\r\n\xc3\xa4\xff\r\n\r\n\r\n"
# In several chunks, with lines that end anywhere in one.
LONG = HEADER.replace(b"all of", "ganz schön viel von".encode()) + b".line %s\r\n" % (b"x" * 60) * 5000

pytestmark = pytest.mark.usefixtures("private_namespaces")


class Relay:
    """A server of ours on the host of a receiver."""

    def __init__(self, host: Host, folder: Path) -> None:
        """Serve; who logs in is known to the receivers, and so is whoever has signed their certificate."""
        self._host = host
        self._home = folder / "home"
        (self._home / "root").mkdir(parents=True)
        shutil.copy(folder / "ca.crt", self._home / "root")
        text = CONFIGURATION.replace("HOST", f"{NAME}:{PORT}").replace("LOGIN", f"{LOGIN}:{PASSWORD}")
        self.server = Housed(self._home, text, host, {})
        self.server.start()

    def send(self, recipient: str, message: bytes, *options: str) -> str:
        """Send *message* on, and return what the log says of its delivery."""
        known = len(self.server.log_lines(" mta delivery "))
        file = self._home / "message"
        file.write_bytes(message)
        sent = self._host.run([sys.executable, "-c", CLIENT, file, recipient, "BODY=8BITMIME", *options])
        assert sent.returncode == 0, sent.stderr
        return self.server.wait_for(" mta delivery ", count=known + 1)[-1]


StartBoth = Callable[..., tuple[Receiver, Relay]]


@pytest.fixture
def start_both(open_path: Path, require_peer: RequirePeer) -> Iterator[StartBoth]:
    """Start a receiver by its name, with mechanisms for logins, and a server that relays to it."""
    with private() as host:

        def start(name: str, mechanisms: str = "plain") -> tuple[Receiver, Relay]:
            far = receiver(name, host, open_path, require_peer, mechanisms)
            return far, Relay(host, open_path)

        yield start


def stored(message: bytes) -> bytes:
    """Return *message* with the line ends of files."""
    return message.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    ("name", "mechanisms", "login", "chunks"),
    [("exim", "", " A=plain:ann ", " K "), ("postfix", "scram-sha-256", "sasl_method=SCRAM-SHA-256", " bdat=")],
)
def test_mail_arrives_after_a_login(start_both: StartBoth, name: str, mechanisms: str, login: str, chunks: str) -> None:
    """In chunks, over TLS; the address is in UTF-8, too, if that is what the receiver takes."""
    far, relay = start_both(name, mechanisms)
    lines = [relay.send("ben@far.example", ODD), relay.send("bén@far.example", LONG, "SMTPUTF8")]
    odd, long = sorted(far.messages(2), key=len)

    assert all('result="Ok"' in line for line in lines), relay.server.lines
    assert odd.endswith(stored(ODD).partition(b"\n\n")[2])
    assert b"\nSubject: all of it\n" in odd
    assert long.endswith(stored(LONG).partition(b"\n\n")[2])
    assert "\nSubject: ganz schön viel von it\n".encode() in long
    assert len(relay.server.log_lines('mta cert-check result="valid"')) == 2
    for word in (login, chunks):
        far.wait_for(word)
    assert not any(PASSWORD in line for line in relay.server.lines)


@pytest.mark.parametrize("name", ["opensmtpd", "smtp-sink"])
def test_mail_arrives_in_the_clear(start_both: StartBoth, name: str) -> None:
    """By DATA, where nothing is offered that would be better."""
    far, relay = start_both(name)
    line = relay.send("ben@open.example", ODD)
    (message,) = far.messages(1)

    assert 'result="Ok"' in line
    assert stored(ODD).partition(b"\n\n")[2] in message
