"""Addresses of SRS: OpenSMTPD reads ours, and writes what we write."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.srs import Srs
from tests.conftest import RequirePeer
from tests.differential.configurations import Configuration, Envelope, Session
from tests.differential.machines import Country, country, socket_of
from tests.differential.servers import kept_by_opensmtpd, serving
from tests.differential.sessions import ask_all
from tests.namespaces import Command
from tests.peers import Peer

CONFIGURATION = """
srs key "the new key"
srs key backup "the old key"
srs ttl 7d
mta limit session-keepalive 0
listen on lo
table t { "list" = "joe@sink.example" }
action "in" mbox alias <t>
action "out" relay host "smtp://127.0.0.1:2525" srs
match from any for domain "here.example" action "in"
match from local for any action "out"
"""
NOW = time.time()
DAY = 24 * 3600
OURS = Srs(key="the new key", backup="the old key", days=7)
OLD = Srs(key="the old key", days=7)


@pytest.fixture(scope="module")
def land(private_namespaces: None) -> Iterator[Country]:
    """Give machines a place."""
    del private_namespaces
    with tempfile.TemporaryDirectory(prefix="smtpdsl-") as folder:
        Path(folder).chmod(0o755)
        with country(Path(folder)) as found:
            yield found


@contextmanager
def opensmtpd(land: Country, peer: Peer, name: str, *options: str) -> Iterator[tuple[subprocess.Popen[Any], Path]]:
    """Serve the configuration."""
    root = land.machine(name, Configuration(name, CONFIGURATION, (), ()))
    command: Command = [peer.program, "-d", "-f", "/srv/smtpd.conf", *options]
    with serving(land, root, command, peer.environment) as process:
        yield process, root


def asked(sender: str, recipient: str) -> Envelope:
    """Write mail from outside."""
    return Envelope(Session("away"), sender, recipient, "")


def test_opensmtpd_reads_what_we_write(land: Country, require_peer: RequirePeer) -> None:
    """Each kind of address, made with either key, but for those that are too old; its log says which it cannot read."""
    ann, there = Mailbox.parse("ann@away.example"), Mailbox.parse("SRS0=hhhh=TT=a.example=ann@there.example")
    inner = Srs(key="not ours", days=7).encode(ann, "there.example", NOW)
    good = [
        OURS.encode(ann, "here.example", NOW),
        OLD.encode(ann, "here.example", NOW - 6 * DAY),
        OURS.encode(Mailbox.parse("a=b-c+d@away.example"), "here.example", NOW),
        OURS.encode(inner, "here.example", NOW),
    ]
    bad = [OURS.encode(ann, "here.example", NOW - 9 * DAY), OURS.encode(there, "here.example", NOW)]
    with opensmtpd(land, require_peer("opensmtpd"), "reads", "-P", "mta", "-P", "mda") as (process, root):
        told = ask_all(process, [asked("<>", str(each)) for each in (*good, *bad)])
        queue = kept_by_opensmtpd(root)
        log = (root / "log").read_text(encoding="utf-8")

    assert re.findall(r"SRS failed to decode: (\S+):", log) == [str(each) for each in bad]
    # This release asks the rules about the address as it came, and delivers to what is in it.
    assert [queue[each.message][0].dest for each in told if each.message] == ["ann@away.example"] * 2


def test_opensmtpd_writes_what_we_write(land: Country, require_peer: RequirePeer) -> None:
    """Of the sender of forwarded mail, whether somebody has rewritten it before or not."""
    senders = [
        "ann@away.example",
        "SRS0=abcd=AA=a.example=ann@there.example",
        "SRS1=abcd=there.example==efgh=AA=a.example=ann@between.example",
    ]
    with opensmtpd(land, require_peer("opensmtpd"), "writes") as (process, _), sink(process, len(senders)) as said:
        ask_all(process, [asked(each, "list@here.example") for each in senders])

    assert sorted(said) == sorted(str(OURS.encode(Mailbox.parse(each), "here.example", NOW)) for each in senders)


@contextmanager
def sink(process: subprocess.Popen[Any], count: int) -> Iterator[list[str]]:
    """Be the next hop of a server, until there were *count* messages; yield who is said to have sent them."""
    said: list[str] = []
    with socket_of(process, socket.AF_INET) as server:
        server.bind(("127.0.0.1", 2525))
        server.listen()
        server.settimeout(60)
        thread = Thread(target=_take, args=(server, said, count))
        thread.start()
        yield said
        thread.join()


def _take(server: socket.socket, said: list[str], count: int) -> None:
    while len(said) < count:
        with server.accept()[0] as client, suppress(OSError):
            client.settimeout(60)
            _talk(client, said)


def _talk(client: socket.socket, said: list[str]) -> None:
    """Speak as little SMTP as there is."""
    client.sendall(b"220 sink\r\n")
    with client.makefile("rb") as stream:
        for line in stream:
            if found := re.match(rb"MAIL FROM:<(.*?)>", line):
                said.append(found[1].decode())
            if line == b"DATA\r\n":
                client.sendall(b"354 go\r\n")
                while stream.readline() not in {b".\r\n", b""}:
                    pass
            client.sendall(b"221 bye\r\n" if line == b"QUIT\r\n" else b"250 ok\r\n")
