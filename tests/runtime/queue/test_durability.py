"""What was acknowledged is there: when calls fail, when the power goes, when the process is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.interfaces import InlineContent, Route, StorageError, StorageFullError
from smtpdsl.runtime.queue import sqlite
from smtpdsl.runtime.queue.conclusions import COLLECT_SECONDS
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.ids import envelope_number
from smtpdsl.runtime.queue.opening import open_spool
from smtpdsl.runtime.queue.sqlite_store import FILE_NAME, SqliteStore
from smtpdsl.runtime.queue.store import Changes
from tests.runtime.queue.faulty import FaultyVfs, LosingVfs
from tests.runtime.queue.sample import NEVER, OK, FakeReporter, Post, everything, local, run, stored, submission

ROOT = Path(__file__).parents[3]


def body(number: int) -> bytes:
    """Return content that belongs to *number*; some of it is longer than a page."""
    return b"message %d\n" % number * (1 + number % 7 * 90)


class Run:
    """A store on a disk that fails, and what it has promised."""

    def __init__(self, folder: Path) -> None:
        """Open it."""
        self.store = SqliteStore(folder, vfs="faulty")
        self.store.start()
        self.first = self.store.first_block.start
        # What has to be there, and what may be there because its removal was not acknowledged.
        self.promised: dict[int, bytes] = {}
        self.undecided: set[int] = set()
        self.errors: list[StorageError] = []

    async def add(self, position: int) -> bool:
        """Add a message, and return whether that was acknowledged."""
        number = self.first + position
        try:
            await self.store.add(submission(number), body(number), len(body(number)))
        except StorageError as error:
            self.errors.append(error)
            return False
        self.promised[number] = body(number)
        return True

    async def remove(self, position: int) -> None:
        """Remove a message."""
        number = self.first + position
        del self.promised[number]
        try:
            await self.store.record(Changes([envelope_number(number, 1)]))
        except StorageError as error:
            self.errors.append(error)
            self.undecided.add(number)

    async def check(self, folder: Path) -> None:
        """Look, when the disk works again, whether the promises were kept, and nothing else is there."""
        store = SqliteStore(folder, vfs="faulty")
        store.start()
        found = {number: message.octets for number, message in (await stored(store)).messages.items()}
        await store.close()
        assert {number: found.get(number) for number in self.promised} == self.promised
        assert set(found) <= set(self.promised) | self.undecided


async def story(folder: Path, vfs: FaultyVfs, fails: range) -> tuple[int, list[StorageError]]:
    """Let calls *fails* fail while messages come and go; returns how many calls there were, and what was refused."""
    vfs.arm(range(0))
    tested = Run(folder)
    for position in range(3):
        assert await tested.add(position)
    vfs.arm(fails)
    for position in range(3, 7):
        await tested.add(position)
    await tested.remove(1)
    await asyncio.gather(*(tested.add(position) for position in range(7, 10)))
    calls = vfs.calls
    vfs.arm(range(0))
    # Service goes on at once.
    assert await tested.add(10)
    await tested.remove(2)
    assert tested.undecided <= {tested.first + 1}
    await tested.store.close()
    await tested.check(folder)
    return calls, tested.errors


@pytest.mark.parametrize("checkpoint_pages", [6, 10_000])
@pytest.mark.parametrize(("error", "is_torn"), [(apsw.FullError, False), (apsw.IOError, True)])
def test_every_call_may_fail(
    tmp_path: Path,
    vfs: FaultyVfs,
    monkeypatch: pytest.MonkeyPatch,
    error: type[apsw.Error],
    checkpoint_pages: int,
    *,
    is_torn: bool,
) -> None:
    """At whatever write, sync or truncation: nothing acknowledged is lost, nothing refused is kept, service goes on."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", checkpoint_pages)
    vfs.error, vfs.is_torn = error, is_torn
    SqliteStore(tmp_path, vfs="faulty").abort()
    empty = (tmp_path / FILE_NAME).read_bytes()

    def told(fails: range) -> tuple[int, list[StorageError]]:
        (tmp_path / FILE_NAME).write_bytes(empty)
        return run(story(tmp_path, vfs, fails))

    calls, refused = told(range(0))
    assert refused == []
    kinds = set()
    for call in range(1, calls + 1):
        for width in (1, 4):
            kinds |= {type(each) for each in told(range(call, call + width))[1]}

    assert kinds == {StorageFullError if error is apsw.FullError else StorageError}


def test_an_outage_at_start_is_told_of(tmp_path: Path, vfs: FaultyVfs) -> None:
    """Whatever call fails while a spool is made or opened: a sentence, and the next start works."""
    folder = tmp_path / "spool"
    vfs.error = apsw.FullError
    vfs.arm(range(0))
    spool = open_spool(folder, vfs="faulty")
    calls = vfs.calls
    spool.store.abort()
    spool.lock.release()
    assert calls > 10

    for call in range(1, calls + 1):
        other = tmp_path / str(call)
        vfs.arm(range(call, call + 1000))
        with pytest.raises(SpoolError, match=r"^the spool .* cannot be used: no space"):
            open_spool(other, vfs="faulty")
        vfs.arm(range(0))
        spool = open_spool(other, vfs="faulty")
        spool.store.abort()
        spool.lock.release()


def test_only_what_is_synced_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each acknowledgement, the octets that were synced hold every acknowledged message."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 12)
    folder = tmp_path / "spool"
    folder.mkdir()
    SqliteStore(folder).abort()
    vfs = LosingVfs("losing")
    vfs.durable[FILE_NAME] = (folder / FILE_NAME).read_bytes()

    async def found(lost: Path) -> dict[int, bytes | None]:
        store = SqliteStore(lost)
        store.start()
        batch = await store.load(everything())
        await store.close()
        return {number: message.octets for number, message in batch.messages.items()}

    async def scenario() -> None:
        store = SqliteStore(folder, vfs="losing")
        store.start()
        promised = {}
        for number in range(1, 21):
            await store.add(submission(number), body(number), len(body(number)))
            promised[number] = body(number)
            if number % 5 == 0:
                await store.record(Changes([envelope_number(number - 2, 1)]))
                del promised[number - 2]
            lost = tmp_path / f"lost-{number}"
            lost.mkdir()
            # The thread may be copying the log into the database at this moment.
            vfs.lose_power(lost)
            assert await found(lost) == promised
        await store.close()

    run(scenario())
    vfs.unregister()


KILLED = """
import asyncio, sys, time
from pathlib import Path
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.manager import Settings
from tests.runtime.queue.sample import Post, local, run

async def client(post, position):
    while True:
        number = await post.submit_large(150_000) if position % 5 == 0 else await post.submit(body=b"hello\\n" * 700)
        print(number, flush=True)

async def main():
    async with Post(Path(sys.argv[1]), Settings(paused=frozenset(Route))) as post:
        await asyncio.gather(*(client(post, position) for position in range(10)))

run(main())
"""


def kill_after(folder: Path, lines: int, program: str = KILLED) -> list[int]:
    """Start a server of messages, kill it after *lines* acknowledgements, and return all that it has printed."""
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as it:
        assert it.stdout is not None
        printed = [it.stdout.readline() for _ in range(lines)]
        it.send_signal(signal.SIGKILL)
        printed += it.stdout.readlines()
    return [int(line) for line in printed if line.endswith(b"\n")]


def test_a_killed_server_has_kept_its_promises(tmp_path: Path) -> None:
    """Five times: every message that was acknowledged is there, unaltered, and no number was used twice."""
    folder = tmp_path / "spool"
    promised: list[int] = []
    for lines in (1, 20, 57, 90, 133):
        promised += kill_after(folder, lines)

    async def check() -> None:
        spool = open_spool(folder)
        spool.store.start()
        messages = (await stored(spool.store)).messages
        assert set(promised) <= set(messages)
        for message in messages.values():
            if message.octets is None:
                path = folder / "content" / f"{message.message_id:016x}"
                assert path.read_bytes() == b"x" * message.size
            else:
                assert message.octets == b"hello\n" * 700
        assert not list((folder / "incoming").iterdir())
        files = {path.name for path in (folder / "content").iterdir()}
        assert files == {f"{each.message_id:016x}" for each in messages.values() if each.octets is None}
        await spool.store.close()
        await spool.content.close()
        spool.lock.release()

    run(check())

    assert len(promised) == len(set(promised))


def test_the_whole_queue_survives_failing_calls(tmp_path: Path, vfs: FaultyVfs) -> None:
    """Whatever fails while messages are taken and delivered: each acknowledged one is delivered once, none is lost."""

    async def story(folder: Path, fails: range) -> int:
        vfs.arm(range(0))
        async with Post(folder, vfs="faulty") as post:
            vfs.arm(fails)
            accepted = []
            for user in ("a", "b", "c", "d"):
                try:
                    accepted.append(await post.submit(local(user)))
                except StorageError:
                    continue
                await post.settle()
            calls = vfs.calls
            vfs.arm(range(0))
            await post.advance(60)
            assert sorted(attempt.message.message_id for attempt in post.local.attempts) == accepted
        async with Post(folder) as post:
            assert post.local.attempts == []
            assert (await post.queue.summary()).messages == 0
        return calls

    calls = run(story(tmp_path / "0", range(0)))
    for call in range(1, calls + 1):
        run(story(tmp_path / f"{call}", range(call, call + 2)))


REPORTING = """
import asyncio, sys
from pathlib import Path
from smtpdsl.runtime.interfaces import InlineContent
from smtpdsl.runtime.queue import conclusions
from tests.runtime.queue.sample import LATER, NEVER, FakeReporter, Post, local, run

class Reporter(FakeReporter):
    async def report(self, message, notices, message_id, moment):
        report = await super().report(message, notices, message_id, moment)
        return report._replace(content=InlineContent(b"%d" % message.message_id))

async def client(post):
    while True:
        print(await post.submit(local("joe")), flush=True)

# The clock of the loop stands still here, and nothing would be collected long enough.
conclusions.COLLECT_SECONDS = 0

async def main():
    post = Post(Path(sys.argv[1]), reporter=Reporter())
    post.local.answer = lambda attempt: [NEVER if attempt.envelopes[0].user == "joe" else LATER]
    async with post:
        await asyncio.gather(*(client(post) for _ in range(10)))

run(main())
"""


def test_a_kill_between_a_report_and_its_cause_loses_neither(tmp_path: Path) -> None:
    """Each acknowledged message is there, or the report that it failed: never both, and never none of the two."""
    folder = tmp_path / "spool"
    promised: list[int] = []
    for lines in (1, 20, 57, 90, 133):
        promised += kill_after(folder, lines, REPORTING)

    async def check() -> None:
        spool = open_spool(folder)
        spool.store.start()
        messages = (await stored(spool.store)).messages.values()
        told = [int(message.octets or b"") for message in messages if message.reverse_path.is_null]
        waiting = [message.message_id for message in messages if not message.reverse_path.is_null]
        assert len(told) == len(set(told))
        assert set(promised) <= set(told) | set(waiting)
        assert not set(told) & set(waiting)
        assert told
        await spool.store.close()
        await spool.content.close()
        spool.lock.release()

    run(check())


def test_failing_calls_lose_no_report(tmp_path: Path, vfs: FaultyVfs) -> None:
    """Whatever fails while mail fails: each acknowledged message is reported, and its report is delivered once."""

    async def story(folder: Path, fails: range) -> int:
        vfs.arm(range(0))
        post = Post(folder, reporter=FakeReporter(), vfs="faulty")
        post.local.answer = lambda attempt: [OK if attempt.envelopes[0].user == "ann" else NEVER]
        async with post:
            vfs.arm(fails)
            accepted = []
            for user in ("joe", "kim", "lee"):
                try:
                    await post.submit(local(user))
                except StorageError:
                    continue
                accepted.append(f"failed {user}@example.org\n".encode())
                await post.settle()
                await post.advance(COLLECT_SECONDS)
            calls = vfs.calls
            vfs.arm(range(0))
            await post.advance(60)
            found = [attempt.message for attempt in post.local.attempts if attempt.message.reverse_path.is_null]
            told = [message.content.octets for message in found if isinstance(message.content, InlineContent)]
            assert sorted(told) == accepted
        async with Post(folder) as post:
            assert (await post.queue.summary()).messages == 0
        return calls

    calls = run(story(tmp_path / "0", range(0)))
    for call in range(1, calls + 1):
        run(story(tmp_path / f"{call}", range(call, call + 2)))


def test_route_is_a_word_of_the_database() -> None:
    """What earlier versions wrote must stay readable."""
    assert [route.value for route in Route] == ["mda", "mta"]
