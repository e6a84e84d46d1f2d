"""A spool is opened, or a sentence says why not, and nothing is touched."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.opening import Spool, open_spool
from smtpdsl.runtime.queue.schema import SCHEMA
from tests.runtime.queue.faulty import FaultyFiles
from tests.runtime.queue.sample import OLDER, run

NOBODY = 65534


def close(spool: Spool) -> None:
    """Close a spool that was not used."""
    spool.store.abort()
    run(spool.content.close())
    spool.lock.release()


def snapshot(path: Path) -> dict[str, bytes]:
    """Return all files below *path*, but for the lock."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != "lock")
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def refusal(path: Path) -> str:
    """Return why *path* cannot be opened, which must not change it."""
    before = snapshot(path)
    with pytest.raises(SpoolError) as caught:
        open_spool(path)
    assert snapshot(path) == before
    return str(caught.value).replace(str(path), "SPOOL")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Make a spool that nobody uses."""
    path = tmp_path / "spool"
    close(open_spool(path))
    return path


def change(path: Path, statement: str) -> None:
    """Change the database of the spool at *path*."""
    connection = apsw.Connection(str(path / "queue.db"))
    connection.execute(statement).fetchall()
    connection.close()


def test_a_spool_is_made(tmp_path: Path) -> None:
    """For its owner alone, with the folders above it."""
    path = tmp_path / "var" / "spool"
    close(open_spool(path))

    assert {file.name for file in path.iterdir()} == {"lock", "queue.db", "incoming", "content"}
    assert path.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.iterdir())


def test_the_log_of_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Like the database."""
    spool = open_spool(tmp_path / "spool")

    assert (tmp_path / "spool" / "queue.db-wal").stat().st_mode & 0o777 == 0o600
    close(spool)


def test_a_locked_spool(tmp_path: Path) -> None:
    """The process that has it is named; when it has ended, however that was, the spool is free."""
    path = tmp_path / "spool"
    program = (
        "import sys, time; from pathlib import Path; from smtpdsl.runtime.queue.opening import open_spool; "
        "spool = open_spool(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=root) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert refusal(path) == f"the spool SPOOL is in use by process {other.pid}"
        other.kill()

    close(open_spool(path))


def test_a_lock_without_a_number(tmp_path: Path) -> None:
    """Whoever holds the lock without having said who it is yet is another process."""
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    assert refusal(tmp_path) == "the spool SPOOL is in use by another process"
    os.close(descriptor)


def test_a_database_that_another_program_has_open(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks into it with an SQLite shell keeps the server out."""
    monkeypatch.setattr("smtpdsl.runtime.queue.sqlite._PATIENCE", 1)
    connection = apsw.Connection(str(spool / "queue.db"))
    connection.execute("BEGIN; SELECT * FROM message").fetchall()
    with pytest.raises(SpoolError, match=r"is in use: another program has opened queue\.db$"):
        open_spool(spool)
    connection.close()

    close(open_spool(spool))


def test_nobody_looks_into_a_spool_in_use(spool: Path) -> None:
    """An SQLite shell is kept out, and could not keep the server from writing."""
    opened = open_spool(spool)
    connection = apsw.Connection(str(spool / "queue.db"))
    with pytest.raises(apsw.BusyError):
        connection.execute("SELECT * FROM message")
    connection.close()
    close(opened)


def test_a_newer_schema(spool: Path) -> None:
    """Another version may know what to do with it."""
    change(spool, f"PRAGMA user_version = {SCHEMA + 1}")

    assert refusal(spool) == (
        f"the spool SPOOL has schema {SCHEMA + 1}, and this version of smtpdsl knows up to {SCHEMA}: "
        "run the version that wrote it"
    )


def test_an_older_schema(spool: Path) -> None:
    """It gets the columns that it has not; the version that wrote it would not understand what comes from now on."""
    change(spool, OLDER)
    close(open_spool(spool))

    connection = apsw.Connection(str(spool / "queue.db"))
    assert connection.execute("PRAGMA user_version").fetchall() == [(SCHEMA,)]
    connection.close()


def test_a_newer_schema_that_is_only_in_the_log(spool: Path) -> None:
    """The log is left where it is, too."""
    keeper = apsw.Connection(str(spool / "queue.db"))
    keeper.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    keeper.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    keeper.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    keeper.close()

    assert (spool / "queue.db-wal").stat().st_size > 0
    assert f"has schema {SCHEMA + 1}" in refusal(spool)


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "is damaged: queue.db is empty"),
        (b"From joe@example.org\n" * 20, "is none of smtpdsl: queue.db is the file of another program"),
        (b"SQLite format 3\0" + bytes(84), "is none of smtpdsl: queue.db is the file of another program"),
    ],
)
def test_a_foreign_file(tmp_path: Path, octets: bytes, problem: str) -> None:
    """A file that smtpdsl did not write is left alone."""
    (tmp_path / "queue.db").write_bytes(octets)

    assert refusal(tmp_path) == f"the spool SPOOL {problem}"


def test_a_database_of_another_program(tmp_path: Path) -> None:
    """Also if SQLite can read it."""
    change(tmp_path, "CREATE TABLE message (id)")

    assert refusal(tmp_path) == "the spool SPOOL is none of smtpdsl: queue.db is the file of another program"


@pytest.mark.parametrize(("size", "problem"), [(80, "queue.db ends after 80 octets"), (5000, "queue.db: ")])
def test_a_truncated_database(spool: Path, size: int, problem: str) -> None:
    """What is left of it is kept."""
    with (spool / "queue.db").open("r+b") as file:
        file.truncate(size)
    before = (spool / "queue.db").read_bytes()

    with pytest.raises(SpoolError, match=f"is damaged: {problem}"):
        open_spool(spool)
    assert (spool / "queue.db").read_bytes() == before


def test_a_lost_database(spool: Path) -> None:
    """Messages in files, or a log, without their database are not taken for rubbish."""
    (spool / "queue.db").unlink()
    (spool / "content" / f"{7:016x}").write_bytes(b"mail")

    assert refusal(spool) == "the spool SPOOL is damaged: queue.db is gone, and there are messages in content"

    (spool / "content" / f"{7:016x}").unlink()
    (spool / "queue.db-wal").write_bytes(b"a log")

    assert refusal(spool) == "the spool SPOOL is damaged: queue.db is gone, and queue.db-wal is there"


def test_a_start_that_was_interrupted(tmp_path: Path) -> None:
    """Half a database is not there under its name yet, and is made anew."""
    (tmp_path / "queue.db.new").write_bytes(b"SQLite form")
    (tmp_path / "queue.db.new-wal").write_bytes(b"some")
    close(open_spool(tmp_path))

    assert not (tmp_path / "queue.db.new").exists()


def test_what_an_earlier_server_left_is_removed(spool: Path) -> None:
    """Unfinished messages, and files without a row; files with other names are not ours."""
    (spool / "incoming" / f"{5:016x}").write_bytes(b"half")
    (spool / "content" / f"{6:016x}").write_bytes(b"orphan")
    (spool / "content" / "notes.txt").write_bytes(b"of somebody")
    opened = open_spool(spool)

    assert opened.cleaning == (1, 1)
    assert [file.name for file in spool.glob("*t*/*")] == ["notes.txt"]
    close(opened)


def test_a_file_in_the_place_of_the_spool(tmp_path: Path) -> None:
    """It is no folder."""
    path = tmp_path / "spool"
    path.write_bytes(b"")

    with pytest.raises(SpoolError, match=r"^the spool .*/spool cannot be used: it is no folder$"):
        open_spool(path)
    with pytest.raises(SpoolError, match=r"^the spool .*/spool/below cannot be used: not a directory$"):
        open_spool(path / "below")


@contextlib.contextmanager
def as_nobody() -> Iterator[Path]:
    """Run without the rights of root, in a folder of one's own."""
    with tempfile.TemporaryDirectory() as name:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(name, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if is_root:
                os.seteuid(0)


def test_no_permission() -> None:
    """What may not be made, opened or written is named."""
    with as_nobody() as folder:
        path = folder / "spool"
        close(open_spool(path))
        (path / "queue.db").chmod(0o400)
        assert refusal(path) == "the spool SPOOL cannot be used: permission denied, queue.db"
        (path / "lock").chmod(0)
        assert refusal(path) == "the spool SPOOL cannot be used: permission denied, lock"
        folder.chmod(0o500)
        assert refusal(folder / "other") == "the spool SPOOL cannot be used: permission denied"
        folder.chmod(0o700)


def test_folders_that_cannot_be_written(spool: Path) -> None:
    """The spool of large messages is a part of the spool."""
    (spool / "incoming" / "rest").write_bytes(b"")
    files = FaultyFiles()
    files.code = errno.EROFS
    for call in (1, 2):
        files.log.clear()
        files.fails = range(call, call + 1)
        with pytest.raises(SpoolError, match=r"^the spool .* cannot be used: a fault$"):
            open_spool(spool, files=files)

    close(open_spool(spool))


def test_a_lock_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk not even the number of the process has room."""

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("smtpdsl.runtime.queue.folder.os.pwrite", no_room)

    assert refusal(tmp_path) == "the spool SPOOL cannot be used: no space left on device"
