"""An ordinary user delivers as itself, in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from smtpdsl.runtime.interfaces import LocalWork, MaildirWork, Outcome, Result, SpooledContent
from smtpdsl.runtime.supervisor.own import OwnSupervisor
from tests.runtime.deliveries import (
    CONTENT,
    NAME,
    PREFIX,
    first_line,
    identity_of,
    line_to,
    mail_in,
    wait_for,
    work_of,
)

T = TypeVar("T")


@pytest.fixture(autouse=True)
def ordinary_user(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let this process not be root, as far as it can see."""
    if "as_root" not in request.fixturenames:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be root, as far as it can see."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def supervised(function: Callable[[OwnSupervisor], Awaitable[T]]) -> T:
    """Call *function* with a supervisor that is closed afterwards."""

    async def run() -> T:
        supervisor = OwnSupervisor()
        try:
            return await function(supervisor)
        finally:
            await supervisor.close(0)

    return asyncio.run(run())


def performed(*works: LocalWork) -> list[Outcome]:
    """Do *works*, all at once."""
    return supervised(lambda supervisor: asyncio.gather(*map(supervisor.perform, works)))


def test_it_delivers_whatever_the_identity_says(tmp_path: Path) -> None:
    """Maildir and command get the message, and files belong to who runs the server."""
    stranger = identity_of(tmp_path, uid=54321)
    maildir = work_of(MaildirWork(str(tmp_path / "Maildir"), NAME), stranger)
    command = work_of("cat > got", stranger)

    assert [outcome.text for outcome in performed(maildir, command)] == ["Delivered", "Delivered"]
    assert mail_in(tmp_path / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}
    assert (tmp_path / "got").read_bytes() == PREFIX + CONTENT
    assert (tmp_path / "got").stat().st_uid == os.getuid()


def test_content_in_a_file_is_delivered(tmp_path: Path) -> None:
    """Whoever works opens it."""
    (tmp_path / "spooled").write_bytes(CONTENT)
    content = SpooledContent(str(tmp_path / "spooled"), len(CONTENT))

    performed(work_of("cat > got", identity_of(tmp_path), content))

    assert (tmp_path / "got").read_bytes() == PREFIX + CONTENT


def test_content_that_is_gone_is_temporary(tmp_path: Path) -> None:
    """An accident in the spool does not refuse the message."""
    content = SpooledContent(str(tmp_path / "missing"), 1)

    (outcome,) = performed(work_of("cat > got", identity_of(tmp_path), content))

    assert outcome.result is Result.TEMPORARY
    assert "cannot open the file of the message" in outcome.text


@pytest.mark.usefixtures("as_root")
def test_root_delivers_nothing(tmp_path: Path) -> None:
    """It needs the other supervisor."""
    (outcome,) = performed(work_of(MaildirWork(str(tmp_path / "Maildir"), NAME), identity_of(tmp_path)))

    assert outcome.result is Result.PERMANENT
    assert list(tmp_path.iterdir()) == []


def test_many_deliveries_at_a_time(tmp_path: Path) -> None:
    """More than there are threads: each of them is done once."""
    works = [
        work_of(MaildirWork(str(tmp_path / "Maildir"), f"message-{number}"), identity_of(tmp_path))
        for number in range(200)
    ]

    assert {outcome.text for outcome in performed(*works)} == {"Delivered"}
    assert len(mail_in(tmp_path / "Maildir")) == 200


def test_the_event_loop_goes_on(tmp_path: Path) -> None:
    """Commands that wait for something hold up neither the server nor a maildir."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    async def run(supervisor: OwnSupervisor) -> list[Outcome]:
        identity = identity_of(tmp_path)
        waiting = work_of("cat > /dev/null; read -r line < gate; exit 3", identity)
        tasks = [asyncio.ensure_future(supervisor.perform(waiting)) for _ in range(30)]
        first = await supervisor.perform(work_of(MaildirWork(str(tmp_path / "Maildir"), NAME), identity))
        with gate.open("r+b", buffering=0) as opened:
            opened.write(b"\n" * len(tasks))
            return [first, *await asyncio.gather(*tasks)]

    outcomes = supervised(run)
    assert [outcome.text for outcome in outcomes] == ["Delivered", *["Error (exited with status 3)"] * 30]


SLEEPS = "exec 9> line; echo started >&9; sleep 100"


def test_a_cancelled_command_is_killed(tmp_path: Path) -> None:
    """Nobody would learn what became of it."""

    async def run(supervisor: OwnSupervisor) -> bool:
        task = asyncio.ensure_future(supervisor.perform(work_of(SLEEPS, identity_of(tmp_path))))
        await asyncio.to_thread(first_line, tmp_path / "line")
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    with line_to(tmp_path / "line") as line:
        assert supervised(run)
        assert wait_for(line) == b""


def test_the_end_of_the_server_is_the_end_of_commands(tmp_path: Path) -> None:
    """What does not end within the grace is killed, and its message waits for the next server."""

    async def run(supervisor: OwnSupervisor) -> Outcome:
        task = asyncio.ensure_future(supervisor.perform(work_of(SLEEPS, identity_of(tmp_path))))
        await asyncio.to_thread(first_line, tmp_path / "line")
        await supervisor.close(0)
        return await task

    with line_to(tmp_path / "line") as line:
        outcome = supervised(run)
        assert wait_for(line) == b""
    assert (outcome.result, outcome.text) == (Result.TEMPORARY, "Error (killed because the server stops)")


def test_nothing_stays_open(tmp_path: Path) -> None:
    """A thousand deliveries use as many descriptors as one."""

    async def run(supervisor: OwnSupervisor) -> tuple[list[str], list[str]]:
        work = work_of("cat > /dev/null; echo", identity_of(tmp_path))
        before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names are enough
        await asyncio.gather(*(supervisor.perform(work) for _ in range(10)))
        return before, os.listdir("/proc/self/fd")  # noqa: PTH208

    before, after = supervised(run)
    assert before == after
