"""Filter programs of other projects, as Debian has them, between a client and a mailbox."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from smtpdsl.mail.dkim_key import new_key, read_key
from smtpdsl.runtime.dkim.keys import KnownKey
from tests.conftest import RequirePeer
from tests.e2e.homes import UID, make_home, messages
from tests.peers import Peer
from tests.runtime.dkim.judge import judge
from tests.servers import Server, running

SENDER, RECIPIENT = "ann@example.org", "mail@mx.test"
MESSAGE = "From: ann@example.org\r\nTo: mail@mx.test\r\nSubject: {}\r\n\r\n.hidden\r\nbody\r\n"


def configuration(command: str, *before: str) -> str:
    """Return a server that asks the program that *command* starts."""
    return "\n".join(
        [
            *before,
            f'filter "program" proc-exec "{command}"',
            'listen on 127.0.0.1 port PORT hostname mx.test filter "program"',
            f'table users {{ "mail" = "{UID}:{UID}:/home/mail" }}',
            'action "in" maildir userbase <users>',
            'match from any for any action "in"',
            "",
        ]
    )


def command(peer: Peer, *arguments: str) -> str:
    """Return how *peer* is started, with the libraries of its package."""
    libraries = peer.environment.get("LD_LIBRARY_PATH", "")
    return shlex.join(["/usr/bin/env", f"LD_LIBRARY_PATH={libraries}", str(peer.program), *arguments])


def send(server: Server, subject: str = "hello") -> tuple[int, bytes]:
    """Hand over a message, and return what the end of it is answered."""
    with server.client() as client:
        client.ehlo_or_helo_if_needed()
        assert client.mail(SENDER)[0] == 250
        assert client.rcpt(RECIPIENT)[0] == 250
        return client.data(MESSAGE.format(subject))


def delivered(server: Server, inbox: Path) -> list[bytes]:
    """Return what is in the mailbox when the server has delivered it."""
    server.wait_for("result=Ok")
    return messages(inbox)


# ---------------------------------------------------------------- rspamd


class Rspamd(BaseHTTPRequestHandler):
    """What filter-rspamd asks: it answers by the subject, and keeps what it was told."""

    asked: list[dict[str, str]]

    def do_POST(self) -> None:
        """Judge a message."""
        content = self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else b""
        self.server.asked.append(dict(self.headers.items()))  # type: ignore[attr-defined] # ours
        action = "reject" if b"Subject: spam" in content or self._is_spam() else "add header"
        answer = {"is_skipped": False, "score": 1.5, "required_score": 15, "action": action, "symbols": {}}
        octets = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def _is_spam(self) -> bool:
        """Read a body that comes in chunks, which is how a program sends what it does not know the length of."""
        content = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return b"Subject: spam" in content

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class RspamdServer(ThreadingHTTPServer):
    """It listens on a port of its own."""

    def __init__(self) -> None:
        """Be asked nothing yet."""
        super().__init__(("127.0.0.1", 0), Rspamd)
        self.asked: list[dict[str, str]] = []


@pytest.fixture
def rspamd() -> Iterator[RspamdServer]:
    """Answer as long as the test lasts."""
    with RspamdServer() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_filter_rspamd(require_peer: RequirePeer, open_path: Path, rspamd: RspamdServer) -> None:
    """It learns who the client is, adds its fields, and its refusal is what the client hears."""
    program = command(require_peer("filter-rspamd"), "-url", f"http://127.0.0.1:{rspamd.server_address[1]}")
    with running(open_path, configuration(program)) as server:
        inbox = make_home(server.root)
        assert send(server)[0] == 250
        assert send(server, "spam")[0] == 550
        (content,) = delivered(server, inbox)
    first = {name.lower(): value for name, value in rspamd.asked[0].items()}
    assert (first["ip"], first["helo"], first["from"], first["rcpt"]) == (
        "127.0.0.1",
        "client.example",
        SENDER,
        RECIPIENT,
    )
    assert b"X-Spam: yes\n" in content
    assert b"X-Spam-Score: 1.5 / 15" in content
    assert content.endswith(b"\n\n.hidden\nbody\n")


# ---------------------------------------------------------------- signatures


def test_filter_dkimsign(require_peer: RequirePeer, open_path: Path) -> None:
    """What it signs is what is delivered: our fields are in the message before it reads that."""
    pem = new_key()
    key = open_path / "key.pem"
    key.write_bytes(pem) if isinstance(pem, bytes) else key.write_text(pem)
    program = command(require_peer("filter-dkimsign"), "-d", "example.org", "-s", "s1", "-k", str(key))
    with running(open_path, configuration(program)) as server:
        inbox = make_home(server.root)
        assert send(server)[0] == 250
        (content,) = delivered(server, inbox)
    signed = content[content.index(b"DKIM-Signature:") :].replace(b"\n", b"\r\n")
    known = KnownKey("example.org", "s1", read_key(pem))
    assert [(each.domain, each.is_good) for each in judge(signed, (known,))] == [("example.org", True)]
    assert b"\nMessage-ID: <" in content


# ---------------------------------------------------------------- all phases


def test_filter_senderscore(require_peer: RequirePeer, open_path: Path) -> None:
    """It is asked in every phase, and leaves those alone of whom nobody knows a score."""
    program = command(require_peer("filter-senderscore"), "-scoreHeader")
    with running(open_path, configuration(program)) as server:
        inbox = make_home(server.root)
        assert send(server)[0] == 250
        (content,) = delivered(server, inbox)
        assert not server.log_lines("it is started again")
    assert content.endswith(b"\n\n.hidden\nbody\n")


# ---------------------------------------------------------------- two processes


def test_processes_of_their_own_are_refused(open_path: Path) -> None:
    """A program is asked by one process; the line that says so is named."""
    done = Server(open_path, configuration("/bin/cat")).run("--smtp-processes", "2")
    assert done.returncode == 2
    assert "smtpd.conf:2" in done.stderr
