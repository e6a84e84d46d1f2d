"""A store that somebody or something has damaged: the server refuses it in one sentence, or delivers the rest of it.

Whatever was done to the files, nothing arrives that is not what was sent, and nothing disappears without a word.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.manager import Settings
from tests.durability.workload import SPOOL, Town, body_of
from tests.runtime.queue.sample import Post, local, run, submission

MESSAGES = 24
IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
NAMES = {f"m{number} for joe" for number in range(MESSAGES)}


@pytest.fixture(params=["in the database", "in its log"])
def spool(request: pytest.FixtureRequest, place: Path) -> Path:
    """Return a folder with a full spool, of a server that has ended in good order, or was killed."""

    async def fill(path: Path) -> None:
        post = Post(path, Settings(paused=frozenset(Route)))
        await post.queue.start()
        for number in range(MESSAGES):
            name = f"m{number}"
            if number % 6 == 5:
                identifier = post.queue.next_message_id()
                writer = post.queue.open_content(identifier)
                writer.write(body_of(name, 3000))
                await post.queue.enqueue(submission(identifier, local())._replace(content=writer))
            else:
                await post.submit(local(), body=body_of(name, number * 300))
        if request.param == "in its log":
            shutil.copytree(path, place / "whole" / SPOOL)
        await post.queue.stop(0)

    run(fill(place / "filled"))
    if request.param == "in the database":
        shutil.copytree(place / "filled", place / "whole" / SPOOL)
    return place / "whole" / SPOOL


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in the files of *folder*; a log with nothing in it is none, and the lock is nobody's."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: octets for name, octets in files.items() if name != "lock" and (octets or name != "queue.db-wal")}


class Start:
    """What became of a start on a damaged copy."""

    def __init__(self, spool: Path, damaged: Path, octets: bytes | None) -> None:
        """Put *octets* into the file *damaged* of a copy of *spool*, or remove it, and start."""
        folder = spool.parent.parent / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(spool.parent, folder)
        copy = folder / SPOOL / damaged.relative_to(spool)
        if octets is None:
            copy.unlink()
        else:
            copy.write_bytes(octets)
        before = contents(folder / SPOOL)
        self.town = Town(folder)
        self.refusal = ""
        self.told: list[str] = []
        self.left = 0
        try:
            run(self._deliver())
        except SpoolError as error:
            self.refusal = str(error)
            assert "\n" not in self.refusal
            assert self.refusal.startswith(f"the spool {folder / SPOOL} ")
            assert contents(folder / SPOOL) == before, "it was refused, and touched all the same"
        # Nothing that arrives was altered.
        self.found: Counter[str] = self.town.delivered()

    async def _deliver(self) -> None:
        async with self.town.post() as post:
            await post.advance(60)
            self.told = [*post.log.warnings, *post.log.infos]
            self.left = (await post.queue.summary()).messages

    @property
    def lost(self) -> set[str]:
        """What has disappeared without a word."""
        missing = NAMES - set(self.found)
        is_told = bool(self.refusal) or self.left >= len(missing)
        return set() if is_told else missing


def flips(path: Path, random: Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the octets of *path* with one bit changed, in every region of it."""
    octets = path.read_bytes()
    for part in range(count):
        start, end = part * len(octets) // count, (part + 1) * len(octets) // count
        at = random.randrange(start, max(start + 1, end))
        changed = bytearray(octets)
        changed[at] ^= 1 << random.randrange(8)
        yield f"octet {at} of {path.name}", bytes(changed)


def files_of(spool: Path) -> list[Path]:
    """Return the database, its log if there is one, and a file of a large message."""
    log = spool / "queue.db-wal"
    logs = [log] if log.exists() and log.stat().st_size else []
    return [spool / "queue.db", *logs, min((spool / "content").iterdir())]


def test_a_bit_that_has_flipped(spool: Path) -> None:
    """Anywhere: in headers, in the trees of the database, in its log, in messages and what is known of them."""
    random = Random(1)  # noqa: S311 - the same bits each time
    kept = 0
    for path in files_of(spool):
        for what, octets in flips(path, random, 2000 if IS_NIGHTLY else 50):
            start = Start(spool, path, octets)
            # The end of a log may be that of a power cut: only its last transaction can be taken for one.
            allowed = {f"m{MESSAGES - 1} for joe"} if path.name == "queue.db-wal" else set()
            assert start.lost <= allowed, f"{what}: {start.lost} {start.told}"
            kept += bool(start.found)
    assert kept > 25, "most flips cost one message, not the queue"


@pytest.mark.parametrize("spool", ["in its log"], indirect=True)
def test_a_log_that_is_damaged_is_given_up_by_hand(spool: Path) -> None:
    """As the sentence says: what comes before the damage is delivered then."""
    log = spool / "queue.db-wal"
    octets = bytearray(log.read_bytes())
    octets[len(octets) // 2] ^= 1
    refusal = Start(spool, log, bytes(octets)).refusal
    found = re.search(r"cannot be read from octet (\d+) on, .* `truncate -s (\d+) (\S+)`", refusal)
    assert found, refusal
    assert found[1] == found[2]
    assert found[3].endswith("/queue.db-wal")

    start = Start(spool, log, bytes(octets[: int(found[1])]))
    assert not start.refusal
    assert NAMES > set(start.found) > set()


@pytest.mark.parametrize("spool", ["in its log"], indirect=True)
def test_the_log_of_another_time(spool: Path) -> None:
    """A log that ends anywhere is taken for that of a power cut, and one of something else is not read at all."""
    log = spool / "queue.db-wal"
    whole = log.read_bytes()
    for size in range(0, len(whole), len(whole) // 20):
        start = Start(spool, log, whole[:size])
        # Transactions are whole, and none is there without those before it.
        assert set(start.found) == {f"m{number} for joe" for number in range(len(start.found))}
    for garbage in (b"", b"\0" * 5000, Random(3).randbytes(50_000)):  # noqa: S311 - the same octets each time
        assert not Start(spool, log, garbage).refusal
        start = Start(spool, log, whole + garbage)
        assert set(start.found) == NAMES


def test_files_that_end_too_early_or_are_gone(spool: Path) -> None:
    """The database is refused; a message in a file is set aside, and the others are delivered."""
    database, *_, content = files_of(spool)
    for size in (0, 50, 100, 3000, 4096, database.stat().st_size - 1, database.stat().st_size - 4096):
        start = Start(spool, database, database.read_bytes()[: max(0, size)])
        assert start.lost == set(), size
    for octets in (b"", content.read_bytes()[:-1], content.read_bytes() + b"x", None):
        start = Start(spool, content, octets)
        assert len(set(start.found)) == MESSAGES - 1
        assert start.left == 1
    assert "queue.db is gone" in Start(spool, database, None).refusal


def test_anything_may_stand_in_the_lock(spool: Path) -> None:
    """It is the lock that counts, not what is written there."""
    for octets in (b"", b"no number\n", bytes(range(256)), b"9" * 5000):
        assert set(Start(spool, spool / "lock", octets).found) == NAMES


def test_messages_in_the_places_of_others(spool: Path) -> None:
    """A file under the name of another one is not delivered to whoever that was for."""
    first, second, *_ = sorted((spool / "content").iterdir())
    start = Start(spool, first, second.read_bytes())

    assert len(set(start.found)) == MESSAGES - 1
    assert start.left == 1
