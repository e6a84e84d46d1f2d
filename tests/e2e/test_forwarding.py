"""Mail that is sent on, and what this host sends itself: senders, reports that come back, and signatures."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.dkim_key import new_key, read_key
from smtpdsl.mail.srs import Srs
from smtpdsl.runtime.dkim.keys import KnownKey
from tests.e2e.homes import COMPLETE, make_home, messages
from tests.e2e.test_relay_chain import LAST, folder
from tests.runtime.dkim.judge import Verdict, as_sent, judge
from tests.servers import Server, running

FORWARDING = """
srs key "the key"
dkim-sign "rsa._domainkey.here.test" key "/etc/rsa.key"
dkim-sign "ed._domainkey.here.test" key "/etc/ed.key"
listen on 127.0.0.1 port PORT hostname mx.here.test
table friends { "list" = "joe@last.test" }
action "in" expand-only alias <friends>
action "out" relay host "smtp+notls://127.0.0.1:NEXT" srs
action "lose" mda "cat >/dev/null; exit 67" userbase { "lost" = "1000:1000:/" }
match from any for rcpt-to "lost@here.test" action "lose"
match from any for domain "here.test" action "in"
match from local for any action "out"
"""
BODY = COMPLETE + b"From: ann@here.test\r\nSubject: hello\r\n\r\n.dot\r\n\xff " + b"x" * 2000 + b"\r\n"
# Another address of loopback is nobody's here.
OUTSIDER = ("127.0.0.2", 0)


class Arrived(NamedTuple):
    """A message at the second server."""

    sender: str
    octets: bytes
    verdicts: list[Verdict]


class Place:
    """The two servers, and what the second one has received."""

    def __init__(self, first: Server, last: Server, keys: list[KnownKey]) -> None:
        """Begin with an empty mailbox."""
        self.first = first
        self.last = last
        self._keys = keys
        self._inbox = make_home(last.root)
        self._seen: list[bytes] = []

    def next(self) -> Arrived:
        """Wait for one more message."""
        self.last.wait_for("result=Ok", count=len(self._seen) + 1)
        (found,) = (each for each in messages(self._inbox) if each not in self._seen)
        self._seen.append(found)
        sender = re.search(rb"^Return-Path: (.*)\n", found)
        assert sender is not None
        return Arrived(sender[1].decode(), found, judge(as_sent(found), self._keys))

    def send(self, sender: str, recipient: str, *, is_outside: bool = True) -> None:
        """Send a message to the first one."""
        source = OUTSIDER if is_outside else None
        with smtplib.SMTP("127.0.0.1", self.first.port, "client.example", 60, source) as client:
            client.sendmail(sender, [recipient], BODY)


@contextmanager
def serving(path: Path) -> Iterator[Place]:
    """Serve, with two keys for one domain."""
    first_folder = folder(path, "first")
    etc = first_folder / "root" / "etc"
    etc.mkdir(parents=True)
    (etc / "mailname").write_text("mx.here.test\n")
    keys = []
    for name, is_ed25519 in (("rsa", False), ("ed", True)):
        octets = new_key(is_ed25519=is_ed25519)
        (etc / f"{name}.key").touch(0o600)
        (etc / f"{name}.key").write_bytes(octets)
        keys.append(KnownKey("here.test", name, read_key(octets)))
    with running(folder(path, "last"), LAST) as last:
        configuration = FORWARDING.replace("NEXT", str(last.port))
        with running(first_folder, configuration) as first:
            yield Place(first, last, keys)


def test_forwarded_mail_and_its_reports(open_path: Path) -> None:
    """A sender that SPF allows; a report to it goes back, and nothing else does; mail of strangers is not signed."""
    with serving(open_path) as place:
        place.send("ann@away.test", "list@here.test")
        forwarded = place.next()
        address = forwarded.sender.strip("<>")
        place.send("", address)
        report = place.next()
        refused = []
        for sender, recipient in (("eve@away.test", address), ("", address.replace("ann", "eve"))):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as found:
                place.send(sender, recipient)
            refused += [code for code, _ in found.value.recipients.values()]
        (warning,) = place.first.wait_for("warn: <SRS0=")

    assert Srs(key="the key", days=4).decode(Mailbox.parse(address), time.time()) == Mailbox.parse("ann@away.test")
    assert (forwarded.verdicts, report.sender) == ([], "<>")
    assert b"Delivered-To: ann@away.test\n" in report.octets
    assert refused == [550] * 2
    assert "is no SRS address of this server: its hash was not made with a key of this server" in warning


def test_what_this_host_sends_is_signed(open_path: Path) -> None:
    """With both keys, as it arrives at the other end; a report of its own too."""
    with serving(open_path) as place:
        place.send("ann@here.test", "joe@last.test", is_outside=False)
        own = place.next()
        place.send("joe@last.test", "lost@here.test")
        report = place.next()

    both = [Verdict("rsa", "here.test", is_good=True), Verdict("ed", "here.test", is_good=True)]
    assert (own.verdicts, report.verdicts) == (both, both)
    assert report.sender == "<>"
    assert b"From: Mailer Daemon <MAILER-DAEMON@mx.here.test>" in report.octets
