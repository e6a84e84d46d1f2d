"""Mail for places that give trouble: programs, homes and lists that others get wrong; everybody else gets theirs."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.homes import COMPLETE, UID, make_home, messages
from tests.servers import Server

USERS = """table users {
    ann = "UID:UID:/home/ann", ben = "UID:UID:/home/ben", gone = "UID:UID:/home/gone", shut = "UID:UID:/home/shut"
}
""".replace("UID", str(UID))
CONFIGURATION = """
listen on 127.0.0.1 port PORT
table aliases file:/etc/aliases
action "dir" maildir userbase <users> alias <aliases>
match from any for domain "here.example" action "dir"
"""
MEMBERS = 100_000
_PATIENCE_SECONDS = 60
# A number that nothing else on this machine sleeps for.
NAP = "98765"
ALIASES = f"""
hangs: "|cat >/dev/null; sleep {NAP}"
forks: "|cat >/dev/null; (trap '' HUP TERM; sleep {NAP}) & sleep {NAP} & exit 0"
shuts: "|exec <&-; sleep 0.2; exit 0"
prints: "|cat >/dev/null; head -c 1000000000 /dev/zero; exit 75"
one: two
two: three, ann
three: one
crowd: :include:/etc/crowd
loop: loop
"""


class Town:
    """A server that has bad neighbours."""

    def __init__(self, folder: Path, members: int = 0) -> None:
        """Prepare everything, with a list of so many *members*, and start nothing."""
        self.server = Server(folder, USERS + CONFIGURATION)
        etc = self.server.root / "etc"
        etc.mkdir()
        (etc / "aliases").write_text(ALIASES)
        (etc / "crowd").write_text("".join(f"user{number}\n" for number in range(members)))
        self.inbox = make_home(self.server.root, "ann")
        for name in ("ben", "shut"):
            make_home(self.server.root, name)

    def send(self, *names: str) -> None:
        """Send a message from nobody, who hears of nothing."""
        with self.server.client() as client:
            for name in names:
                client.sendmail("", [f"{name}@here.example"], COMPLETE + b"\r\nx\r\n" * 50_000)

    def outcome(self, name: str) -> str:
        """Return the line of the log that says what became of mail for *name*, when there is one."""
        return self.server.wait_for(f"rcpt=<{name}@here.example>")[0]


@pytest.fixture(name="town")
def _town(open_path: Path) -> Iterator[Town]:
    town = Town(open_path)
    yield town
    town.server.stop()


def naps() -> list[str]:
    """Return the processes that sleep for the time that only these tests know."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", NAP.encode()]:
            found.append(process.parent.name)
    return found


def test_programs_that_misbehave(town: Town) -> None:
    """They hang, fork, close their input early or print for ever: nobody waits for them but their own mail."""
    town.server.start()
    town.send("hangs", "forks", "shuts", "prints", "ann")

    assert "result=Ok" in town.outcome("ann")
    assert len(messages(town.inbox)) == 1
    assert "result=Ok" in town.outcome("forks")
    assert "result=TempFail" in town.outcome("shuts")
    assert "exited prematurely" in town.outcome("shuts")
    assert "temporary failure" in town.outcome("prints")
    # What hangs ends with the server, and what others leave behind has ended before.
    left = [os.pidfd_open(int(process)) for process in naps()]
    # An ordinary user has no process of root that would notice.
    (town.server.stop if os.geteuid() else town.server.kill)()
    for process in left:
        assert select.select([process], [], [], _PATIENCE_SECONDS)[0]
        os.close(process)
    assert naps() == []


def test_lists_that_lead_nowhere(open_path: Path) -> None:
    """Circles and crowds are refused where they are named, and nobody else has to wait."""
    town = Town(open_path, MEMBERS)
    town.server.start()
    with town.server.client() as greedy, town.server.client() as client:
        for each in (greedy, client):
            each.ehlo_or_helo_if_needed()
            each.mail("")
        for _ in range(3):
            greedy.send(b"RCPT TO:<crowd@here.example>\r\n")
        answers = {name: client.rcpt(f"{name}@here.example") for name in ("one", "loop", "nobody", "ann")}
        assert [greedy.getreply()[0] for _ in range(3)] == [424] * 3
    town.server.stop()

    codes = {name: (code, text.split()[0]) for name, (code, text) in answers.items()}
    assert codes == {
        "one": (250, b"2.1.5"),
        "loop": (550, b"5.1.1"),
        "nobody": (550, b"5.1.1"),
        "ann": (250, b"2.1.5"),
    }


def test_homes_that_others_have_changed(town: Town) -> None:
    """Mail waits for a home that is missing or shut, and fails for a user who is no more."""
    (town.server.root / "home/shut/Maildir").write_text("a file in the place of the maildir")
    town.server.start("-P", "mda")
    town.send("ben", "gone", "shut", "ann")
    town.server.stop()
    town.server.file.write_text(town.server.file.read_text().replace("ben = ", "other = "))
    town.server.start()

    assert "result=PermFail" in town.outcome("ben")
    assert r"no user \"ben\" any more" in town.outcome("ben")
    for name in ("gone", "shut"):
        assert "result=TempFail" in town.outcome(name)
    assert not (town.server.root / "home/gone").exists()
    assert "result=Ok" in town.outcome("ann")
    assert len(messages(town.inbox)) == 1
