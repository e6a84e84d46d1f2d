"""Mail whose sender demands TLS on the whole way (RFC 8689), or says how urgent it is (RFC 6710)."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import make_pair
from tests.e2e.homes import COMPLETE, UID, make_home, messages
from tests.ports import reserve_port
from tests.servers import Server

# A message for far.example goes from one server to the next, which has nobody but a server without TLS to send it to.
NEXT = f"""
pki "mx" cert "/etc/mx.crt" key "/etc/mx.key"
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 127.0.0.1 port PORT tls-require pki "mx" hostname "next.test"
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
action "open" relay host "smtp+notls://127.0.0.1:9"
match from any for domain "far.example" action "open"
match from any for any action "deliver"
"""
FIRST = """
pki "mx" cert "/etc/mx.crt" key "/etc/mx.key"
ca next cert "/etc/mx.crt"
listen on 127.0.0.1 port PORT tls pki "mx" hostname "first.test"
action "out" relay host "smtp+tls://localhost:NEXT" ca next
match from any for any action "out"
"""
BODY = COMPLETE + b"From: joe@home.example\r\nSubject: secret\r\n\r\nwhat nobody is to read\r\n"


@pytest.fixture
def servers(open_path: Path) -> Iterator[tuple[Server, Server]]:
    """Serve twice; both have the certificate of ``localhost``, and the first one believes it."""
    pair = make_pair("localhost")
    next_port = reserve_port()
    started = []
    for name, text, port in (("next", NEXT, next_port), ("first", FIRST.replace("NEXT", str(next_port)), None)):
        folder = open_path / name
        folder.mkdir()
        server = Server(folder, text, port=port)
        (server.root / "etc").mkdir()
        for file, content in (("mx.crt", pair.certificate), ("mx.key", pair.key)):
            (server.root / "etc" / file).write_text(content)
            (server.root / "etc" / file).chmod(0o600)
        make_home(server.root)
        server.start()
        started.append(server)
    yield started[1], started[0]
    for server in started:
        server.stop()


def secured(server: Server) -> smtplib.SMTP:
    """Connect to *server*, and begin TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = server.client()
    client.ehlo()
    assert "requiretls" not in client.esmtp_features
    client.starttls(context=context)
    client.ehlo()
    assert "requiretls" in client.esmtp_features
    return client


def test_the_demand_goes_with_the_message(servers: tuple[Server, Server]) -> None:
    """The next server takes it over TLS, cannot keep it, and says so; only the header comes back."""
    first, last = servers
    with secured(first) as client:
        client.sendmail("joe@home.example", ["ben@far.example"], BODY, ["REQUIRETLS", "RET=FULL"])
    (taken,) = first.wait_for(" mta delivery ")
    (failed,) = last.wait_for(" mta delivery ")
    last.wait_for(" mda delivery ")

    assert 'result="Ok"' in taken
    assert 'result="PermFail"' in failed
    (report,) = messages(last.root / "home/mail/Maildir/new")
    assert b"Status: 5.7." in report
    assert b"Subject: secret\n" in report
    assert b"what nobody is to read" not in report


def test_strangers_are_not_urgent(servers: tuple[Server, Server]) -> None:
    """They are told, and their mail goes all the same."""
    first, last = servers
    with secured(first) as client:
        assert "mt-priority" in client.esmtp_features
        assert client.docmd("MAIL FROM:<joe@home.example> MT-PRIORITY=7") == (250, b"2.3.6 0 is the new priority")
        assert client.rcpt("ann@home.example")[0] == 250
        assert client.data(BODY)[0] == 250
    last.wait_for(" mda delivery ")

    (message,) = messages(last.root / "home/mail/Maildir/new")
    assert message.endswith(b"what nobody is to read\n")
