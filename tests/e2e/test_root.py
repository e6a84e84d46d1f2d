"""A server that was started as root: who talks to the network has no rights, and everything works all the same."""

from __future__ import annotations

import os
import pwd
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

import pytest

from smtpdsl.runtime.credentials.crypt_library import crypt_hash
from tests.e2e.homes import COMPLETE, messages
from tests.namespaces import private
from tests.peers import ROOT
from tests.processes import roles_of
from tests.servers import Server
from tests.tls_peers import TlsFolder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")

# Numbers that no account of a usual system has.
ANN, BEN = 54321, 54322
ACCOUNT = pwd.getpwnam("nobody")
CONFIGURATION = f"""
pki mail cert "/etc/mail.crt" key "/etc/mail.key"
table users {{ ann = "{ANN}:{ANN}:/home/ann", ben = "{BEN}:{BEN}:/home/ben", root = "0:0:/home/root" }}
table aliases {{ staff = ":include:/etc/staff" }}
listen on 127.0.0.1 port PORT tls pki mail
action "in" maildir alias <aliases> userbase <users>
match from any for any action "in"
"""
STARTED = ("--user", ACCOUNT.pw_name, "--smtp-processes", "2")


class Town(Server):
    """Users whose homes are closed to everybody else, and keys that are root's alone."""

    def __init__(self, folder: Path, configuration: str = CONFIGURATION) -> None:
        """Write everything that the configuration names."""
        super().__init__(folder, configuration)
        etc = self.root / "etc"
        etc.mkdir(mode=0o700)
        (etc / "staff").write_text("ann # and her colleague\nben\n")
        (etc / "staff").chmod(0o600)
        self.tls = TlsFolder(etc)
        self.tls.pair("mail", "mx.test")
        for name, uid in (("ann", ANN), ("ben", BEN), ("root", 0)):
            home = self.home(name)
            home.mkdir(parents=True, mode=0o700)
            os.chown(home, uid, uid)

    def home(self, name: str) -> Path:
        """Return a home directory."""
        return self.root / "home" / name

    def inbox(self, name: str) -> list[bytes]:
        """Return the mail of a user."""
        return messages(self.home(name) / "Maildir/new")

    def forward(self, name: str, text: str) -> None:
        """Write the ``.forward`` of a user, which nobody else can read."""
        path = self.home(name) / ".forward"
        path.write_text(text)
        path.chmod(0o600)
        owner = self.home(name).stat()
        os.chown(path, owner.st_uid, owner.st_gid)

    def send(self, recipient: str, *, count: int = 1, size: int = 1) -> None:
        """Send a message, and wait until there were *count* deliveries."""
        with self.client() as client:
            client.sendmail("joe@example.net", [recipient], COMPLETE + b"\r\n" + b"x" * 70 + b"\r\n" * size)
        assert all("result=Ok" in line for line in self.wait_for(" mda delivery ", count=count))


@pytest.fixture
def town(open_path: Path) -> Iterator[Town]:
    """Serve, as an account that is named."""
    server = Town(open_path)
    server.start(*STARTED)
    yield server
    server.stop()


def status_of(task: Path) -> dict[str, str]:
    """Return what the kernel says of a thread."""
    return dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())


def assert_without_rights(pid: int) -> None:
    """No thread has a number of root, a group, a capability, or a way to get one."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = status_of(task)
        assert status["Uid"].split() == [str(ACCOUNT.pw_uid)] * 4
        assert status["Gid"].split() == [str(ACCOUNT.pw_gid)] * 4
        assert status["Groups"].split() == []
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"
    # What may not be dumped is root's, and no other process of the account may look into it.
    assert Path(f"/proc/{pid}/mem").stat().st_uid == 0


def test_who_talks_to_the_network_has_no_rights(town: Town) -> None:
    """Before the first client and after mail for two users, each of whom owns what they got."""
    roles = roles_of(town.pid)
    assert roles.smtp
    for pid in (town.pid, *roles.smtp):
        assert_without_rights(pid)
    town.send("ann@here.example")
    town.send("ben@here.example", count=2)

    for pid in (town.pid, *roles.smtp):
        assert_without_rights(pid)
    for name, uid in (("ann", ANN), ("ben", BEN)):
        assert len(town.inbox(name)) == 1
        assert (town.home(name) / "Maildir/new").stat().st_uid == uid
    assert town.log_lines(f'info: running as "{ACCOUNT.pw_name}"')


def test_a_forward_that_only_its_owner_can_read_is_followed(town: Town) -> None:
    """Of several users, one after the other, and of root."""
    town.forward("root", "ann")
    town.forward("ann", 'ben\n"|id -u > out; cat > /dev/null"')
    town.send("root@here.example", count=2)

    assert len(town.inbox("ben")) == 1
    assert (town.home("ann") / "out").read_text() == f"{ANN}\n"
    assert_without_rights(town.pid)


def test_a_forward_that_cannot_be_believed_waits(town: Town) -> None:
    """The checks are those of a server that is root."""
    secret = town.root / "etc/secret"
    secret.write_text("ben\n")
    (town.home("ann") / ".forward").hardlink_to(secret)
    with town.client() as client:
        client.ehlo()
        client.mail("joe@example.net")
        code, _ = client.rcpt("ann@here.example")

    assert code == 451
    (line,) = town.wait_for("smtp failed-command")
    assert 'why="/home/ann/.forward belongs to user number 0, not to ann"' in line


def test_a_list_that_only_root_can_read_has_members(town: Town) -> None:
    """It is one of the files that the configuration names."""
    town.send("staff@here.example", count=2)

    assert [len(town.inbox(name)) for name in ("ann", "ben")] == [1, 1]


def test_a_key_that_only_root_can_read_is_renewed(town: Town) -> None:
    """Clients are shown the new certificate without a restart."""
    old = shown(town)
    town.tls.pair("mail", "mx.test")

    assert next(found for found in iter(lambda: shown(town), None) if found != old)
    assert town.wait_for('info: pki "mail" is loaded anew')
    assert_without_rights(town.pid)


def shown(town: Town) -> bytes:
    """Return the certificate that a client is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with town.client() as client:
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        return client.sock.getpeercert(binary_form=True) or b""


def test_the_spool_is_handed_over(open_path: Path) -> None:
    """With all that an earlier version, which was root, has left in it; and it still is the account's later."""
    town = Town(open_path)
    town.start("-P", "mda", *STARTED)
    with town.client() as client:
        for size in (1, 4000):
            client.sendmail("joe@example.net", ["ann@here.example"], COMPLETE + b"\r\n" + (b"x" * 70 + b"\r\n") * size)
    town.kill()
    spool = town.root / "var/spool/smtpdsl"
    assert {path.stat().st_uid for path in (spool, *spool.rglob("*"))} == {ACCOUNT.pw_uid}
    for path in (spool, *spool.rglob("*")):
        os.chown(path, 0, 0)
    town.start(*STARTED)
    try:
        town.wait_for("result=Ok", count=2)
    finally:
        town.stop()

    assert len(town.inbox("ann")) == 2
    assert {path.stat().st_uid for path in (spool, *spool.rglob("*"))} == {ACCOUNT.pw_uid}


def test_a_spool_of_somebody_else_is_left_alone(open_path: Path) -> None:
    """And the command that hands it over is told."""
    town = Town(open_path)
    spool = town.root / "var/spool/smtpdsl"
    spool.mkdir(parents=True)
    os.chown(spool, ANN, ANN)
    done = town.run(*STARTED)

    assert done.returncode == 1
    assert f"belongs to user number {ANN}, and the server runs as nobody: `chown -R nobody " in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_process_of_root_the_server_ends(open_path: Path) -> None:
    """Nothing could be delivered, and nobody else could start it again; the service manager hears of it."""
    town = Town(open_path)
    town.start(*STARTED)
    forker = roles_of(town.pid).forker
    assert forker is not None
    os.kill(forker, signal.SIGKILL)
    town.wait_for("info: Exiting")

    assert town.stop() == 1
    assert town.log_lines(f"warn: the process {forker}, which acts for root, is dead: the server has to stop")


# ---------------------------------------------------------------- on a machine of its own

SYSTEM = """
pki mail cert "ROOT/etc/mail.crt" key "ROOT/etc/mail.key"
listen on 127.0.0.1 port 25 tls pki mail auth
action "in" maildir
match from any auth for any action "in"
"""
PASSWORD = "s3cret pass"  # noqa: S105 - of nobody
PAM = "auth required pam_unix.so\naccount required pam_unix.so\n"
CLIENT = """
import smtplib, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for login in ("ann", "root"):
    with smtplib.SMTP("127.0.0.1", 25) as client:
        client.starttls(context=context)
        try:
            print(client.login(login, sys.argv[1])[0])
            client.sendmail("joe@example.net", ["ann@localhost"], "Subject: x\\r\\n\\r\\nx\\r\\n")
        except smtplib.SMTPAuthenticationError as error:
            print(error.smtp_code)
"""


@pytest.mark.usefixtures("private_namespaces")
def test_accounts_of_the_system_on_a_port_of_root(open_path: Path) -> None:
    """Passwords that only root can check let their owners in, but not root; deliveries are the account's."""
    town = Town(open_path, SYSTEM.replace("ROOT", str(open_path / "root")))
    accounts: dict[str, tuple[int, str | Path]] = {
        "root": (0, "/root"),
        "ann": (ANN, town.home("ann")),
        "_smtpdsl": (ACCOUNT.pw_uid, "/nonexistent"),
    }
    binds = _system(open_path / "system", accounts)
    command: list[str | Path] = [sys.executable, "-m", "smtpdsl", "run", town.file]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    with private(binds) as host:
        server = host.popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None, "a pipe"
        log = list(takewhile("info: ready\n".__ne__, server.stderr))
        assert_without_rights(server.pid)
        done = host.run([sys.executable, "-c", CLIENT, PASSWORD])
        # What has begun ends before the server does.
        server.terminate()
        log += server.stderr

    assert done.stdout.split() == ["235", "535"], done.stderr + "".join(log)
    (message,) = town.inbox("ann")
    assert b"Subject: x" in message
    assert 'info: running as "_smtpdsl"; mail is delivered with the rights of whoever gets it\n' in log
    assert PASSWORD not in "".join(log)


def _system(folder: Path, accounts: Mapping[str, tuple[int, str | Path]]) -> dict[Path, str]:
    """Write files of a system with *accounts*, who have one password, and say where they belong."""
    hashed = crypt_hash(PASSWORD.encode(), "$6$rounds=1000$saltsalt")
    (folder / "pam.d").mkdir(parents=True)
    (folder / "pam.d/smtpd").write_text(PAM)
    passwd = "".join(f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n" for name, (uid, home) in accounts.items())
    (folder / "passwd").write_text(passwd)
    (folder / "shadow").write_text("".join(f"{name}:{hashed}:19700:0:99999:7:::\n" for name in accounts))
    (folder / "shadow").chmod(0o600)
    for name in ("spool", "run"):
        (folder / name).mkdir()
    etc = {folder / name: f"/etc/{name}" for name in ("passwd", "shadow", "pam.d")}
    return etc | {folder / "spool": "/var/spool", folder / "run": "/run"}
