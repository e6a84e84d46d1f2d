"""Keys that only root can read, held by a server that is root no more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpdsl.runtime.supervisor import held_files
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker
from smtpdsl.runtime.supervisor.held_files import HeldFiles

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process of root's")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be waited for."""
    monkeypatch.setattr(held_files, "_LEAST_SECONDS", 0)
    monkeypatch.setattr(held_files, "_QUIET_SECONDS", 0)


async def until(is_so: Callable[[], bool]) -> None:
    """Let others work until something is so."""
    while not is_so():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0)


class Place:
    """A key, who holds it, and what was warned of."""

    def __init__(self, folder: Path) -> None:
        """Write and hold it."""
        self.key = folder / "etc/key"
        self.key.parent.mkdir()
        self.key.write_bytes(b"one")
        self.charter = Charter(str(folder), files=(str(self.key),))
        self.files = HeldFiles(self.charter, ["/etc/key"])
        self.warnings: list[str] = []

    async def until(self, octets: bytes) -> None:
        """Wait until the key is known to be *octets*."""
        await until(lambda: self.files.read(str(self.key)) == octets)

    async def watch(self, supervisor: ForkingSupervisor) -> None:
        """Look after it."""
        await self.files.watch(supervisor, self.warnings.append)


def test_a_key_is_as_it_was_until_it_is_asked_for(tmp_path: Path) -> None:
    """Its state changes together with its content; what is gone stays as it was."""
    place = Place(tmp_path)
    before = place.files.state(str(place.key))
    place.key.write_bytes(b"another")

    async def run() -> object:
        supervisor = ForkingSupervisor(start_forker(place.charter))
        watching = asyncio.ensure_future(place.watch(supervisor))
        try:
            assert place.files.read(str(place.key)) == b"one"
            assert place.files.state(str(place.key)) == before
            await place.until(b"another")
            after = place.files.state(str(place.key))
            place.key.unlink()
            place.key.with_name("new").write_bytes(b"a third one")
            place.key.with_name("new").rename(place.key)
            await place.until(b"a third one")
        finally:
            watching.cancel()
            await supervisor.close(0)
        return after

    assert asyncio.run(run()) != before
    assert place.warnings == []


def test_when_nobody_can_be_asked_that_is_told_once(tmp_path: Path) -> None:
    """And the keys stay what they were."""
    place = Place(tmp_path)

    async def run() -> None:
        supervisor = ForkingSupervisor(start_forker(place.charter))
        await supervisor.close(0)
        watching = asyncio.ensure_future(place.watch(supervisor))
        await until(lambda: bool(place.warnings))
        for _ in range(10):
            await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(run())
    assert place.warnings == ["cannot ask whether certificates have changed: the server stops"]
    assert place.files.read(str(place.key)) == b"one"


def test_other_files_are_read_from_the_disk(tmp_path: Path) -> None:
    """Such as the authorities of the system; what could not be held is told as it is."""
    place = Place(tmp_path)
    other = tmp_path / "other"
    other.write_bytes(b"x")

    assert place.files.read(str(other)) == b"x"
    assert place.files.state(str(tmp_path / "missing")) is None
    with pytest.raises(FileNotFoundError):
        place.files.read(str(tmp_path / "missing"))
