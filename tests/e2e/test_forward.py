"""What users write into their ``.forward``, through the program as people start it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.homes import COMPLETE, UID, empty_home, messages
from tests.servers import Server, running

CONFIGURATION = """
listen on 127.0.0.1 port PORT
table users { ann = "UID:UID:/home/ann", ben = "UID:UID:/home/ben", root = "0:0:/home/root" }
action "in" maildir userbase <users>
action "on" forward-only userbase <users>
match from any for domain "here.example" action "in"
match from any for domain "on.example" action "on"
""".replace("UID", str(UID))


class Town:
    """A server, and the homes of its users."""

    def __init__(self, server: Server) -> None:
        """Make the homes, with nothing in them."""
        self.server = server
        self.inboxes = {name: empty_home(server.root, name) for name in ("ann", "ben", "root")}
        # Commands find their way without knowing where the tests are.
        self.out = server.root / "home" / "ann" / "out"
        self._own(self.home("root"), 0)

    def home(self, name: str) -> Path:
        """Return a home directory."""
        return self.server.root / "home" / name

    def forward(self, name: str, text: str, mode: int = 0o644) -> Path:
        """Write the file of a user, who owns it."""
        path = self.home(name) / ".forward"
        path.write_text(text)
        path.chmod(mode)
        self._own(path, 0 if name == "root" else UID)
        return path

    def _own(self, path: Path, uid: int) -> None:
        if os.getuid() == 0:
            os.chown(path, uid, uid)

    def send(self, *recipients: str) -> None:
        """Send a message."""
        with self.server.client() as client:
            client.sendmail("joe@example.net", recipients, COMPLETE + b"Subject: hello\r\n\r\nx\r\n")

    def rcpt(self, recipient: str) -> tuple[int, str]:
        """Name a recipient, and return the answer."""
        with self.server.client() as client:
            client.ehlo()
            client.mail("joe@example.net")
            code, text = client.rcpt(recipient)
        return code, text.decode()

    def delivered(self, count: int) -> None:
        """Wait until there were so many deliveries, all of them good."""
        lines = self.server.wait_for(" mda delivery ", count=count)
        assert all("result=Ok" in line for line in lines), lines


@pytest.fixture(scope="module", name="server")
def _server(module_path: Path) -> Iterator[Server]:
    with running(module_path, CONFIGURATION) as server:
        yield server


@pytest.fixture(name="town")
def _town(server: Server) -> Iterator[Town]:
    yield Town(server)
    server.forget()


def test_mail_goes_where_the_file_says(town: Town) -> None:
    """To another user and to a command, which runs as its owner, at home and without the sub-address."""
    town.forward("ann", "# away\nben, \\\n  '|' \n".replace("'|'", '"|id -u > out; env >> out; cat >> out"'))
    town.send("ann+tag@here.example")
    town.delivered(2)

    (message,) = messages(town.inboxes["ben"])
    told = town.out.read_text()
    assert message.startswith(b"Return-Path: <joe@example.net>\nDelivered-To: ann+tag@here.example\n")
    assert not messages(town.inboxes["ann"])
    assert told.startswith(f"{UID}\n")
    assert town.out.stat().st_uid == UID
    assert "\nUSER=ann\n" in told
    assert "\nRECIPIENT=ann+tag@here.example\n" in told
    assert "EXTENSION" not in told
    assert told.endswith("\nSubject: hello\n\nx\n")


def test_a_copy_is_kept_for_whoever_asks(town: Town) -> None:
    """And what is changed holds for the next recipient; without a file, mail stays here."""
    path = town.forward("ann", "ann, ben")
    town.send("ann@here.example")
    town.delivered(2)
    path.unlink()
    town.send("ann@here.example")
    town.delivered(3)

    assert [len(messages(town.inboxes[name])) for name in ("ann", "ben")] == [2, 1]


def test_an_envelope_with_a_command_survives_the_server(open_path: Path) -> None:
    """It is in the queue with the command that the file said when the message was accepted."""
    server = Server(open_path, CONFIGURATION)
    server.start("-P", "mda")
    town = Town(server)
    path = town.forward("ann", '"|cat > out"')
    town.send("ann@here.example")
    server.kill()
    path.unlink()
    server.start()
    try:
        town.delivered(1)
    finally:
        server.stop()

    assert town.out.read_text().endswith("Subject: hello\n\nx\n")


@pytest.mark.parametrize("trap", ["symlink", "fifo", "writable", "writable-home", "large", "syntax", "root", "file"])
def test_what_cannot_be_used_is_refused_for_now(town: Town, trap: str) -> None:
    """No command runs, nothing of another file is told, and the log says what to mend."""
    name, why = _set(town, trap)
    (town.home("ann") / "trapped").unlink(missing_ok=True)

    code, text = town.rcpt(f"{name}@here.example")

    assert (code, text.partition(":")[0]) == (451, "4.3.0 Temporary failure")
    (line,) = town.server.wait_for("smtp failed-command")
    assert f" why={why}" in line.replace("\\", "").replace('"', ""), line
    assert not (town.home("ann") / "trapped").exists()
    town.send("ben@here.example")
    town.delivered(1)


def _set(town: Town, trap: str) -> tuple[str, str]:
    """Prepare a file that is dangerous or broken; return whose it is, and what the log says of it."""
    path = town.home("ann") / ".forward"
    match trap:
        case "symlink":
            path.symlink_to("/etc/shadow")
            return "ann", "/home/ann/.forward is a symbolic link"
        case "fifo":
            os.mkfifo(path)
            return "ann", "/home/ann/.forward is no regular file"
        case "writable":
            town.forward("ann", "|touch trapped", 0o666)
            return "ann", "/home/ann/.forward can be written by others (mode 666)"
        case "writable-home":
            town.forward("ann", "|touch trapped")
            town.home("ann").chmod(0o777)
            return "ann", "/home/ann/.forward is in a folder that others can write (mode 777)"
        case "large":
            town.forward("ann", "ben\n" + "#" * 5000)
            return "ann", "/home/ann/.forward has 5004 octets, and 4095 is the limit"
        case "syntax":
            town.forward("ann", "ben\nno one\n")
            return "ann", "/home/ann/.forward is unusable: line 2: expected a user name"
        case "root":
            town.forward("root", f"|touch {town.home('ann')}/trapped")
            return "root", "a command of root, who has user number 0"
    town.forward("root", "/home/root/mbox")
    return "root", "a file of root, who has user number 0"


def test_who_only_forwards_needs_a_file(town: Town) -> None:
    """Until there is one, mail waits."""
    assert town.rcpt("ann@on.example")[0] == 424
    town.forward("ann", "ben@here.example")
    town.send("ann@on.example")
    town.delivered(1)

    assert len(messages(town.inboxes["ben"])) == 1


def test_a_stranger_is_not_told_what_stands_in_it(town: Town) -> None:
    """Only that it stands in a file, and whose."""
    town.forward("ann", "secret@here.example")
    code, text = town.rcpt("ann@here.example")

    assert code == 550
    assert text == "5.1.1 Invalid recipient: <ann@here.example> (member: the .forward of ann)"


@pytest.mark.skipif(os.getuid() != 0, reason="only root could read it")
def test_a_file_of_root_is_not_read_through_a_hard_link(town: Town) -> None:
    """A link to it is as easily made as a symbolic one."""
    secret = town.server.root / "shadow"
    secret.write_text("secret\n")
    (town.home("ann") / ".forward").hardlink_to(secret)

    assert town.rcpt("ann@here.example")[0] == 451
    (line,) = town.server.wait_for("smtp failed-command")
    assert "belongs to user number 0, not to ann" in line
