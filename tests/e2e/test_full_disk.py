"""A disk that is full: mail is refused for the moment, what was accepted is intact, and the server goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.homes import UID, make_home, messages
from tests.e2e.test_first_mail import QUICKSTART
from tests.namespaces import Host, private
from tests.peers import ROOT

pytestmark = pytest.mark.usefixtures("private_namespaces")

# Sends until something is refused, then prints how many were accepted and what the refusal was.
CLIENT = """
import smtplib, sys
size, limit = int(sys.argv[1]), int(sys.argv[2])
accepted, refusal = 0, b""
with smtplib.SMTP("127.0.0.1", 2525, local_hostname="client.example") as client:
    while accepted < limit:
        try:
            client.sendmail("joe@example.net", ["a@localhost"], "Subject: x\\r\\n\\r\\n" + "x" * 70 * size)
        except smtplib.SMTPResponseException as error:
            refusal = b"%d %s" % (error.smtp_code, error.smtp_error)
            break
        accepted += 1
print(accepted, refusal.decode())
"""


@pytest.fixture
def host(open_path: Path) -> Iterator[Host]:
    """A host whose spool has room for a few messages only, once a filler is gone for some more."""
    spool = open_path / "root" / "var"
    spool.mkdir(parents=True)
    (open_path / "smtpd.conf").write_text(QUICKSTART.replace("PORT", "2525"))
    with private() as inside:
        mounted = inside.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", spool])
        assert mounted.returncode == 0, mounted.stderr
        inside.run(["dd", "if=/dev/zero", f"of={spool}/filler", "bs=1M", "count=1"])
        yield inside


def serve(host: Host, folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], Iterator[str]]:
    """Start the server, and return it with the lines of its log when it is ready."""
    command = [sys.executable, "-m", "smtpdsl", "run", *arguments]
    command += ["--root", str(folder / "root"), str(folder / "smtpd.conf")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = host.popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None, "a pipe"
    lines = iter(server.stderr)
    assert "info: ready\n" in lines
    return server, lines


def send(host: Host, *, size: int, limit: int = 10_000) -> tuple[int, str]:
    """Send messages of *size* times 70 octets, and return how many were accepted, and the refusal."""
    done = host.run([sys.executable, "-c", CLIENT, str(size), str(limit)])
    assert done.returncode == 0, done.stderr
    count, _, refusal = done.stdout.strip().partition(" ")
    return int(count), refusal


@pytest.mark.parametrize("size", [60, 4000], ids=["in the database", "in a file"])
def test_a_full_disk_is_trouble_of_the_moment(open_path: Path, host: Host, size: int) -> None:
    """452, then 250 again when there is room; everything that got 250 is delivered."""
    server, log = serve(host, open_path, "-P", "mda")
    before, refusal = send(host, size=size)
    host.run(["rm", str(open_path / "root" / "var" / "filler")])
    after, none = send(host, size=size, limit=2)
    server.terminate()
    assert "info: Exiting\n" in log
    inbox = make_home(open_path / "root")
    _, log = serve(host, open_path)
    for _ in range(before + after):
        assert any("result=Ok" in line for line in log)

    assert before > 0
    assert refusal == "452 4.3.1 Mail system full, try again later"
    assert (after, none) == (2, "")
    assert len(messages(inbox)) == before + after


def test_a_full_mailbox_makes_mail_wait(open_path: Path, host: Host) -> None:
    """Nothing of a message is left where only a part of it has room; when there is room, it is delivered once."""
    inbox = make_home(open_path / "root")
    home = open_path / "root" / "home" / "mail"
    options = f"size=128k,uid={UID},gid={UID},mode=700"
    mounted = host.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", home])
    assert mounted.returncode == 0, mounted.stderr
    server, log = serve(host, open_path)
    accepted, none = send(host, size=300, limit=7)
    assert (accepted, none) == (7, "")
    outcomes = [next(line for line in log if " mda delivery " in line) for _ in range(accepted)]
    failed = [line for line in outcomes if "result=Ok" not in line]
    assert failed
    assert all("result=TempFail" in line and "No space left on device" in line for line in failed)
    # The home is seen by the host alone.
    listed = host.run(["ls", inbox, inbox.parent / "tmp"]).stdout
    assert len(re.findall(r"^\d", listed, re.MULTILINE)) == accepted - len(failed)

    host.run(["mount", "-o", f"remount,{options.replace('128k', '1m')}", home])
    command = [sys.executable, "-m", "smtpdsl", "ctl", "--root", str(open_path / "root"), "schedule", "all"]
    asked = host.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert asked.returncode == 0, asked.stderr
    for _ in failed:
        assert "result=Ok" in next(line for line in log if " mda delivery " in line)
    server.terminate()
    assert "info: Exiting\n" in log
    listed = host.run(["ls", inbox, inbox.parent / "tmp"]).stdout
    assert len(re.findall(r"^\d", listed, re.MULTILINE)) == accepted


def test_a_disk_that_is_full_from_the_start_is_named(open_path: Path, host: Host) -> None:
    """The server says which folder, and ends."""
    spool = open_path / "root" / "var"
    host.run(["dd", "if=/dev/zero", f"of={spool}/more", "bs=1M", "count=9"])
    command = [sys.executable, "-m", "smtpdsl", "run", "--root", str(open_path / "root"), str(open_path / "smtpd.conf")]
    done = host.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)})

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(spool) in done.stderr.splitlines()[-1]
