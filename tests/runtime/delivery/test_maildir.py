"""A message in a maildir: whole, once, and on disk before anybody hears of it."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import sys
import textwrap
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery.content import OpenContent, open_content
from smtpdsl.runtime.delivery.maildir import put_into_maildir
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.interfaces import Content, InlineContent, MaildirWork, Outcome, Result, SpooledContent
from tests.namespaces import private
from tests.runtime.deliveries import CONTENT, NAME, PREFIX, mail_in

ROOT = Path(__file__).parent.parent.parent.parent
SPAM = b"X-Spam: Yes\n" + CONTENT


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home directory."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Return a wish to stop that nobody has yet."""
    stop = Stop()
    yield stop
    stop.close()


Deliver = Callable[..., Outcome]


@pytest.fixture
def deliver(home: Path, stop: Stop) -> Deliver:
    """Return what delivers to ``Maildir`` in the home, unless another folder is given."""

    def deliver(content: Content | bytes = CONTENT, folder: Path | None = None, **options: str | bool) -> Outcome:
        held = InlineContent(content) if isinstance(content, bytes) else content
        work = MaildirWork(str(folder or home / "Maildir"), NAME)._replace(**options)  # type: ignore[arg-type]
        with open_content(held) as opened:
            return put_into_maildir(work, str(home), PREFIX, opened, stop.descriptor)

    return deliver


def is_temporary(outcome: Outcome, *words: str) -> bool:
    """Whether *outcome* is temporary and its text has all of *words*."""
    return outcome.result is Result.TEMPORARY and all(word in outcome.text for word in words)


# ---------------------------------------------------------------- what arrives


def test_a_message_arrives_as_it_is(home: Path, deliver: Deliver) -> None:
    """The file has the prefix and the content, no octet changed, and nothing is left in tmp."""
    assert deliver() == Outcome(Result.OK, "Delivered", "2.0.0")
    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}


def test_an_empty_message_arrives(home: Path, deliver: Deliver) -> None:
    """A message without content is its prefix."""
    deliver(b"")

    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX}


def test_nobody_else_may_look(home: Path, deliver: Deliver) -> None:
    """Folders are for their owner alone and so is the file, whatever the umask allows."""
    before = os.umask(0)
    try:
        deliver()
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home / "Maildir").rglob("*")}
    assert modes == {"tmp": 0o700, "new": 0o700, "cur": 0o700, NAME: 0o600}
    assert stat.S_IMODE((home / "Maildir").stat().st_mode) == 0o700


def test_a_large_message_is_copied_piece_by_piece(tmp_path: Path, home: Path, deliver: Deliver) -> None:
    """Content in a file is delivered without being held in memory."""
    content = b"Subject: large\n\n" + os.urandom(5 << 20)
    spooled = tmp_path / "spooled"
    spooled.write_bytes(content)

    tracemalloc.start()
    try:
        outcome = deliver(SpooledContent(str(spooled), len(content)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert outcome.result is Result.OK
    assert (home / "Maildir/new" / NAME).read_bytes() == PREFIX + content
    assert most < 1 << 20


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1])
def test_every_octet_of_a_file_counts(tmp_path: Path, home: Path, deliver: Deliver, size: int) -> None:
    """Sizes around that of a piece lose nothing."""
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"x" * size)

    deliver(SpooledContent(str(spooled), size))

    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + b"x" * size}


def test_a_file_that_is_too_short_is_not_delivered(tmp_path: Path, home: Path, deliver: Deliver) -> None:
    """Part of a message is worse than none: it is tried again."""
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"x" * 99)

    outcome = deliver(SpooledContent(str(spooled), 100))

    assert is_temporary(outcome, "ends after 99 of its 100 octets")
    assert mail_in(home / "Maildir") == {}


# ---------------------------------------------------------------- where it arrives


def test_missing_folders_are_made(home: Path, deliver: Deliver) -> None:
    """All that is missing below the home is made."""
    deliver(folder=home / "mail" / "in" / "Maildir")

    assert (home / "mail/in/Maildir/new" / NAME).exists()
    assert (home / "mail/in/Maildir/cur").is_dir()


def test_folders_outside_of_the_home_are_made(tmp_path: Path, deliver: Deliver) -> None:
    """A maildir may lie elsewhere, as those of virtual users do."""
    deliver(folder=tmp_path / "vmail/example.org/joe")

    assert (tmp_path / "vmail/example.org/joe/new" / NAME).exists()


def test_a_missing_home_is_not_made(home: Path, deliver: Deliver) -> None:
    """It may only not be mounted: the message waits."""
    home.rmdir()

    assert is_temporary(deliver(), str(home), "No such file or directory")
    assert not home.exists()


def test_a_sub_folder_is_used_if_it_exists(home: Path, deliver: Deliver) -> None:
    """joe+lists goes to .lists, which may be an empty folder so far."""
    (home / "Maildir/.lists").mkdir(parents=True)

    assert deliver(sub_folder="lists").result is Result.OK
    assert mail_in(home / "Maildir") == {f".lists/new/{NAME}": PREFIX + CONTENT}


@pytest.mark.parametrize("sub_folder", ["lists", "", ".", "/../../outside", "file", "a\0b"])
def test_another_sub_folder_is_not(tmp_path: Path, home: Path, deliver: Deliver, sub_folder: str) -> None:
    """What is no folder in the maildir does not change where a message goes."""
    (tmp_path / "outside").mkdir()
    (home / "Maildir").mkdir()
    (home / "Maildir/.file").touch()

    assert deliver(sub_folder=sub_folder).result is Result.OK
    assert mail_in(home / "Maildir")[f"new/{NAME}"] == PREFIX + CONTENT
    assert not (home / "Maildir/.lists").exists()


@pytest.mark.parametrize("mark", [b"X-Spam: yes", b"X-SPAM: Yes", b"x-spam-flag: YES"])
def test_junk_goes_to_its_folder(home: Path, deliver: Deliver, mark: bytes) -> None:
    """With `junk` what is marked goes to .Junk, which is made, whatever the sub-address."""
    (home / "Maildir/.lists").mkdir(parents=True)
    content = b"Subject: x\n" + mark + b"\n\nbody\n"

    deliver(content, sorts_junk=True, sub_folder="lists")

    assert mail_in(home / "Maildir") == {f".Junk/new/{NAME}": PREFIX + content}


@pytest.mark.parametrize(
    ("content", "sorts_junk"),
    [(SPAM, False), (b"Subject: x\n\nX-Spam: yes\n", True), (b"X-Spam: no\n\n", True), (b"X-Spam: yes sir\n\n", True)],
)
def test_what_is_no_junk_does_not(home: Path, deliver: Deliver, content: bytes, *, sorts_junk: bool) -> None:
    """Only a header field of that very text counts, and only if the action says so."""
    deliver(content, sorts_junk=sorts_junk)

    assert list(mail_in(home / "Maildir")) == [f"new/{NAME}"]


def test_junk_in_a_file_goes_there_too(tmp_path: Path, home: Path, deliver: Deliver) -> None:
    """The header of a large message is looked at."""
    content = b"Subject: x\n" * 2000 + SPAM
    (tmp_path / "spooled").write_bytes(content)

    deliver(SpooledContent(str(tmp_path / "spooled"), len(content)), sorts_junk=True)

    assert list(mail_in(home / "Maildir")) == [f".Junk/new/{NAME}"]


# ---------------------------------------------------------------- once


def test_a_second_attempt_leaves_one_file(home: Path, deliver: Deliver) -> None:
    """Both attempts succeed, under one name."""
    deliver()

    assert deliver().result is Result.OK
    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}


@pytest.mark.parametrize("place", [f"new/{NAME}", f"cur/{NAME}", f"cur/{NAME}:2,", f"cur/{NAME}:2,RS"])
def test_what_an_earlier_attempt_delivered_is_found(home: Path, deliver: Deliver, place: str) -> None:
    """A message that was read in the meantime is not delivered again."""
    deliver()
    (home / "Maildir/new" / NAME).rename(home / "Maildir" / place)

    assert deliver(may_exist=True).result is Result.OK
    assert mail_in(home / "Maildir") == {place: PREFIX + CONTENT}


@pytest.mark.parametrize("other", [f"cur/{NAME}5:2,S", f"cur/2{NAME}:2,S", f"cur/{NAME}.old"])
def test_another_message_is_not_taken_for_it(home: Path, deliver: Deliver, other: str) -> None:
    """A name that only begins or ends in the same way is another message."""
    deliver()
    (home / "Maildir/new" / NAME).rename(home / "Maildir" / other)

    deliver(may_exist=True)

    assert mail_in(home / "Maildir") == {other: PREFIX + CONTENT, f"new/{NAME}": PREFIX + CONTENT}


def test_a_crash_before_the_rename_leaves_nothing_to_read(
    home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a crash left in tmp is nowhere else, and the next attempt removes it."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Path, "rename", lambda *_: os._exit(9))
        deliver()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = list(mail_in(home / "Maildir"))
    assert len(left) == 1
    assert left[0].startswith("tmp/")

    deliver(may_exist=True)

    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}


def test_stale_files_of_other_messages_stay(home: Path, deliver: Deliver) -> None:
    """Somebody may be writing them at this moment."""
    deliver()
    (home / "Maildir/tmp/other.1").touch()
    (home / "Maildir/tmp" / NAME).touch()
    (home / "Maildir/new" / NAME).unlink()

    deliver(may_exist=True)

    assert set(mail_in(home / "Maildir")) == {"tmp/other.1", f"new/{NAME}"}


def test_nothing_appears_when_nobody_waits(home: Path, deliver: Deliver, stop: Stop) -> None:
    """A delivery that was given up does not show up behind the back of the next attempt."""
    stop.request()

    assert is_temporary(deliver(), "stopped")
    assert mail_in(home / "Maildir") == {}


# ---------------------------------------------------------------- on disk


def test_the_disk_has_it_before_anybody_hears_of_it(
    home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New folders are synced where their names are, then the file before its rename, then the name."""
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def record_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append("sync file" if path.is_file() else f"sync {path.relative_to(home)}")
        sync(descriptor)

    def record_rename(path: Path, target: Path) -> Path:
        steps.append(f"rename to {target.parent.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Path, "rename", record_rename)
    deliver()

    made = ["sync .", *["sync Maildir"] * 3]
    assert steps == [*made, "sync file", "rename to new", "sync Maildir/new"]


@pytest.mark.parametrize("failing", range(4))
def test_a_folder_whose_name_is_not_synced_is_made_anew(
    home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The next delivery would trust it, and the power could be cut."""
    sync, calls = os.fsync, itertools.count()
    synced: list[str] = []

    def fail_once(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(home)))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)

    assert is_temporary(deliver(), "Input/output error")
    assert deliver().result is Result.OK
    assert synced[:4] == [".", "Maildir", "Maildir", "Maildir"]


def test_what_was_found_is_synced(home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier attempt may have died between the rename and the sync."""
    deliver()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))

    deliver(may_exist=True)

    assert synced == [home / "Maildir/new"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_is_temporary(
    home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """The message waits, nothing of it lies about, and the text says where it was and why."""
    for name in ("tmp", "new", "cur"):
        (home / "Maildir" / name).mkdir(parents=True)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    outcome = deliver()
    monkeypatch.undo()

    assert is_temporary(outcome, str(home / "Maildir/tmp"), os.strerror(number))
    assert mail_in(home / "Maildir") == {}


def test_a_name_that_cannot_be_synced_is_temporary(
    home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the message survives a crash is not known, so it is tried again, and found."""
    for name in ("tmp", "new", "cur"):
        (home / "Maildir" / name).mkdir(parents=True)
    sync = os.fsync

    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    outcome = deliver()
    monkeypatch.undo()

    assert is_temporary(outcome, str(home / "Maildir/new"))
    assert deliver(may_exist=True).result is Result.OK
    assert list(mail_in(home / "Maildir")) == [f"new/{NAME}"]


def test_short_writes_lose_nothing(home: Path, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes some octets only is given the others."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, octets: write(descriptor, octets[:7]))

    deliver()

    monkeypatch.undo()
    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}


FULL_DISK = """
    import os, sys
    sys.path.insert(0, sys.argv[1])
    from smtpdsl.runtime.delivery.content import OpenContent
    from smtpdsl.runtime.delivery.maildir import put_into_maildir
    from smtpdsl.runtime.interfaces import MaildirWork

    home = sys.argv[2]
    for size in (1000, 10**6, 1000):
        work = MaildirWork(home + "/Maildir", f"message-of-{size}")
        print(put_into_maildir(work, home, b"", OpenContent(size, b"x" * size), os.pipe()[0]).text)
    for folder, _, files in os.walk(home):
        print(*(os.path.join(folder, name)[len(home):] for name in files), sep="")
"""


@pytest.mark.usefixtures("private_namespaces")
def test_a_full_disk_is_temporary(home: Path) -> None:
    """A message that does not fit leaves no trace, and smaller ones still arrive."""
    program = textwrap.dedent(FULL_DISK)
    script = 'mount -t tmpfs -o size=256k none "$2" && exec "$0" -c "$3" "$1" "$2"'
    with private() as host:
        done = host.run(["sh", "-c", script, sys.executable, ROOT, home, program])

    error = f'Error (temporary failure: "{home}/Maildir/tmp/message-of-1000000.'
    first, second, third, *files = done.stdout.splitlines()
    assert (first, third) == ("Delivered", "Delivered"), done.stderr
    assert second.startswith(error)
    assert "No space left on device" in second
    assert [name for name in files if name] == ["/Maildir/new/message-of-1000"]


# ---------------------------------------------------------------- what stands in the way


def test_a_file_in_the_place_of_a_folder(home: Path, deliver: Deliver) -> None:
    """What is not a folder is named."""
    (home / "Maildir").touch()

    assert is_temporary(deliver(), str(home / "Maildir"), "Not a directory")


def test_a_folder_in_the_place_of_the_file(home: Path, deliver: Deliver) -> None:
    """A message replaces no folder."""
    (home / "Maildir/new" / NAME).mkdir(parents=True)

    assert is_temporary(deliver(), "Is a directory")
    assert mail_in(home / "Maildir") == {}


def test_a_link_that_leads_nowhere(home: Path, deliver: Deliver) -> None:
    """Nothing is made at the other end of a link."""
    (home / "Maildir").symlink_to(home / "elsewhere")

    assert is_temporary(deliver(), str(home / "Maildir"))
    assert not (home / "elsewhere").exists()


@pytest.mark.parametrize("folder", ["Mail\0dir", "Mail\ud800dir", "x" * 300])
def test_a_path_that_none_can_have(home: Path, deliver: Deliver, folder: str) -> None:
    """Impossible paths are an outcome, not a crash, and its text can be printed."""
    outcome = deliver(folder=home / folder)

    assert is_temporary(outcome)
    assert outcome.text.isprintable()


def test_content_that_cannot_be_read(home: Path, stop: Stop) -> None:
    """An error of the spool is temporary, too."""
    descriptor = os.open(home, os.O_RDONLY)
    try:
        work = MaildirWork(str(home / "Maildir"), NAME)
        outcome = put_into_maildir(work, str(home), b"", OpenContent(9, descriptor=descriptor), stop.descriptor)
    finally:
        os.close(descriptor)

    assert is_temporary(outcome, "cannot read the file of the message")
    assert mail_in(home / "Maildir") == {}
