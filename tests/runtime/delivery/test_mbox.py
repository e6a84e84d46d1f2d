"""A message in an mbox file: whole, locked, on disk, or not there at all."""

from __future__ import annotations

import errno
import fcntl
import mailbox
import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery import mbox_lock
from smtpdsl.runtime.delivery.content import OpenContent, open_content
from smtpdsl.runtime.delivery.mbox import append_to_mailbox
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.interfaces import Content, InlineContent, MailboxWork, Outcome, Result, SpooledContent
from tests.namespaces import private
from tests.runtime.deliveries import PREFIX

ROOT = Path(__file__).parent.parent.parent.parent
SEPARATOR = "From ann@example.net Tue Nov 14 22:13:20 2023"
CONTENT = b"Subject: hello\n\nFrom now on\n\xff and no line end"
WRITTEN = SEPARATOR.encode() + b"\n" + PREFIX + CONTENT.replace(b"\nFrom", b"\n>From") + b"\n\n"
OTHER = b"From eve@example.net Tue Nov 14 22:13:20 2023\nSubject: y\n\ny\n\n"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Return the path of a mailbox that is not there yet."""
    return tmp_path / "joe"


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Return a wish to stop that nobody has yet."""
    stop = Stop()
    yield stop
    stop.close()


Deliver = Callable[..., Outcome]


@pytest.fixture
def deliver(box: Path, stop: Stop) -> Deliver:
    """Return what delivers to the mailbox of a user, and waits for nobody."""

    def deliver(
        content: Content | bytes = CONTENT,
        path: Path | None = None,
        *,
        is_system: bool = True,
        may_exist: bool = False,
        patience: float = 0,
    ) -> Outcome:
        held = InlineContent(content) if isinstance(content, bytes) else content
        work = MailboxWork(str(path or box), SEPARATOR, is_system, may_exist)
        with open_content(held) as opened:
            return append_to_mailbox(work, PREFIX, opened, stop.descriptor, patience=patience)

    return deliver


def is_temporary(outcome: Outcome, *words: str) -> bool:
    """Whether *outcome* is temporary and its text has all of *words*."""
    return outcome.result is Result.TEMPORARY and all(word in outcome.text for word in words)


# ---------------------------------------------------------------- what arrives


def test_a_mailbox_is_made(box: Path, deliver: Deliver) -> None:
    """For its owner alone, whatever the umask allows; the locks are gone."""
    before = os.umask(0)
    try:
        assert deliver() == Outcome(Result.OK, "Delivered", "2.0.0")
    finally:
        os.umask(before)

    assert box.read_bytes() == WRITTEN
    assert stat.S_IMODE(box.stat().st_mode) == 0o600
    assert list(box.parent.iterdir()) == [box]


@pytest.mark.parametrize("there", [OTHER, OTHER[:-1], OTHER[:-2], b""])
def test_a_message_is_appended(box: Path, deliver: Deliver, there: bytes) -> None:
    """Behind what is there, which gets an empty line at its end."""
    box.write_bytes(there)

    deliver()

    assert box.read_bytes() == (OTHER if there else b"") + WRITTEN


def test_a_reader_finds_each_message(box: Path, deliver: Deliver) -> None:
    """Mail that looks like the beginning of another one stays one message."""
    forged = b"From evil@example.com Thu Jan  1 00:00:00 2026\nSubject: t\n\nx\nFrom me to you\n"
    for content in (forged, CONTENT, forged):
        assert deliver(content).result is Result.OK

    opened = mailbox.mbox(str(box))
    assert len(opened) == 3
    opened.close()


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1])
def test_a_message_in_a_file_is_copied(tmp_path: Path, box: Path, deliver: Deliver, size: int) -> None:
    """Every octet of it, wherever the pieces end."""
    (tmp_path / "spooled").write_bytes((b"\nFrom " * size)[:size])

    deliver(SpooledContent(str(tmp_path / "spooled"), size))

    there = box.read_bytes()
    assert there.count(b"\n>From ") == size // 6
    assert there.startswith(SEPARATOR.encode() + b"\n" + PREFIX)
    assert there.replace(b">", b"").rstrip(b"\n").endswith((b"\nFrom " * size)[:size].rstrip(b"\n"))


def test_a_message_that_is_too_short_is_not_delivered(tmp_path: Path, box: Path, deliver: Deliver) -> None:
    """What was written of it is cut off."""
    box.write_bytes(OTHER)
    (tmp_path / "spooled").write_bytes(b"x" * 99)

    outcome = deliver(SpooledContent(str(tmp_path / "spooled"), 100))

    assert is_temporary(outcome, "ends after 99 of its 100 octets")
    assert box.read_bytes() == OTHER


def test_nothing_appears_when_nobody_waits(box: Path, deliver: Deliver, stop: Stop) -> None:
    """A delivery that was given up does not show up behind the back of the next attempt."""
    box.write_bytes(OTHER)
    stop.request()

    assert is_temporary(deliver(), "stopped")
    assert box.read_bytes() == OTHER


# ---------------------------------------------------------------- what stands in the way


def test_a_symbolic_link_is_not_followed(tmp_path: Path, box: Path, deliver: Deliver) -> None:
    """Nor is anything made at its other end."""
    (tmp_path / "passwd").write_bytes(b"root\n")
    for target in ("passwd", "nothing"):
        box.symlink_to(tmp_path / target)
        assert is_temporary(deliver(), f"{box} is a symbolic link")
        assert is_temporary(deliver(is_system=False), "is a symbolic link")
        box.unlink()

    assert (tmp_path / "passwd").read_bytes() == b"root\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["passwd"]


def test_a_link_that_takes_its_place_is_not_followed(
    tmp_path: Path, box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening there is time for somebody quick."""
    box.write_bytes(OTHER)
    (tmp_path / "passwd").write_bytes(b"root\n")
    look = os.lstat

    def look_and_lose(path: str) -> os.stat_result:
        status = look(path)
        box.unlink()
        box.symlink_to(tmp_path / "passwd")
        return status

    monkeypatch.setattr(os, "lstat", look_and_lose)
    outcome = deliver()
    monkeypatch.undo()

    assert is_temporary(outcome, "symbolic links")
    assert (tmp_path / "passwd").read_bytes() == b"root\n"


def test_a_hard_link_is_not_written_through(tmp_path: Path, box: Path, deliver: Deliver) -> None:
    """The other name may be anything of the owner's."""
    (tmp_path / "other").write_bytes(b"mine\n")
    box.hardlink_to(tmp_path / "other")

    assert is_temporary(deliver(), "has 2 names")
    assert box.read_bytes() == b"mine\n"


def test_a_folder_and_a_fifo_are_refused(box: Path, deliver: Deliver) -> None:
    """At once, and nobody waits for a reader."""
    box.mkdir()
    assert is_temporary(deliver(), "is a folder")
    box.rmdir()
    os.mkfifo(box)
    assert is_temporary(deliver(), "is no regular file")
    assert is_temporary(deliver(is_system=False), "is no regular file")


def test_the_mailbox_of_somebody_else_is_not_ours(box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that an alias names may be anybody's who lets us write to it."""
    box.write_bytes(OTHER)
    monkeypatch.setattr(os, "geteuid", lambda: box.stat().st_uid + 1)

    assert is_temporary(deliver(), f"belongs to user number {box.stat().st_uid}")
    assert deliver(is_system=False).result is Result.OK


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path, deliver: Deliver) -> None:
    """The system has its mailboxes where it has them."""
    assert is_temporary(deliver(path=tmp_path / "mail" / "joe"), "No such file or directory")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["jo\0e", "jo\ud800e", "x" * 300])
def test_a_path_that_none_can_have(tmp_path: Path, deliver: Deliver, name: str) -> None:
    """Impossible paths are an outcome, not a crash, and its text can be printed."""
    outcome = deliver(path=tmp_path / name)

    assert is_temporary(outcome)
    assert outcome.text.isprintable()


def test_nowhere_takes_everything(deliver: Deliver, tmp_path: Path) -> None:
    """An alias that names /dev/null throws mail away; no other device gets any, and no mailbox is one."""
    assert deliver(path=Path("/dev/null"), is_system=False).result is Result.OK
    assert is_temporary(deliver(path=Path("/dev/zero"), is_system=False), "is no regular file")
    assert is_temporary(deliver(path=Path("/dev/null")), "is no regular file")
    (tmp_path / "null").symlink_to("/dev/null")
    assert is_temporary(deliver(path=tmp_path / "null", is_system=False), "is a symbolic link")


# ---------------------------------------------------------------- locks


def test_a_kernel_lock_of_another_program_is_waited_for(box: Path, deliver: Deliver) -> None:
    """It is one of fcntl, as all programs take it."""
    box.write_bytes(OTHER)
    program = (
        "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f,fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(box)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdin
        other.stdout.readline()
        assert is_temporary(deliver(), f"{box} was locked by another program for 0 seconds")
        assert box.read_bytes() == OTHER
        threading.Timer(0.05, other.stdin.close).start()
        assert deliver(patience=60).result is Result.OK


def test_a_lock_file_is_waited_for(box: Path, deliver: Deliver) -> None:
    """And left alone: it is somebody else's."""
    lock = box.with_name("joe.lock")
    lock.touch()
    assert is_temporary(deliver(), "was locked by another program")
    assert is_temporary(deliver(is_system=False), "was locked by another program")
    assert lock.exists()

    threading.Timer(0.05, lock.unlink).start()
    assert deliver(patience=60).result is Result.OK
    assert not lock.exists()


def test_a_stale_lock_file_is_removed(box: Path, deliver: Deliver) -> None:
    """Whoever has not touched it for five minutes is gone."""
    lock = box.with_name("joe.lock")
    lock.touch()
    now = lock.stat().st_mtime
    os.utime(lock, (now, now - mbox_lock.STALE_SECONDS + 60))
    assert is_temporary(deliver(), "was locked")
    os.utime(lock, (now, now - mbox_lock.STALE_SECONDS - 60))

    assert deliver(patience=60).result is Result.OK
    assert not lock.exists()


def test_the_lock_file_of_a_delivery_that_died_is_removed(box: Path, deliver: Deliver) -> None:
    """At once; one of a process that lives, or of another host, is waited for."""
    lock = box.with_name(f"{box.name}.lock")
    with subprocess.Popen(["true"]) as process:
        process.wait()
    host = os.uname().nodename
    lock.write_text(f"{process.pid} smtpdsl@{host}\n")
    assert deliver(patience=60).result is Result.OK
    assert not lock.exists()

    for text in (f"{os.getpid()} smtpdsl@{host}\n", f"{process.pid} smtpdsl@other.{host}\n", f"{process.pid}\n", "x"):
        lock.write_text(text)
        assert "locked by another program" in deliver(patience=0.01).text
        assert lock.read_text() == text


def test_a_folder_as_a_lock_file_stays(box: Path, deliver: Deliver) -> None:
    """However old it is."""
    lock = box.with_name("joe.lock")
    lock.mkdir()
    os.utime(lock, (0, 0))

    assert is_temporary(deliver(), "was locked")
    assert lock.is_dir()


def test_both_locks_are_held(tmp_path: Path, box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a message is written both locks are held, and the lock file does not get stale."""
    held: list[bool] = []
    write = os.write

    def look_and_write(file: int, octets: bytes) -> int:
        held.append(box.with_name("joe.lock").stat().st_mtime > 0)
        os.utime(box.with_name("joe.lock"), (0, 0))
        with box.open("r+b") as another, pytest.raises(BlockingIOError):
            fcntl.lockf(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return write(file, octets)

    monkeypatch.setattr(os, "write", look_and_write)
    (tmp_path / "spooled").write_bytes(b"x" * 10**6)
    deliver(SpooledContent(str(tmp_path / "spooled"), 10**6))

    assert len(held) > 4
    assert all(held)


def test_a_lock_that_was_taken_away_is_not_ours_to_remove(
    box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who took it for stale has put another one there."""
    lock, sync = box.with_name("joe.lock"), os.fsync

    def lose_lock(file: int) -> None:
        sync(file)
        if lock.exists():
            lock.rename(lock.with_name("old"))
            lock.touch()

    monkeypatch.setattr(os, "fsync", lose_lock)
    deliver()
    monkeypatch.undo()

    assert lock.exists()


def test_threads_wait_for_each_other(box: Path, deliver: Deliver) -> None:
    """The lock is not one of the process: it keeps deliveries of one server apart."""
    contents = [b"Subject: %d\n\n%s\n" % (number, b"x" * 5000) for number in range(20)]
    threads = [threading.Thread(target=deliver, args=(each,), kwargs={"patience": 60}) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    opened = mailbox.mbox(str(box))
    messages = list(opened)
    opened.close()
    assert sorted(int(each["Subject"]) for each in messages) == list(range(20))
    assert {len(each.get_payload()) for each in messages} == {5001}


def test_another_delivery_may_make_the_mailbox(box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the making there is time for somebody quick."""
    look = os.lstat

    def look_and_lose(path: str) -> os.stat_result:
        monkeypatch.undo()
        try:
            return look(path)
        finally:
            box.write_bytes(OTHER)

    monkeypatch.setattr(os, "lstat", look_and_lose)

    assert deliver().result is Result.OK
    assert box.read_bytes() == OTHER + WRITTEN


def test_a_mailbox_that_is_replaced_meanwhile_is_opened_again(
    box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads mail may write the mailbox anew: the old file has no name any more."""
    box.write_bytes(OTHER)
    lock, replaced = fcntl.fcntl, list[Path]()

    def lock_late(*arguments: object) -> object:
        if not replaced:
            replaced.append(box.rename(box.with_name("old")))
            box.write_bytes(b"")
        return lock(*arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(fcntl, "fcntl", lock_late)

    assert deliver(patience=60).result is Result.OK
    assert box.read_bytes() == WRITTEN
    assert replaced[0].read_bytes() == OTHER


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_no_lock_file_can_be_made(box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The mailbox of a user needs one; a file that an alias names is locked as well as can be."""
    box.write_bytes(OTHER)
    open_file = os.open

    def open_no_lock(path: str, *arguments: int) -> int:
        if str(path).endswith(".lock"):
            raise OSError(number, os.strerror(number), path)
        return open_file(path, *arguments)

    monkeypatch.setattr(os, "open", open_no_lock)

    assert is_temporary(deliver(), "joe.lock", os.strerror(number))
    assert box.read_bytes() == OTHER
    assert deliver(is_system=False).result is Result.OK
    box.with_name("joe.lock").symlink_to("elsewhere")
    assert is_temporary(deliver(is_system=False))


def test_who_waits_for_a_lock_can_be_stopped(box: Path, deliver: Deliver, stop: Stop) -> None:
    """The server ends before the patience does."""
    box.with_name("joe.lock").touch()
    threading.Timer(0.05, stop.request).start()

    assert is_temporary(deliver(patience=600), "stopped")


# ---------------------------------------------------------------- once, and on disk


def test_what_an_earlier_attempt_delivered_is_found(box: Path, deliver: Deliver) -> None:
    """It is synced, as that attempt may have died before."""
    box.write_bytes(OTHER + WRITTEN + OTHER)

    assert deliver(may_exist=True).result is Result.OK
    assert box.read_bytes() == OTHER + WRITTEN + OTHER


@pytest.mark.parametrize("octets", [1, 10, 60, 100, len(WRITTEN) - 1])
def test_what_a_crash_left_is_cut_off(box: Path, deliver: Deliver, octets: int) -> None:
    """The message is there once, and whole; only less than a word stays."""
    box.write_bytes(OTHER + WRITTEN[:octets])

    deliver(may_exist=True)

    rest = WRITTEN[:octets] + b"\n\n" if octets < len("From ") else b""
    assert box.read_bytes() == OTHER + rest + WRITTEN


def test_what_was_changed_is_delivered_again(box: Path, deliver: Deliver) -> None:
    """Whoever has read it said so in its header: of an mbox nobody can know better."""
    box.write_bytes(WRITTEN.replace(b"Subject", b"Status: RO\nSubject"))

    deliver(may_exist=True)

    assert box.read_bytes().endswith(WRITTEN)
    assert box.read_bytes().count(b"Subject") == 2


def test_a_first_attempt_does_not_look(box: Path, deliver: Deliver) -> None:
    """Two messages may be equal to the octet."""
    deliver()
    deliver()

    assert box.read_bytes() == WRITTEN * 2


# The first write is that of the lock file.
@pytest.mark.parametrize("when", range(2, 7))
def test_a_crash_at_any_time_loses_nothing(
    box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """The next attempt makes it right, and other mail is untouched; the lock file is that of the dead."""
    box.write_bytes(OTHER)
    child = os.fork()
    if child == 0:
        write = os.write
        calls = iter(range(1, 100))

        def crash(file: int, octets: bytes) -> int:
            count = write(file, octets[:40])
            if next(calls) == when:
                os._exit(9)
            return count

        monkeypatch.setattr(os, "write", crash)
        deliver()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(box.read_bytes()) > len(OTHER)
    assert box.with_name("joe.lock").exists()

    assert deliver(may_exist=True, patience=60).result is Result.OK
    assert box.read_bytes() == OTHER + WRITTEN


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_is_temporary(
    box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """What was written is cut off, and the text says where it was and why."""
    box.write_bytes(OTHER)
    real, calls = getattr(os, call), iter(range(100))

    def fail(file: int, *octets: bytes) -> int:
        if call == "write" and next(calls) < 2:
            return int(real(file, octets[0][:9]))
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    outcome = deliver()
    monkeypatch.undo()

    assert is_temporary(outcome, str(box), os.strerror(number))
    assert outcome.status == {errno.ENOSPC: "4.3.1", errno.EDQUOT: "4.2.2"}.get(number, "4.2.0")
    assert box.read_bytes() == OTHER
    assert not box.with_name("joe.lock").exists()


def test_what_others_added_is_not_cut_off(box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who knows no locks has written behind us: their mail is worth more than a tidy file."""
    box.write_bytes(OTHER)

    def add_and_fail(_: int) -> None:
        with box.open("ab") as opened:
            opened.write(OTHER)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", add_and_fail)
    outcome = deliver()
    monkeypatch.undo()

    assert is_temporary(outcome)
    assert box.read_bytes() == OTHER + WRITTEN + OTHER


def test_the_disk_has_it_before_anybody_hears_of_it(
    box: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a new mailbox, and then the message."""
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append((Path(f"/proc/self/fd/{file}").readlink(), box.stat().st_size))
    )

    deliver()
    deliver()

    assert synced == [(box.parent, 0), (box, len(WRITTEN)), (box, 2 * len(WRITTEN))]


FULL_DISK = """
    import os, sys
    sys.path.insert(0, sys.argv[1])
    from smtpdsl.runtime.delivery.content import OpenContent
    from smtpdsl.runtime.delivery.mbox import append_to_mailbox
    from smtpdsl.runtime.interfaces import MailboxWork

    path = sys.argv[2] + "/joe"
    for size in (1000, 10**6, 1000):
        work = MailboxWork(path, "From x Thu Jan  1 00:00:00 2026", True)
        print(append_to_mailbox(work, b"", OpenContent(size, b"x" * size), os.pipe()[0]).text)
    print(os.path.getsize(path), *os.listdir(sys.argv[2]))
"""


@pytest.mark.usefixtures("private_namespaces")
def test_a_full_disk_is_temporary(tmp_path: Path) -> None:
    """A message that does not fit leaves no trace, and smaller ones still arrive."""
    program = textwrap.dedent(FULL_DISK)
    script = 'mount -t tmpfs -o size=256k none "$2" && exec "$0" -c "$3" "$1" "$2"'
    with private() as host:
        done = host.run(["sh", "-c", script, sys.executable, ROOT, tmp_path, program])

    first, second, third, sizes = done.stdout.splitlines()
    assert (first, third) == ("Delivered", "Delivered"), done.stderr
    assert second == f'Error (temporary failure: "{tmp_path}/joe: No space left on device")'
    assert sizes == f"{2 * (1000 + 2 + 32)} joe"


def test_content_that_cannot_be_read(tmp_path: Path, box: Path, stop: Stop) -> None:
    """An error of the spool is temporary, too."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        work = MailboxWork(str(box), SEPARATOR, is_system=True)
        outcome = append_to_mailbox(work, b"", OpenContent(9, descriptor=descriptor), stop.descriptor)
    finally:
        os.close(descriptor)

    assert is_temporary(outcome, "cannot read the file of the message")
    assert box.read_bytes() == b""
