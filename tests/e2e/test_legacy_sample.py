"""The configuration of 2012, served: rules and mda as they were written, on the addresses it names.

What needs TLS, a login or a smarthost is taken out of it; everything else is the file in `examples`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import Host, private
from tests.peers import ROOT

SAMPLE = ROOT / "examples" / "legacy-rspamd-dovecot.conf"
WORDS = re.compile(r" (?:smtps|tls-require|tls)(?: pki \S+)?| auth(?:-optional)?(?= )")
# Each program records what it was started with, and as whom; the first starts the second, as rspamc does.
RSPAMC = """#!/bin/sh
{ id -u; for each; do printf '%s\\n' "$each"; done; } >"$HOME/rspamc"
exec /bin/sh -c "$3"
"""
DELIVER = """#!/bin/sh
{ id -u; for each; do printf '%s\\n' "$each"; done; } >"$HOME/deliver"
cat >"$HOME/message"
"""
CLIENT = """
import smtplib, sys
with smtplib.SMTP("1.2.3.4", 25, local_hostname="client.example") as client:
    client.sendmail("Eve+Shop@Away.Example", ["Joe+Lists@Example.COM"], b"Subject: hello\\r\\n\\r\\nhello\\r\\n")
"""


def trimmed(text: str) -> str:
    """Return the sample without its words about TLS and logins, and without its third rule."""
    lines = [WORDS.sub("", line) if line.startswith("listen") else line for line in text.splitlines()]
    return "\n".join(line for line in lines if not line.startswith("accept from local for any relay")) + "\n"


pytestmark = pytest.mark.usefixtures("private_namespaces")


@pytest.fixture
def bed(open_path: Path) -> Path:
    """A root with the tables of the examples, a user, and the stand-ins in ``usr-local``."""
    root = open_path / "root"
    shutil.copytree(ROOT / "examples" / "root", root)
    for key in root.rglob("*.key"):
        key.chmod(0o600)
    for key in root.rglob("privkey.pem"):
        key.chmod(0o600)
    (root / "etc" / "passwd").write_text("joe:x:1000:1000:Joe:/home/joe:/bin/sh\n")
    home = root / "home" / "joe"
    home.mkdir(parents=True)
    shutil.chown(home, 1000, 1000)
    for path, text in (("bin/rspamc", RSPAMC), ("libexec/dovecot/deliver", DELIVER)):
        program = open_path / "usr-local" / path
        program.parent.mkdir(parents=True)
        program.write_text(text)
        program.chmod(0o755)
    (open_path / "smtpd.conf").write_text(trimmed(SAMPLE.read_text()))
    return open_path


@pytest.fixture
def host(bed: Path) -> Iterator[Host]:
    """A host with the address of the sample, a client on the other end of the cable, and the stand-ins in place."""
    with private() as outside:
        (bed / "work").mkdir()
        overlay = f"lowerdir=/usr/local,upperdir={bed}/usr-local,workdir={bed}/work"
        mounted = outside.run(["mount", "-t", "overlay", "overlay", "-o", overlay, "/usr/local"])
        assert mounted.returncode == 0, mounted.stderr
        yield outside


def serve(host: Host, bed: Path) -> Iterator[str]:
    """Start the server on *host*, and return the lines of its log, each as soon as it is written."""
    command = [sys.executable, "-m", "smtpdsl", "run", "--root", str(bed / "root"), str(bed / "smtpd.conf")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = host.popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None, "a pipe"
    return iter(server.stderr)


def test_the_sample_delivers(bed: Path, host: Host) -> None:
    """The address is lower-cased and stripped for `-d`, and nothing else is changed."""
    client = host.connect("1.2.3.4/24", "1.2.3.5/24")
    log = serve(host, bed)
    assert "info: ready\n" in log
    sent = client.run([sys.executable, "-c", CLIENT])
    assert sent.returncode == 0, sent.stderr
    delivery = next(line for line in log if " mda delivery " in line)

    home = bed / "root" / "home" / "joe"
    command = "/usr/local/libexec/dovecot/deliver -d joe@example.com -f Eve+Shop@Away.Example -a Joe+Lists@Example.COM"
    assert "result=Ok" in delivery
    assert (home / "rspamc").read_text().splitlines() == ["1000", "--mime", "--exec", command]
    assert (home / "deliver").read_text().splitlines() == ["1000", *command.split()[1:]]
    message = (home / "message").read_text()
    assert message.startswith(
        "Return-Path: <Eve+Shop@Away.Example>\nDelivered-To: Joe+Lists@Example.COM\nReceived: from cl"
    )
    assert "(<unknown> [1.2.3.5])" in message
    assert message.endswith("\nSubject: hello\n\nhello\n")
