"""A queue that can be seen and changed while it is served; each server is a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main
from smtpdsl.runtime.control.client import ControlClient
from smtpdsl.runtime.control.port import PATH
from smtpdsl.runtime.queue.folder import SPOOL
from smtpdsl.runtime.queue.manager import Queue
from tests.e2e.homes import UID, make_home, messages
from tests.peers import ROOT
from tests.ports import reserve_port
from tests.runtime.queue.sample import PAUSED, Journal, relayed, submission
from tests.servers import Server, running

RECEIVER = f"""
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 127.0.0.1 port PORT hostname "receiver.test"
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
match from any for any action "deliver"
"""
SENDER = f"""
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 127.0.0.1 port PORT
action "out" relay host "smtp://127.0.0.1:NOBODY"
action "good" relay host "smtp://127.0.0.1:RECEIVER"
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
match from any for domain "far.example" action "out"
match from any for any action "deliver"
"""
BODY = "Subject: hello\r\n\r\nbody\r\n"
# Nightly it is the number that a listing has to stand; the time that it takes grows no faster.
MANY = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 10_000


def sender(receiver: int = 9) -> str:
    """Return the configuration of a server that sends to a port where nobody listens, or to *receiver*."""
    return SENDER.replace("NOBODY", str(reserve_port())).replace("RECEIVER", str(receiver))


def ctl(server: Server, *words: str) -> str:
    """Return what the command prints."""
    found = CliRunner().invoke(main, ["ctl", "--root", str(server.root), *words], catch_exceptions=False)
    assert (found.exit_code, found.stderr) == (0, ""), found.output
    return found.stdout


def rows(server: Server, *words: str) -> list[dict[str, object]]:
    """Return what is listed."""
    return [json.loads(line) for line in ctl(server, "show", "queue", "--json", *words).splitlines()]


def stats(server: Server) -> dict[str, int]:
    """Return what the server has counted."""
    found: dict[str, int] = json.loads(ctl(server, "show", "stats", "--json"))
    return found


def send(server: Server, *recipients: str, count: int = 1) -> None:
    """Send messages."""
    with server.client() as client:
        for _ in range(count):
            client.sendmail("ann@example.net", recipients, BODY)


def offline(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command where no server runs; it gives up root for the owner of the spool, so it is another process."""
    command = [sys.executable, "-m", "smtpdsl", "ctl", "--root", "root", *words]
    return subprocess.run(
        command, cwd=server.folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )


def test_mail_that_goes_nowhere_is_sent_another_way(open_path: Path) -> None:
    """It is listed with the reason; bound to another action, it is delivered at once."""
    (open_path / "receiver").mkdir()
    (open_path / "sender").mkdir()
    with running(open_path / "receiver", RECEIVER) as receiver:
        inbox = make_home(receiver.root)
        with running(open_path / "sender", sender(receiver.port)) as server:
            send(server, "ben@far.example")
            server.wait_for("mta delivery")
            (row,) = rows(server, "--domain", "far.example")
            assert (row["state"], row["tries"], row["action"]) == ("pending", 1, "out")
            assert "Connection refused" in str(row["error"])
            assert "Connection refused" in ctl(server, "show", "queue", str(row["message"]))
            assert ctl(server, "show", "message", str(row["message"])).endswith("\n\nbody\n")

            assert ctl(server, "rebind", str(row["id"]), "to", "good") == "1 envelope bound to the action\n"
            (delivered,) = server.wait_for('result="Ok"')
            assert f"evpid={row['id']}" in delivered
            assert rows(server) == []
            assert server.log_lines("info: control: rebind by user ")
        assert len(messages(inbox)) == 1


def test_an_action_that_is_none_is_refused(open_path: Path) -> None:
    """By the running configuration."""
    with running(open_path, sender(), "-P", "mta") as server:
        send(server, "ben@far.example")
        found = CliRunner().invoke(main, ["ctl", "--root", str(server.root), "rebind", "all", "to", "god"])
        assert (found.exit_code, found.stderr) == (1, 'Error: the configuration has no action "god"\n')
        assert "1 more cannot be" in ctl(server, "rebind", "all", "to", "deliver")


def test_mail_is_held_released_and_removed(open_path: Path) -> None:
    """While its route is paused, and while it is not."""
    with running(open_path, sender(), "-P", "mda") as server:
        inbox = make_home(server.root)
        send(server, "joe@here.example", count=3)
        assert ctl(server, "show", "status").splitlines()[:3] == ["MDA paused", "MTA running", "SMTP running"]
        held, removed, _ = [str(row["id"]) for row in rows(server)]
        assert ctl(server, "hold", held) == "1 envelope suspended\n"
        assert ctl(server, "remove", removed) == "1 envelope removed\n"
        assert ctl(server, "resume", "mda") == "done\n"
        server.wait_for("mda delivery")
        assert [row["state"] for row in rows(server)] == ["suspended"]
        assert ctl(server, "release", "all", "--format", "smtpctl") == "1 envelope(s) resumed\n"
        server.wait_for("mda delivery", count=2)
        assert rows(server) == []
        assert len(messages(inbox)) == 2
        assert server.log_lines(f"delivery: Remove for {removed}: ")
        counted = stats(server)
    assert [counted[name] for name in ("smtp.message", "scheduler.delivery.ok", "scheduler.envelope.removed")] == [
        3,
        2,
        1,
    ]


def test_reception_is_paused(open_path: Path) -> None:
    """Who connects meanwhile waits, and is served afterwards."""
    with running(open_path, sender(), "-P", "mda") as server:
        assert ctl(server, "pause", "smtp", "--format", "smtpctl") == "command succeeded\n"
        found = CliRunner().invoke(main, ["ctl", "--root", str(server.root), "pause", "smtp"])
        assert (found.exit_code, found.stderr) == (1, "Error: smtp is paused already\n")
        waiting = Thread(target=send, args=(server, "joe@here.example"))
        waiting.start()
        assert ctl(server, "show", "status").splitlines()[2] == "SMTP paused"
        ctl(server, "resume", "smtp")
        waiting.join()
        assert len(rows(server)) == 1


def test_only_the_owner_may_ask_and_nothing_else(open_path: Path) -> None:
    """The socket is nobody else's; garbage in it harms neither mail nor those who ask (CVE-2025-62875)."""
    source = random.Random(62875)  # noqa: S311 - the same garbage each time
    with running(open_path, sender(), "-P", "mda") as server:
        path = f"{server.root}{PATH}"
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        for number in range(200):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                garbage = source.randbytes(source.randint(1, 2000))
                client.sendall(garbage if number % 2 else len(garbage).to_bytes(4) + garbage)
        send(server, "joe@here.example")
        assert len(rows(server)) == 1
        assert server.log_lines("fault") == []


def test_a_server_that_is_gone_leaves_its_queue_to_the_command(open_path: Path) -> None:
    """Whoever has the spool: what is changed belongs to them still, and the next server goes on with it."""
    server = Server(open_path, sender())
    inbox = make_home(server.root)
    server.start("-P", "mda", "-P", "mta")
    send(server, "joe@here.example", "ben@far.example", count=2)
    server.kill()
    spool = Path(f"{server.root}{SPOOL}")
    owner = spool.stat().st_uid

    listed = offline(server, "show", "queue", "--format", "smtpctl")
    assert [line.split("|")[11] for line in listed.stdout.splitlines()] == ["offline"] * 4
    assert "no server is running" in listed.stderr
    assert offline(server, "remove", "--domain", "far.example").stdout == "2 envelopes removed\n"
    assert {path.stat().st_uid for path in spool.rglob("*")} == {owner}
    server.start()
    server.wait_for("mda delivery", count=2)
    server.stop()
    assert len(messages(inbox)) == 2


# ---------------------------------------------------------------- many


@pytest.fixture(scope="module")
def full_spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a spool with very many envelopes, and some messages in files."""
    folder = tmp_path_factory.mktemp("full") / "spool"

    async def fill() -> None:
        queue = Queue(folder, {}, Journal(), time.time, PAUSED)
        await queue.start()
        envelopes = [relayed(f"user{number}@far.example") for number in range(MANY // 100)]
        for number in range(100):
            message = submission(queue.next_message_id(), *envelopes, created=time.time())
            if number % 20 == 0:
                writer = queue.open_content(message.message_id)
                writer.write(b"x" * 100_000)
                message = message._replace(content=writer)
            await queue.enqueue(message)
        await queue.stop(0)

    asyncio.run(fill())
    return folder


@pytest.fixture
def full(open_path: Path, full_spool: Path) -> Iterator[Server]:
    """Return a server that is not started yet, and has very much mail."""
    server = Server(open_path, sender())
    shutil.copytree(full_spool, f"{server.root}{SPOOL}")
    yield server
    server.kill()


def test_a_long_listing_delays_nobody(full: Server) -> None:
    """Mail is taken, and others are answered, while somebody lists the queue and does not read what comes."""
    full.start("-P", "mta", "-P", "mda")
    with ControlClient(f"{full.root}{PATH}") as slow:
        listing = slow.ask("show queue", {})
        first = next(listing)
        send(full, "joe@here.example")
        assert ctl(full, "show", "status").startswith("MDA paused\nMTA paused\n")
        others = [each["id"] for each in listing]
    full.stop()

    assert len({first["id"], *others}) == len(others) + 1 == MANY


def test_a_kill_in_the_midst_of_a_removal(full: Server) -> None:
    """What was removed is gone for good, and nothing else is; no file is left without its message."""
    full.start("-P", "mta", "-P", "mda")
    command = [sys.executable, "-m", "smtpdsl", "ctl", "--root", str(full.root), "remove", "all"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as removal:
        full.wait_for(": Remove for ", count=1000)
        full.kill()
        _, said = removal.communicate(timeout=60)
    assert removal.returncode == 1
    assert said.startswith("Error: ")
    removed = {line.split()[4] for line in full.log_lines(": Remove for ")}

    full.start("-P", "mta", "-P", "mda")
    (line,) = full.log_lines("info: the queue has ")
    (pending,) = map(int, re.findall(r"(\d+) pending", line))
    left = {f"{row['id']}:" for row in rows(full)}
    assert len(left) == pending < MANY
    assert not left & removed
    assert ctl(full, "remove", "all") == f"{pending} envelopes removed\n"
    full.stop()
    assert list(Path(f"{full.root}{SPOOL}/content").iterdir()) == []
