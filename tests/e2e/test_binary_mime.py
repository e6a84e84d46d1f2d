"""Messages of any octets (BODY=BINARYMIME) on their way to a maildir."""

from __future__ import annotations

import email
import hashlib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.homes import COMPLETE, UID, make_home, messages
from tests.servers import running

CONFIGURATION = """
listen on 127.0.0.1 port PORT
table everyone { "@" = "mail" }
table mailboxes { mail = "UID:UID:/home/mail" }
action "deliver" maildir virtual <everyone> userbase <mailboxes>
match from local for local action "deliver"
""".replace("UID", str(UID))
LMTP = CONFIGURATION.replace("PORT", "PORT lmtp")
# Longer than what is kept in memory, and full of what ends lines.
OCTETS = hashlib.shake_256(b"any").digest(500_000) + bytes([13, 10, 46, 13, 10, 0, 13]) * 50_000 + b"\r\n--x-\r\n"
MESSAGE = (
    COMPLETE + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n"
    b"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    + OCTETS
    + b"\r\n--x--"
)
CHUNK_OCTETS = 123_457


def send(client: smtplib.SMTP, message: bytes) -> Iterator[int]:
    """Send *message* in chunks, and yield what is answered."""
    yield client.mail("joe@example.net", ["BODY=BINARYMIME", f"SIZE={len(message)}"])[0]
    yield client.rcpt("anybody@localhost")[0]
    for start in range(0, len(message), CHUNK_OCTETS):
        chunk = message[start : start + CHUNK_OCTETS]
        last = b" LAST" if start + CHUNK_OCTETS >= len(message) else b""
        client.send(b"BDAT %d%s\r\n%s" % (len(chunk), last, chunk))
        yield client.getreply()[0]


@pytest.mark.parametrize(("configuration", "kind"), [(CONFIGURATION, smtplib.SMTP), (LMTP, smtplib.LMTP)])
def test_a_binary_message_arrives_in_base64(open_path: Path, configuration: str, kind: type[smtplib.SMTP]) -> None:
    """Each octet of it, by SMTP and by LMTP; the text beside it is as it came."""
    with running(open_path, configuration) as server:
        inbox = make_home(server.root)
        with kind("127.0.0.1", server.port) as client:
            client.ehlo("client.example")
            assert client.has_extn("binarymime")
            assert set(send(client, MESSAGE)) == {250}
        server.wait_for("result=Ok")

    (octets,) = messages(inbox)
    _, text, binary = (part.get_payload(decode=True) for part in email.message_from_bytes(octets).walk())
    assert text == "Grüße".encode()
    assert binary == OCTETS
    assert b"\r" not in octets
    assert max(map(len, octets.splitlines())) <= 100
