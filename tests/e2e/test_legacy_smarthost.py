"""The configuration of 2012, as it is in `examples`: its third rule, which leads to a provider.

That one wants TLS and a login, and proves who it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import make_pair
from tests.e2e.homes import UID, make_home, messages
from tests.e2e.test_submission import ANN, HASH, PASSWORD
from tests.namespaces import Host, private
from tests.peers import ROOT

SAMPLE = ROOT / "examples" / "legacy-rspamd-dovecot.conf"
PROVIDER = f"""
pki provider cert "/etc/mx.crt" key "/etc/mx.key"
table people {{ "{ANN}" = "{HASH}" }}
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 1.2.3.5 port 587 tls-require pki provider auth <people> hostname smtp.example.com
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
match from auth for any action "deliver"
"""
CLIENT = """
import smtplib
with smtplib.SMTP("127.0.0.1", 25, local_hostname="client.example") as client:
    client.sendmail("joe@example.com", ["ben@far.example"], b"Subject: hello\\r\\n\\r\\nhello\\r\\n")
"""

pytestmark = pytest.mark.usefixtures("private_namespaces")


def private_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)


@pytest.fixture
def folder(open_path: Path) -> Path:
    """Roots of both servers; a certificate for the provider, and a file of hosts that has its address."""
    shutil.copytree(ROOT / "examples" / "root", open_path / "home")
    for name in ("etc/letsencrypt/example.com/privkey.pem", "etc/ssl/private/mail.example.org.key"):
        (open_path / "home" / name).chmod(0o600)
    private_file(open_path / "home/etc/mail/authinfo", f"example {ANN}:{PASSWORD}\n")
    (open_path / "provider").mkdir()
    make_home(open_path / "provider")
    pair = make_pair("smtp.example.com")
    private_file(open_path / "provider/etc/mx.crt", pair.certificate)
    private_file(open_path / "provider/etc/mx.key", pair.key)
    (open_path / "authorities.pem").write_text(pair.certificate)
    (open_path / "provider.conf").write_text(PROVIDER)
    (open_path / "hosts").write_text("127.0.0.1 localhost\n1.2.3.5 smtp.example.com\n")
    return open_path


def serve(host: Host, root: Path, configuration: Path, authorities: Path) -> Iterator[str]:
    """Start a server on *host* whose system believes *authorities*, and return the lines of its log."""
    command = [sys.executable, "-m", "smtpdsl", "run", "--root", str(root), str(configuration)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SSL_CERT_FILE": str(authorities)}
    server = host.popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None, "a pipe"
    log = iter(server.stderr)
    lines = []
    for line in log:
        lines.append(line)
        if line == "info: ready\n":
            return log
    raise AssertionError("".join(lines))


def test_the_sample_sends_by_its_provider(folder: Path) -> None:
    """Every line of it is served; the provider sees the login, over TLS."""
    with private({folder / "hosts": "/etc/hosts"}) as host:
        other = host.connect("1.2.3.4/24", "1.2.3.5/24")
        provider = serve(other, folder / "provider", folder / "provider.conf", folder / "authorities.pem")
        home = serve(host, folder / "home", SAMPLE, folder / "authorities.pem")
        sent = host.run([sys.executable, "-c", CLIENT])
        assert sent.returncode == 0, sent.stderr
        lines = []
        for line in home:
            lines.append(line)
            if " mta delivery " in line:
                break
        delivery = next(line for line in provider if " mda delivery " in line or " smtp failed-command " in line)

    assert 'result="Ok"' in lines[-1]
    assert any('mta cert-check result="valid"' in line for line in lines)
    assert PASSWORD not in "".join(lines)
    assert "result=Ok" in delivery
    (message,) = messages(folder / "provider/home/mail/Maildir/new")
    assert b" with ESMTPSA id " in message
