"""Mailboxes of the system, and files and commands that aliases and users name, as people start the server."""

from __future__ import annotations

import mailbox
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.homes import COMPLETE, UID, empty_home
from tests.servers import Server, running

CONFIGURATION = """
listen on 127.0.0.1 port PORT
table users { ann = "UID:UID:/home/ann", ben = "UID:UID:/home/ben", root = "0:0:/home/root" }
table aliases file:/etc/aliases
action "box" mbox userbase <users> alias <aliases>
table virtuals { "all@dir.example" = "ann, /srv/archive", "away@dir.example" = "/dev/null" }
action "dir" maildir userbase <users> virtual <virtuals>
mda wrapper "marked" "sed '1i X-Spam: yes' | %{mda}"
action "filtered" maildir junk userbase <users> wrapper "marked"
match from any for domain "here.example" action "box"
match from any for domain "filtered.example" action "filtered"
match from any for domain "dir.example" action "dir"
""".replace("UID", str(UID))
ALIASES = """
log: "|cat > /srv/out/log; env > /srv/out/environment; id -u > /srv/out/number"
archive: /srv/out/archive
nowhere: /dev/null
staff: :include:/etc/staff
"""


class Town:
    """A server, its mailboxes and a folder that its account may write to."""

    def __init__(self, server: Server) -> None:
        """Know where everything is; nobody has mail at home."""
        self.server = server
        for name in ("ann", "ben"):
            empty_home(server.root, name)
        self.boxes = server.root / "var" / "mail"
        self.out = server.root / "srv" / "out"

    def send(self, *recipients: str, text: bytes = b"x\r\n") -> None:
        """Send a message."""
        with self.server.client() as client:
            client.sendmail("joe@example.net", recipients, COMPLETE + b"Subject: hello\r\n\r\n" + text)

    def delivered(self, count: int) -> None:
        """Wait until there were so many deliveries, all of them good."""
        lines = self.server.wait_for(" mda delivery ", count=count)
        assert all("result=Ok" in line for line in lines), lines


def read(path: Path) -> list[str]:
    """Return what a mailbox has, and close it."""
    box = mailbox.mbox(str(path))
    try:
        return [str(each.get_payload()) for each in box]
    finally:
        box.close()


@pytest.fixture(scope="module", name="server")
def _server(module_path: Path) -> Iterator[Server]:
    with serving(module_path) as server:
        yield server


@pytest.fixture(name="town")
def _town(server: Server) -> Iterator[Town]:
    for place in ("var/mail", "srv/out"):
        for path in (server.root / place).iterdir():
            path.unlink()
    yield Town(server)
    server.forget()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve, with all that the configuration names."""
    root = folder / "root"
    for name in ("etc", "var/mail", "srv/out", "home/root"):
        (root / name).mkdir(parents=True)
    out = str(root / "srv/out")
    (root / "etc/aliases").write_text(ALIASES.replace("/srv/out/log", f"{out}/log").replace("> /srv/out", f"> {out}"))
    (root / "etc/staff").write_text("ann\n/srv/out/archive\n")
    (root / "srv").chmod(0o777)
    (root / "srv/out").chmod(0o777)
    # As Debian has it: whoever is in the group of the folder makes files there.
    (root / "var/mail").chmod(0o2775)
    if os.geteuid() == 0:
        os.chown(root / "var/mail", 0, 8)
    with running(folder, CONFIGURATION) as server:
        yield server


def test_a_mailbox_for_each_user(town: Town) -> None:
    """It is made when there is mail, belongs to the user, and has every message once."""
    town.send("ann@here.example", "ben@here.example")
    town.send("ann@here.example", text=b"From here on\r\nFrom me to you\r\n")
    town.delivered(3)

    # They are delivered at the same time.
    assert sorted(read(town.boxes / "ann")) == [">From here on\n>From me to you\n", "x\n"]
    assert read(town.boxes / "ben") == ["x\n"]
    status = (town.boxes / "ann").stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_uid == UID
    assert sorted(each.name for each in town.boxes.iterdir()) == ["ann", "ben"]


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root delivers nothing as root")
def test_root_has_a_mailbox(town: Town) -> None:
    """And that is all that is done as root."""
    town.send("root@here.example")
    town.delivered(1)

    assert read(town.boxes / "root") == ["x\n"]
    assert (town.boxes / "root").stat().st_uid == 0


def test_many_messages_at_once(town: Town) -> None:
    """All of one mailbox: each waits for its turn."""
    with town.server.client() as client:
        for number in range(40):
            text = COMPLETE + b"Subject: hello\r\n\r\n%d\r\n" % number
            client.sendmail("joe@example.net", ["ann@here.example"], text)
    town.delivered(40)

    assert sorted(int(each) for each in read(town.boxes / "ann")) == list(range(40))


def test_a_link_in_the_place_of_a_mailbox(open_path: Path) -> None:
    """Nothing is written to its other end, and the message waits."""
    with serving(open_path) as server:
        town = Town(server)
        (server.root / "etc/passwd.old").write_text("secret\n")
        (town.boxes / "ann").symlink_to(server.root / "etc/passwd.old")
        town.send("ann@here.example")

        (line,) = server.wait_for("result=TempFail")
        assert "is a symbolic link" in line
        assert (server.root / "etc/passwd.old").read_text() == "secret\n"


def test_files_and_commands_of_aliases(town: Town) -> None:
    """They are done by the account of the server, and no user."""
    town.send("log@here.example", "archive@here.example", "nowhere@here.example", "staff@here.example")
    town.delivered(5)

    assert (town.out / "log").read_text().endswith("Subject: hello\n\nx\n")
    number = int((town.out / "number").read_text())
    assert number != 0
    assert number == (town.out / "archive").stat().st_uid
    assert "SENDER=joe@example.net\n" in (town.out / "environment").read_text()
    assert read(town.out / "archive") == ["x\n", "x\n"]
    assert read(town.boxes / "ann") == ["x\n"]


def test_files_of_virtual_users(town: Town) -> None:
    """Beside a user, and beside an action that knows only maildirs."""
    town.send("all@dir.example", "away@dir.example")
    town.delivered(3)

    assert read(town.server.root / "srv/archive") == ["x\n"]
    assert len(list((town.server.root / "home/ann/Maildir/new").iterdir())) == 1


def test_a_file_of_a_user(town: Town) -> None:
    """It is the user's."""
    path = town.server.root / "home/ann/.forward"
    path.write_text("/home/ann/mail-%{sender.user}\n")
    if os.geteuid() == 0:
        os.chown(path, UID, UID)
    town.send("ann@here.example")
    town.delivered(1)

    box = town.server.root / "home/ann/mail-joe"
    assert read(box) == ["x\n"]
    assert box.stat().st_uid == UID


def test_a_maildir_behind_a_wrapper(town: Town) -> None:
    """What the wrapper has added is seen."""
    town.send("ann@filtered.example")
    town.delivered(1)

    (message,) = (town.server.root / "home/ann/Maildir/.Junk/new").iterdir()
    assert message.read_text().startswith("X-Spam: yes\nReturn-Path: <joe@example.net>\n")
    assert message.stat().st_uid == UID


def test_the_log_tells_what_is_nobodys(town: Town) -> None:
    """What an alias names has no user."""
    town.send("archive@here.example")

    (line,) = town.server.wait_for("result=Ok")
    assert " user=- " in line
