"""Mail that goes to a mail store by LMTP: to one that a test plays, and to Dovecot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RequirePeer, missing
from tests.e2e.homes import COMPLETE, UID
from tests.namespaces import private
from tests.peers import ROOT, Peer, wait_until_listening
from tests.runtime.delivery.stores import store
from tests.servers import Server, running

CONFIGURATION = """
listen on 127.0.0.1 port PORT
table users { ann = "UID:UID:/home/ann", ben = "UID:UID:/home/ben", gone = "UID:UID:/home/gone" }
action "user" lmtp "/run/store" userbase <users>
action "address" lmtp "/run/store" rcpt-to userbase <users>
match from any for domain "here.example" action "user"
match from any for domain "there.example" action "address"
""".replace("UID", str(UID))

# Everything that it writes is below FOLDER; the account that it works as has no rights.
DOVECOT = """
base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = FOLDER/log
protocols = lmtp
ssl = no
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
first_valid_uid = 1
mail_location = maildir:FOLDER/mail/%n
auth_username_format = %n
recipient_delimiter = +
userdb {
  driver = passwd-file
  args = FOLDER/users
}
passdb {
  driver = passwd-file
  args = FOLDER/users
}
service lmtp {
  chroot =
  unix_listener SOCKET {
    mode = 0666
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
"""


def send(server: Server, *recipients: str) -> None:
    """Send a message."""
    with server.client() as client:
        client.sendmail("joe@example.net", recipients, COMPLETE + b"Subject: hello\r\n\r\n.x\r\n")


def test_a_store_gets_each_recipient(open_path: Path) -> None:
    """By the name of the user, or by the address."""
    (open_path / "root/run").mkdir(parents=True)
    with running(open_path, CONFIGURATION) as server:
        with store(open_path / "root/run/store") as opened:
            (open_path / "root/run/store").chmod(0o666)
            send(server, "ben+x@there.example", "ann+x@here.example")
            server.wait_for("result=Ok", count=2)
        send(server, "ann@here.example")
        (line,) = server.wait_for("result=TempFail")

    said = [each for each in opened.commands if each.startswith("RCPT")]
    assert sorted(said) == ["RCPT TO:<ann>", "RCPT TO:<ben+x@there.example>"]
    for message in opened.messages:
        assert message.startswith(b"Delivered-To: ")
        assert message.endswith(b"Subject: hello\r\n\r\n..x\r\n")
    assert f"no connection to {open_path}/root/run/store: " in line


def test_recipients_of_a_message_share_a_session(open_path: Path) -> None:
    """Each has its own outcome, and who has got it does not get it again."""
    (open_path / "root/run").mkdir(parents=True)
    path = open_path / "root/run/store"
    with running(open_path, f"mda retry-after 2s\n{CONFIGURATION}") as server:
        with store(path, {".": "250 2.0.0 stored\n452 4.2.2 full\n550 5.1.1 gone"}) as opened:
            path.chmod(0o666)
            send(server, "ann@here.example", "ben@here.example", "gone@here.example")
            (ok,), (full,), (gone,) = (server.wait_for(f"result={each}") for each in ("Ok", "TempFail", "PermFail"))
        path.unlink()
        with store(path) as again:
            path.chmod(0o666)
            server.wait_for("result=Ok", count=2)

    assert [each.split(" user=")[1].split()[0] for each in (ok, full, gone)] == ["ann", "ben", "gone"]
    first = [each for each in opened.commands if each.startswith(("LHLO", "RCPT"))][:4]
    assert first[1:] == ["RCPT TO:<ann>", "RCPT TO:<ben>", "RCPT TO:<gone>"]
    assert [each for each in again.commands if each.startswith("RCPT")] == ["RCPT TO:<ben>"]
    assert not opened.messages[0].startswith(b"Delivered-To")
    assert again.messages[0].startswith(b"Delivered-To: ben@here.example")


class Store:
    """A Dovecot that runs."""

    def __init__(self, folder: Path) -> None:
        """Know where it keeps mail."""
        self.folder = folder

    def messages(self, user: str) -> list[str]:
        """Return what a user has got."""
        return [each.read_text() for each in (self.folder / "mail" / user / "new").glob("*")]


@pytest.fixture(name="dovecot")
def _dovecot(require_peer: RequirePeer, open_path: Path) -> Iterator[Store]:
    peer = require_peer("dovecot")
    folder = open_path / "dovecot"
    for name in ("run", "state", "mail"):
        (folder / name).mkdir(parents=True)
    os.chown(folder / "mail", 1000, 1000)
    (folder / "users").write_text(
        "".join(f"{name}:{{PLAIN}}x:1000:1000::/nonexistent::\n" for name in ("ann", "ben", "sales"))
    )
    socket = open_path / "root/run/store"
    socket.parent.mkdir(parents=True)
    (folder / "conf").write_text(DOVECOT.replace("FOLDER", str(folder)).replace("SOCKET", str(socket)))
    with private() as host:
        process = host.popen(_command(peer, folder / "conf"), env=peer.environment, stderr=subprocess.PIPE)
        try:
            wait_until_listening(socket, process)
        except ConnectionError as error:
            # Not every kernel lays folders over each other.
            missing(str(error))
        yield Store(folder)


def _command(peer: Peer, configuration: Path) -> list[str | Path]:
    """Return what starts it: it knows itself by fixed paths, so what was unpacked is laid over those of the system."""
    tell = 'mount -t overlay none -o "lowerdir=$1/usr/lib:/usr/lib" /usr/lib && '
    start = 'exec "$1/usr/bin/doveconf" -f service=master -c "$2" -p -e "$1/usr/sbin/dovecot" -F -c "$2"'
    return ["sh", "-c", (tell if peer.root != Path("/") else "") + start, "sh", peer.root, configuration]


@pytest.mark.usefixtures("private_namespaces")
def test_dovecot_gets_mail(open_path: Path, dovecot: Store) -> None:
    """By name and by address; whom it does not know fails for good, and harms nobody else of the same session."""
    with running(open_path, CONFIGURATION) as server:
        send(server, "gone@here.example", "ann@here.example", "ben+tag@there.example")
        ok = server.wait_for("result=Ok", count=2)
        (failed,) = server.wait_for("result=PermFail")
        together = dovecot.messages("ann")
        send(server, "ann@here.example")
        server.wait_for("result=Ok", count=3)

    assert len(ok) == 2
    assert "user=gone" in failed
    assert "550 5.1.1" in failed
    (alone,) = set(dovecot.messages("ann")) - set(together)
    for message in (*together, alone):
        assert message.startswith("Return-Path: <joe@example.net>\n")
        assert message.count("Return-Path:") == 1
        assert message.endswith("Subject: hello\n\n.x\n")
    assert ["Delivered-To: ann@here.example\n" in message for message in (*together, alone)] == [False, True]
    assert "gone" not in together[0]
    assert len(dovecot.messages("ben")) == 1


def _example(name: str, root: Path) -> str:
    """Return an example without TLS, on a port and a socket of the test; its files are put below *root*."""
    shutil.copytree(ROOT / "examples/root", root, dirs_exist_ok=True)
    (root / "etc/passwd").write_text("ann:x:1000:1000::/home/ann:/bin/sh\nben:x:1001:1001::/home/ben:/bin/sh\n")
    text = (ROOT / "examples" / name).read_text(encoding="utf-8").replace("/run/dovecot/lmtp", "/run/store")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("pki"))
    return re.sub(r"listen on \S+ tls pki \S+", "listen on 127.0.0.1 port PORT", text)


@pytest.mark.usefixtures("private_namespaces")
@pytest.mark.parametrize(
    ("name", "recipients", "expected"),
    [
        ("dovecot-lmtp.conf", ("postmaster@example.org", "ben@example.org"), {"ann": 1, "ben": 1}),
        (
            "virtual-domains.conf",
            ("ann@example.org", "postmaster@example.net", "sales@example.net"),
            {"ann": 2, "sales": 1},
        ),
    ],
)
def test_examples_with_dovecot(
    open_path: Path, dovecot: Store, name: str, recipients: tuple[str, ...], expected: dict[str, int]
) -> None:
    """Aliases and virtual domains, as people copy them."""
    with running(open_path, _example(name, open_path / "root")) as server:
        send(server, *recipients)
        server.wait_for("result=Ok", count=len(recipients))

    assert {user: len(dovecot.messages(user)) for user in expected} == expected
