"""A server of several processes: which may do what, and what follows when one of them ends."""

from __future__ import annotations

import os
import pwd
import re
import select
import signal
import smtplib
import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest

from tests.certificates import rsa_key
from tests.e2e.homes import COMPLETE
from tests.e2e.test_ctl import ctl, stats
from tests.e2e.test_root import ACCOUNT, CONFIGURATION, Town, assert_without_rights, status_of
from tests.ports import reserve_port
from tests.processes import roles_of
from tests.servers import Server

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
STARTED = ("--user", ACCOUNT.pw_name, "--smtp-processes", "2")
PATIENCE_SECONDS = 60


@contextmanager
def town(folder: Path, more: str = "") -> Iterator[Town]:
    """Serve from two processes, by *more* than the usual configuration."""
    server = Town(folder, CONFIGURATION + more)
    server.start(*STARTED)
    try:
        yield server
    finally:
        server.stop()


def greeted(server: Server, port: int | None = None, first: bytes = b"") -> tuple[socket.socket, bytes]:
    """Connect, say what is *first*, and return the connection and what the server says then."""
    client = socket.create_connection(("127.0.0.1", port or server.port), timeout=PATIENCE_SECONDS)
    client.sendall(first)
    return client, client.recv(1000)[:3]


@contextmanager
def ends_of(pids: tuple[int | None, ...]) -> Iterator[None]:
    """Wait, behind the block, until all of *pids* have ended."""
    with ExitStack() as stack:
        ends = [os.pidfd_open(pid) for pid in pids if pid is not None]
        for end in ends:
            stack.callback(os.close, end)
        yield
        for end in ends:
            assert select.select([end], [], [], PATIENCE_SECONDS)[0], "it does not end"


class Senders:
    """Clients that send one message after the other, each with a new connection when theirs is lost."""

    def __init__(self, server: Server, count: int) -> None:
        """Begin to send to *server*."""
        self._server = server
        self._lock = Lock()
        self._stop = Event()
        self._threads = [Thread(target=self._send, args=(number,)) for number in range(count)]
        # Subjects, and how often clients lost their connection.
        self.tried: list[str] = []
        self.acknowledged: list[str] = []
        self.losses = 0
        for each in self._threads:
            each.start()

    def wait(self, count: int) -> None:
        """Wait until so many messages more are acknowledged."""
        want = len(self.acknowledged) + count
        while len(self.acknowledged) < want:
            assert any(each.is_alive() for each in self._threads)
            self._server.wait_for(" smtp message ", count=len(self._server.log_lines(" smtp message ")) + 1)

    def stop(self) -> None:
        """Let them end."""
        self._stop.set()
        for each in self._threads:
            each.join(PATIENCE_SECONDS)

    def _send(self, sender: int) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with self._server.client() as client:
                    while not self._stop.is_set():
                        number += 1
                        self._send_one(client, f"{sender}-{number}", large=not number % 7)
            except (smtplib.SMTPServerDisconnected, ConnectionError):
                self.losses += 1

    def _send_one(self, client: smtplib.SMTP, subject: str, *, large: bool) -> None:
        body = (b"x" * 70 + b"\r\n") * (3000 if large else 1)
        self.tried.append(subject)
        client.sendmail(
            "joe@example.net", ["ann@here.example"], f"Subject: {subject}\r\n".encode() + COMPLETE + b"\r\n" + body
        )
        with self._lock:
            self.acknowledged.append(subject)


@ONLY_ROOT
def test_mail_survives_the_end_of_a_process(open_path: Path) -> None:
    """What was acknowledged arrives once; another one is started, and connections are counted right."""
    with town(open_path) as server:
        before = roles_of(server.pid)
        assert len(before.smtp) == 2
        senders = Senders(server, 4)
        try:
            senders.wait(20)
            os.kill(before.smtp[0], signal.SIGKILL)
            server.wait_for("warn: the SMTP process ")
            senders.wait(20)
            # Those that were hung up on have a place again when the other one is there.
            while len(roles_of(server.pid).smtp) < 2:
                senders.wait(1)
        finally:
            senders.stop()
        after = roles_of(server.pid)
        assert before.smtp[1] in after.smtp
        for pid in after.smtp:
            # The new one reads its keys before it gives up root.
            while not _has_given_up_root(pid):
                stats(server)
            assert_without_rights(pid)
        _wait_until_none(server)
        assert senders.losses
        # Whoever was killed may have brought a message that no line of the log tells of.
        while stats(server)["queue.message"]:
            pass
        arrived = Counter(map(_subject, server.inbox("ann")))
        assert set(arrived.values()) == {1}
        assert set(senders.acknowledged) <= set(arrived) <= set(senders.tried)


def _has_given_up_root(pid: int) -> bool:
    status = status_of(Path(f"/proc/{pid}"))
    return status["Uid"].split()[0] != "0" and status["NoNewPrivs"] == "1"


def _subject(message: bytes) -> str:
    found = re.search(rb"^Subject: (.*?)\r?$", message, re.MULTILINE)
    assert found is not None
    return found[1].decode()


@ONLY_ROOT
def test_what_belongs_to_all_processes(open_path: Path) -> None:
    """Limits for a source, counters, pauses and renewed keys."""
    proxied = reserve_port()
    more = f"smtp limit max-connections-per-source 3\nlisten on 127.0.0.1 port {proxied} proxy-v1\n"
    with town(open_path, more) as server:
        # As they take turns, two of these speak with one process and one with the other.
        clients = [greeted(server) for _ in range(4)]
        assert sorted(code for _, code in clients) == [b"220", b"220", b"220", b"421"]
        for client, _ in clients:
            client.close()
        _wait_until_none(server)
        header = b"PROXY TCP4 192.0.2.1 127.0.0.1 4000 25\r\n"
        clients = [greeted(server, proxied, header) for _ in range(4)]
        assert sorted(code for _, code in clients) == [b"220", b"220", b"220", b"421"]
        assert stats(server)["smtp.session"] == 3
        for client, _ in clients:
            client.close()
        _wait_until_none(server)

        ctl(server, "pause", "smtp")
        with socket.create_connection(("127.0.0.1", server.port)) as waiting:
            assert select.select([waiting], [], [], 0.2)[0] == []
            ctl(server, "resume", "smtp")
            waiting.settimeout(PATIENCE_SECONDS)
            assert waiting.recv(1000)[:3] == b"220"

        old = _shown_by_both(server)
        assert old[0] == old[1]
        server.tls.pair("mail", "mx.test")
        new = next(found for found in iter(lambda: _shown_by_both(server), None) if old[0] not in found)
        assert new[0] == new[1]
        server.wait_for('info: pki "mail" is loaded anew', count=2)


def _wait_until_none(server: Server) -> None:
    while stats(server)["smtp.session"]:
        # It is asked over a socket, so the others have their turn.
        pass


def _shown_by_both(server: Town) -> list[bytes]:
    """Return the certificates that two clients are shown who are connected at a time, so to two processes."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with server.client() as one, server.client() as other:
        shown = []
        for client in (one, other):
            client.starttls(context=context)
            assert isinstance(client.sock, ssl.SSLSocket)
            shown.append(client.sock.getpeercert(binary_form=True) or b"")
    return shown


@ONLY_ROOT
def test_a_message_that_has_begun_is_taken_before_the_server_stops(open_path: Path) -> None:
    """Whichever process has its client; and no process is left."""
    with town(open_path) as server:
        roles = roles_of(server.pid)
        clients = [server.client() for _ in range(2)]
        for client in clients:
            client.ehlo()
            client.mail("joe@example.net")
            client.rcpt("ann@here.example")
            client.docmd("DATA")
            client.send(b"Subject: late\r\n\r\n")
        with ends_of((*roles.smtp, roles.nursery, roles.forker)):
            os.kill(server.pid, signal.SIGTERM)
            server.wait_for("info: stopping")
            for client in clients:
                client.send(b"x" * 200_000 + b"\r\n.\r\n")
                assert client.getreply()[0] == 250
                client.close()
            assert server.stop() == 0
        assert server.log_lines("fault") == []


@ONLY_ROOT
def test_without_the_queue_all_processes_end(open_path: Path) -> None:
    """Also those that have clients, who are hung up on."""
    with town(open_path) as server:
        roles = roles_of(server.pid)
        client, _ = greeted(server)
        with ends_of((*roles.smtp, roles.nursery, roles.forker)):
            server.kill()
        with client:
            assert client.recv(1000)[:3] in {b"", b"421"}


@ONLY_ROOT
def test_a_key_that_is_none_is_the_end_before_the_start(open_path: Path) -> None:
    """In one line, as without other processes."""
    server = Town(open_path)
    (server.root / "etc/mail.key").write_text("no key\n")
    done = server.run(*STARTED)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(re.findall(r"^error|^Error", done.stderr, re.MULTILINE)) == 1
    assert "mail.key" in done.stderr


@ONLY_ROOT
def test_whoever_speaks_with_clients_has_no_key_of_the_relay(open_path: Path) -> None:
    """The process that signs mail has it; those that speak with clients have that of their certificate."""
    server = Town(open_path, CONFIGURATION + 'dkim-sign "s._domainkey.here.example" key "/etc/dkim.key"\n')
    keys = [server.root / "etc" / name for name in ("dkim.key", "mail.key")]
    keys[0].touch(mode=0o600)
    keys[0].write_text(rsa_key(2048))
    # A line of each is enough to know it by.
    signing, certificate = (key.read_bytes().splitlines()[1] for key in keys)
    server.start(*STARTED)
    try:
        assert has_in_memory(server.pid, signing)
        for pid in roles_of(server.pid).smtp:
            assert has_in_memory(pid, certificate)
            assert not has_in_memory(pid, signing)
    finally:
        server.stop()


def has_in_memory(pid: int, octets: bytes) -> bool:
    """Whether a process has *octets* anywhere in what it may write to."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            places, rights, *_ = line.split()
            if rights.startswith("rw") and "[v" not in line:
                start, end = (int(place, 16) for place in places.split("-"))
                memory.seek(start)
                if octets in memory.read(end - start):
                    return True
    return False


def test_an_ordinary_user_may_have_several_processes(open_path: Path) -> None:
    """They are as good as one; when the server stops, all of them do."""
    # Root is an ordinary user in a namespace of its own.
    before = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []

    def popen(command: list[str], **surroundings: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - as Popen has it
        return subprocess.Popen([*before, *command], **surroundings)

    server = Server(
        open_path,
        'listen on 127.0.0.1 port PORT\naction "in" maildir "/mail"\nmatch from any for any action "in"\n',
        popen=popen,
    )
    server.start("--smtp-processes", "2", "-P", "mda")
    roles = roles_of(server.pid)
    assert (len(roles.smtp), roles.forker) == (2, None)
    with server.client() as one, server.client() as other:
        for client in (one, other):
            assert (
                client.sendmail("joe@example.net", [f"{pwd.getpwuid(os.getuid()).pw_name}@localhost"], COMPLETE) == {}
            )
    with ends_of(roles.all):
        assert server.stop() == 0
    assert len(server.log_lines(" smtp message ")) == 2
