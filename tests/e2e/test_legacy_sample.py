"""The configuration of 2012, served as it stands in `examples`: every line of it, on the addresses that it names.

    client, provider         example.com
    1.2.3.5 ◀──────────────▶ 1.2.3.4 25 tls, 465 smtps, 587 tls-require    lo 25
             smtp.example.com:587 ◀── tls+auth, verify ──┘    └──▶ rspamc ──▶ deliver

Around it is what such a machine has: an authority, accounts with passwords, and stand-ins for the two programs.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.credentials.crypt_library import crypt_hash
from tests.e2e.homes import UID, make_home, messages
from tests.e2e.housed import Housed
from tests.namespaces import Host, private
from tests.peers import ROOT
from tests.tls_peers import Files, TlsFolder

SAMPLE = ROOT / "examples" / "legacy-rspamd-dovecot.conf"
# Of joe on this machine; that of the provider is in the `authinfo` of the examples.
PASSWORD = "s3cret pass"  # noqa: S105 - of nobody
AT_PROVIDER = "not-a-real-password"
SALT = "$6$rounds=1000$saltsalt"
PAM = "auth required pam_unix.so\naccount required pam_unix.so\n"
HOSTS = "127.0.0.1 localhost\n1.2.3.4 example.com\n1.2.3.5 smtp.example.com\n"
USERS = {"root": 0, "joe": 1000, "ann": 1001, "_smtpdsl": 61_000}
PROVIDER = f"""
pki provider cert "/etc/mx.crt" key "/etc/mx.key"
table people {{ "joe@example.com" = "{crypt_hash(AT_PROVIDER.encode(), SALT)}" }}
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 1.2.3.5 port 587 tls-require pki provider auth <people> hostname smtp.example.com
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
match from auth for any action "deliver"
"""
# Each program records what it was started with, and as whom; the first starts the second, as rspamc does.
RSPAMC = """#!/bin/sh
{ id -u; for each; do printf '%s\\n' "$each"; done; } >"$HOME/rspamc"
exec /bin/sh -c "$3"
"""
DELIVER = """#!/bin/sh
{ id -u; for each; do printf '%s\\n' "$each"; done; } >"$HOME/deliver"
cat >"$HOME/message"
"""
# Certificates are looked at; what is refused is printed.
CLIENT = """
import smtplib, ssl, sys
host, port, words, sender, *recipients = sys.argv[1:]
context = ssl.create_default_context()
client = smtplib.SMTP_SSL(host, port, "desk.example", context=context) if port == "465" else (
    smtplib.SMTP(host, port, "desk.example"))
with client:
    try:
        if "tls" in words:
            client.starttls(context=context)
        if "login" in words:
            client.login("joe", "s3cret pass")
        client.sendmail(sender, recipients, b"Subject: hello\\r\\n\\r\\nhello\\r\\n")
    except smtplib.SMTPRecipientsRefused as error:
        print(*(code for code, _ in error.recipients.values()))
    except smtplib.SMTPResponseException as error:
        print(error.smtp_code)
    except smtplib.SMTPNotSupportedError as error:
        print(error)
"""

pytestmark = pytest.mark.usefixtures("private_namespaces")


class Village:
    """Two hosts on one cable: the one of the sample, and that of its provider and of clients from outside."""

    def __init__(self, folder: Path, home: Host) -> None:
        """Serve on both."""
        self._folder = folder
        self._home, self._away = home, home.connect("1.2.3.4/24", "1.2.3.5/24")
        self.authorities = {"SSL_CERT_FILE": str(folder / "ca.crt")}
        (folder / "provider").mkdir(exist_ok=True)
        self.provider = Housed(folder / "provider", PROVIDER, self._away, self.authorities)
        self.server = Housed(folder / "home", SAMPLE.read_text(), home, self.authorities)
        for each in (self.provider, self.server):
            each.start()

    def home_of(self, user: str) -> Path:
        """Return a home directory."""
        return self._folder / "home/root/home" / user

    def mail_at_provider(self) -> list[bytes]:
        """Return what the provider has got."""
        return messages(self._folder / "provider/root/home/mail/Maildir/new")

    def send(self, port: str, words: str, sender: str, *recipients: str, is_local: bool = False) -> str:
        """Send a message from outside, or from the host itself, and return what was refused."""
        host, name = (self._home, "localhost") if is_local else (self._away, "example.com")
        arguments = [sys.executable, "-c", CLIENT, name, port, words, sender, *recipients]
        done = host.run(arguments, env={**os.environ, **self.authorities})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _make_home_server(folder: Path, tls: TlsFolder, authority: Files) -> None:
    """Write what the sample names, beside what is in `examples/root`."""
    root = folder / "home/root"
    shutil.copytree(ROOT / "examples" / "root", root)
    for key in (*root.rglob("*.key"), *root.rglob("privkey.pem"), root / "etc/mail/authinfo"):
        key.chmod(0o600)
    pair = tls.pair("home", "example.com", by=authority)
    certificates = root / "etc/letsencrypt/example.com"
    shutil.copy(pair.cert, certificates / "fullchain.pem")
    shutil.copy(pair.key, certificates / "privkey.pem")
    passwd = "".join(f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n" for name, uid in USERS.items())
    _write(root / "etc/passwd", passwd)
    for name in ("joe", "ann"):
        home = root / "home" / name
        home.mkdir(parents=True)
        os.chown(home, USERS[name], USERS[name])


def _make_provider(folder: Path, tls: TlsFolder, authority: Files) -> None:
    """Write what the provider names."""
    pair = tls.pair("provider", "smtp.example.com", by=authority)
    etc = folder / "provider/root/etc"
    etc.mkdir(parents=True)
    shutil.copy(pair.cert, etc / "mx.crt")
    shutil.copy(pair.key, etc / "mx.key")
    make_home(folder / "provider/root")


def _make_system(folder: Path) -> dict[Path, str]:
    """Write what a machine has in ``/etc``, and say where it belongs."""
    hashed = crypt_hash(PASSWORD.encode(), SALT)
    _write(folder / "pam.d/smtpd", PAM)
    _write(folder / "passwd", (folder.parent / "home/root/etc/passwd").read_text())
    _write(folder / "shadow", "".join(f"{name}:{hashed}:19700:0:99999:7:::\n" for name in USERS), 0o600)
    _write(folder / "hosts", HOSTS)
    return {folder / name: f"/etc/{name}" for name in ("pam.d", "passwd", "shadow", "hosts")}


@pytest.fixture
def village(open_path: Path) -> Iterator[Village]:
    """Serve the sample, and what is around it."""
    tls = TlsFolder(open_path)
    authority = tls.authority("ca")
    authority.cert.chmod(0o644)
    _make_home_server(open_path, tls, authority)
    _make_provider(open_path, tls, authority)
    for path, text in (("bin/rspamc", RSPAMC), ("libexec/dovecot/deliver", DELIVER)):
        _write(open_path / "usr-local" / path, text, 0o755)
    (open_path / "work").mkdir()
    with private(_make_system(open_path / "system")) as host:
        overlay = f"lowerdir=/usr/local,upperdir={open_path}/usr-local,workdir={open_path}/work"
        mounted = host.run(["mount", "-t", "overlay", "overlay", "-o", overlay, "/usr/local"])
        assert mounted.returncode == 0, mounted.stderr
        yield Village(open_path, host)


def test_mail_from_outside(village: Village) -> None:
    """Over TLS; only for `-d` is the address lower-cased and stripped; strangers cannot send on."""
    assert village.send("25", "tls", "Eve+Shop@Away.Example", "Joe+Lists@Example.COM") == ""
    (delivery,) = village.server.wait_for(" mda delivery ")
    refused = village.send("25", "tls", "eve@away.example", "ben@far.example")

    joe = village.home_of("joe")
    command = "/usr/local/libexec/dovecot/deliver -d joe@example.com -f Eve+Shop@Away.Example -a Joe+Lists@Example.COM"
    assert "result=Ok" in delivery
    assert (joe / "rspamc").read_text().splitlines() == ["1000", "--mime", "--exec", command]
    assert (joe / "deliver").read_text().splitlines() == ["1000", *command.split()[1:]]
    lines = (joe / "message").read_text().splitlines()
    assert lines[:3] == [
        "Return-Path: <Eve+Shop@Away.Example>",
        "Delivered-To: Joe+Lists@Example.COM",
        "Received: from desk.example (smtp.example.com [1.2.3.5])",
    ]
    assert lines[3].startswith("\tby example.com (smtpdsl) with ESMTPS id ")
    assert "(TLSv1.3:" in lines[4] + lines[3]
    assert lines[-3:] == ["Subject: hello", "", "hello"]
    assert refused == "550"


@pytest.mark.parametrize(("port", "words"), [("587", "tls login"), ("465", "login")])
def test_submission(village: Village, port: str, words: str) -> None:
    """Nothing without TLS and a login; then the provider gets the mail with a login, and nobody learns from where."""
    without_tls = village.send(port, "login", "joe@example.com", "ben@far.example") if port == "587" else "530"
    without_login = village.send(port, words.replace("login", ""), "joe@example.com", "ben@far.example")
    assert village.send(port, words, "joe@example.com", "ben@far.example") == ""
    (relayed,) = village.server.wait_for(" mta delivery ")
    village.provider.wait_for(" mda delivery ")

    assert "530" in without_login
    assert without_tls in {"530", "SMTP AUTH extension not supported by server."}
    assert 'result="Ok"' in relayed
    assert village.server.log_lines('mta cert-check result="valid"')
    assert village.provider.log_lines(" smtp authentication user=joe@example.com result=ok")
    (message,) = village.mail_at_provider()
    assert b" with ESMTPSA id " in message
    assert b"Return-Path: <joe@example.com>\n" in message
    assert b"1.2.3.5" not in message
    assert b"desk.example" not in message
    for text in (*village.server.lines, *village.provider.lines):
        assert PASSWORD not in text
        assert AT_PROVIDER not in text


def test_mail_of_this_host(village: Village) -> None:
    """Aliases are followed to the user they end at; what is for others goes to the provider, and needs no login."""
    assert village.send("25", "", "joe@example.com", "Postmaster@localhost", "ben@far.example", is_local=True) == ""
    (delivery,) = village.server.wait_for(" mda delivery ")
    village.provider.wait_for(" mda delivery ")

    ann = village.home_of("ann")
    assert "user=ann" in delivery
    assert "result=Ok" in delivery
    command = (ann / "deliver").read_text().splitlines()
    assert command == ["1001", "-d", "postmaster@localhost", "-f", "joe@example.com", "-a", "Postmaster@localhost"]
    assert "desk.example" not in (ann / "message").read_text()
    assert b"Subject: hello\n" in village.mail_at_provider()[0]
