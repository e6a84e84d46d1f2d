"""What a server that is not root finds out by itself, and what it asks."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.supervisor.asking import AskedSources
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process of root's")

T = TypeVar("T")
UID = 54321


ANN = Account(name="ann", uid=UID, gid=UID, home="/home/ann")


@pytest.fixture
def home() -> Iterator[Path]:
    """Return the home directory of `ANN` on a test bed that everybody may enter."""
    bed = Path(tempfile.mkdtemp())
    bed.chmod(0o755)
    home = bed / "home/ann"
    home.mkdir(parents=True)
    os.chown(home, UID, UID)
    yield home
    shutil.rmtree(bed)


def bed_of(home: Path) -> str:
    """Return the root of the test bed."""
    return str(home.parent.parent)


def found(charter: Charter, ask: Callable[[AskedSources], Awaitable[T]], warnings: list[str] | None = None) -> T:
    """Ask by *charter*."""

    async def run() -> T:
        supervisor = ForkingSupervisor(start_forker(charter))
        try:
            return await ask(AskedSources(supervisor, charter, ([] if warnings is None else warnings).append))
        finally:
            await supervisor.close(0)

    return asyncio.run(run())


def charter_of(home: Path) -> Charter:
    """Return one with ann and a list."""
    bed = bed_of(home)
    return Charter(bed, frozenset([Identity("ann", UID, UID, str(home))]), files=(f"{bed}/etc/list",))


def test_a_forward_is_asked_for_if_there_may_be_one(home: Path) -> None:
    """Not if anybody can see that there is none, unless it is just being edited."""
    sources = AskedSources(_nobody(), charter_of(home), print)
    assert not sources.may_have_forward(ANN)
    home.chmod(0o1755)
    assert sources.may_have_forward(ANN)
    home.chmod(0o755)
    (home / ".forward").symlink_to("/nonexistent")
    assert sources.may_have_forward(ANN)
    assert not sources.may_have_forward(ANN.replace(home="/home/nobody"))


def _nobody() -> ForkingSupervisor:
    """Return a supervisor that is not asked."""
    return ForkingSupervisor.__new__(ForkingSupervisor)


def test_a_forward_is_read(home: Path) -> None:
    """By its owner, and with the path of the configuration."""
    (home / ".forward").write_text("ben\n")
    os.chown(home / ".forward", UID, UID)

    read = found(charter_of(home), lambda sources: sources.forward(ANN))
    assert read == ForwardFile(path="/home/ann/.forward", text="ben\n")


def test_whoever_is_not_in_the_charter_has_mail_that_waits(home: Path) -> None:
    """It says who has refused what."""
    read = found(charter_of(home), lambda sources: sources.forward(ANN.replace(uid=0)))

    assert isinstance(read, ForwardProblem)
    assert read.why.startswith("the .forward of ann cannot be read now: expected a user whom the configuration")


def test_a_list_is_read(home: Path) -> None:
    """One of the charter, and no other; its lines are those of `explain`."""
    (home.parent.parent / "etc").mkdir()
    (home.parent.parent / "etc/list").write_text("ann # me\n\n# nobody\nben\n")
    sources = AskedSources(_nobody(), charter_of(home), print)

    assert found(charter_of(home), lambda sources: sources.lines("/etc/list")) == ("ann", "ben")
    assert sources.may_have_lines("/etc/list")
    assert not sources.may_have_lines("/etc/shadow")
    assert not sources.may_have_lines("/etc/../etc/shadow")


def test_a_list_that_cannot_be_read_is_told(home: Path) -> None:
    """It adds nobody."""
    warnings: list[str] = []

    assert found(charter_of(home), lambda sources: sources.lines("/etc/list"), warnings) is None
    assert warnings == ["the list /etc/list cannot be read: no such file or directory"]


def test_passwords_are_checked_if_somebody_logs_in_that_way(home: Path) -> None:
    """Else there is no answer, which is no wrong password."""
    charter = charter_of(home)
    secret = Secret(b"x")

    assert not found(charter._replace(checks_passwords=True), lambda sources: sources.verify(_root(), secret))
    with pytest.raises(CheckError, match="the charter has no accounts of the system"):
        found(charter, lambda sources: sources.verify(_root(), secret))


def _root() -> str:
    return pwd.getpwuid(0).pw_name
