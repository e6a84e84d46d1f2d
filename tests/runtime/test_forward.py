"""Which ``.forward`` is believed, and which is not even opened."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpdsl.ir.forward_file import FORWARD_OCTETS_LIMIT, ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.runtime.forward import read_forward

STRANGER = 4242
TEXT = "ben\n"


class Home:
    """The home directory of ann, who is whoever runs the tests, under a root."""

    def __init__(self, root: Path) -> None:
        """Make it."""
        self.root = root
        self.folder = root / "home" / "ann"
        self.folder.mkdir(parents=True, mode=0o755)
        self.file = self.folder / ".forward"

    def write(self, text: str = TEXT, mode: int = 0o644) -> None:
        """Write the file."""
        self.file.write_text(text)
        self.file.chmod(mode)

    def read(self, *, uid: int | None = None, is_test_bed: bool = False) -> ForwardFile | ForwardProblem | None:
        """Read the file of a user with the number *uid*."""
        account = Account(name="ann", uid=os.getuid() if uid is None else uid, gid=1000, home="/home/ann")
        return read_forward(account, lambda path: f"{self.root}{path}", is_test_bed=is_test_bed)

    def problem(self, *, uid: int | None = None, is_test_bed: bool = False) -> str:
        """Return what is wrong with the file: it never passes by itself, and hides nothing."""
        found = self.read(uid=uid, is_test_bed=is_test_bed)
        assert isinstance(found, ForwardProblem), found
        assert (found.is_passing, found.is_hidden) == (False, False)
        return found.why


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home directory without a ``.forward``."""
    return Home(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    before = set(Path("/proc/self/fd").iterdir())
    yield
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be root, as far as it can see."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_a_file_is_read(home: Home) -> None:
    """Its path is that of the configuration; octets that are no text are kept."""
    home.write()
    assert home.read() == ForwardFile(path="/home/ann/.forward", text=TEXT)
    home.file.write_bytes(b"|/bin/in \xff")
    assert home.read() == ForwardFile(path="/home/ann/.forward", text="|/bin/in \udcff")


def test_a_home_directory_may_be_a_link(home: Home) -> None:
    """It is the administrator who makes it."""
    home.folder.rename(home.root / "disk2")
    home.folder.symlink_to(home.root / "disk2")
    home.write()

    assert isinstance(home.read(), ForwardFile)


def test_nothing_there_is_nothing_wrong(home: Home) -> None:
    """No file, an empty one, no home directory, or a home that is no directory."""
    assert home.read() is None
    home.write("")
    assert home.read() is None
    home.file.unlink()
    home.folder.rmdir()
    assert home.read() is None
    home.folder.touch()
    assert home.read() is None


@pytest.mark.usefixtures("as_root")
def test_a_link_is_not_followed(home: Home) -> None:
    """Wherever it leads."""
    for target in ("/etc/shadow", "/nowhere", str(home.folder / "mine")):
        (home.folder / "mine").write_text(TEXT)
        home.file.symlink_to(target)
        assert home.problem() == "/home/ann/.forward is a symbolic link"
        home.file.unlink()


def test_what_is_no_file_is_not_opened(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO would wait for a writer, a device may do something."""
    opened: list[object] = []
    really_open = os.open

    def note(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append(path)
        return really_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", note)
    os.mkfifo(home.file)
    assert home.problem() == "/home/ann/.forward is no regular file"
    home.file.unlink()
    home.file.mkdir()
    assert home.problem() == "/home/ann/.forward is no regular file"
    home.file.rmdir()
    monkeypatch.chdir(home.folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(".forward")
        assert home.problem() == "/home/ann/.forward is no regular file"
    assert ".forward" not in opened


@pytest.mark.parametrize("becomes", ["fifo", "link", "nothing"])
def test_a_file_that_changes_while_it_is_looked_at(home: Home, monkeypatch: pytest.MonkeyPatch, becomes: str) -> None:
    """It is asked again when it is open, and that waits for nobody."""
    home.write()
    really_open = os.open

    def change_and_open(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == ".forward":
            home.file.unlink()
            if becomes == "fifo":
                os.mkfifo(home.file)
            elif becomes == "link":
                home.file.symlink_to("/etc/passwd")
        return really_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", change_and_open)
    expected = {
        "fifo": "/home/ann/.forward is no regular file",
        "link": "/home/ann/.forward cannot be read: too many levels of symbolic links",
    }
    if becomes in expected:
        assert home.problem() == expected[becomes]
    else:
        assert home.read() is None


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o622])
def test_others_may_not_write_it(home: Home, mode: int) -> None:
    """What somebody else could have written there is not the user's will."""
    home.write(mode=mode)
    assert home.problem() == f"/home/ann/.forward can be written by others (mode {mode:o})"
    home.write(mode=0o444)
    assert isinstance(home.read(), ForwardFile)


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_others_may_not_write_beside_it(home: Home, mode: int) -> None:
    """They could put another file in its place; without a file that does not matter."""
    home.folder.chmod(mode)
    assert home.read() is None
    home.write()
    assert home.problem() == f"/home/ann/.forward is in a folder that others can write (mode {mode:o})"


@pytest.mark.usefixtures("as_root")
def test_it_belongs_to_its_user(home: Home) -> None:
    """Root, who can read everything, reads nobody's file for somebody else."""
    home.write()
    owner = os.getuid()
    assert home.problem(uid=STRANGER) == f"/home/ann/.forward belongs to user number {owner}, not to ann"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_home_belongs_to_its_user_or_to_root(home: Home) -> None:
    """A user can have a file in somebody else's folder."""
    home.write()
    os.chown(home.file, STRANGER, STRANGER)
    assert isinstance(home.read(uid=STRANGER), ForwardFile)
    os.chown(home.folder, STRANGER, STRANGER)
    assert isinstance(home.read(uid=STRANGER), ForwardFile)
    os.chown(home.folder, STRANGER + 1, STRANGER)
    assert home.problem(uid=STRANGER) == f"/home/ann/.forward is in a folder of user number {STRANGER + 1}"


def test_its_owner_has_to_read_it(home: Home) -> None:
    """A server reads it in the owner's name, and root explains what the server does."""
    home.write(mode=0o200)
    assert home.problem() == "/home/ann/.forward cannot be read by its owner (mode 200)"


def test_a_test_bed_belongs_to_whoever_made_it(home: Home) -> None:
    """Files of root or of this user, and a group that may write; but never what everybody may write."""
    home.folder.chmod(0o775)
    home.write(mode=0o664)
    assert isinstance(home.read(uid=STRANGER, is_test_bed=True), ForwardFile)
    home.write(mode=0o666)
    assert home.problem(uid=STRANGER, is_test_bed=True).endswith("can be written by others (mode 666)")
    home.write(mode=0o664)
    home.folder.chmod(0o777)
    assert home.problem(uid=STRANGER, is_test_bed=True).endswith("that others can write (mode 777)")


def test_an_ordinary_user_believes_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It delivers as nobody else, whatever number a userbase says."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() or 1000)
    home.write()
    if os.getuid() == 0:
        os.chown(home.file, 1000, 1000)
        os.chown(home.folder, 1000, 1000)

    assert isinstance(home.read(uid=STRANGER), ForwardFile)


def test_a_hard_link_is_not_believed_for_its_owner(home: Home) -> None:
    """In a test bed as well: anybody can link to a file of root."""
    (home.root / "shadow").write_text("root:$6$secret\n")
    home.file.hardlink_to(home.root / "shadow")

    assert " belongs to user number " in home.problem(uid=STRANGER, is_test_bed=True)


def test_a_large_file_is_refused(home: Home) -> None:
    """At 4096 octets, as OpenSMTPD has it."""
    home.write("#" * (FORWARD_OCTETS_LIMIT - 1))
    assert isinstance(home.read(), ForwardFile)
    home.write("#" * FORWARD_OCTETS_LIMIT)
    assert home.problem() == "/home/ann/.forward has 4096 octets, and 4095 is the limit"


def test_a_file_that_grows_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked about it holds no more."""
    home.write()
    really_open = os.open

    def grow_and_open(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        descriptor = really_open(path, flags, mode, dir_fd=dir_fd)
        if path == ".forward":
            really_read = os.read
            monkeypatch.setattr(os, "read", lambda *_: really_read(descriptor, 0) + b"#" * FORWARD_OCTETS_LIMIT)
        return descriptor

    monkeypatch.setattr(os, "open", grow_and_open)
    assert home.problem() == "/home/ann/.forward has 4096 octets, and 4095 is the limit"


def test_a_sticky_home_says_that_the_file_is_being_edited(home: Home) -> None:
    """Whether there is a file or not."""
    home.folder.chmod(0o1755)
    for _ in range(2):
        found = home.read()
        assert found == ForwardProblem(
            why="the home directory of ann is sticky: its .forward is being edited", is_passing=True
        )
        home.write()


@pytest.mark.parametrize(
    ("number", "is_passing", "is_hidden"),
    [
        (errno.EMFILE, True, False),
        (errno.ENFILE, True, False),
        (errno.EIO, True, False),
        (errno.EAGAIN, True, False),
        (errno.EACCES, False, True),
        (errno.ENXIO, False, False),
    ],
)
def test_trouble_of_the_machine_passes(
    home: Home, monkeypatch: pytest.MonkeyPatch, number: int, *, is_passing: bool, is_hidden: bool
) -> None:
    """What the rights of an ordinary user hide, others may see."""

    def fail(path: str, *_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "open", fail)
    found = home.read()
    why = f"/home/ann cannot be read: {os.strerror(number).lower()}"
    assert found == ForwardProblem(why=why, is_passing=is_passing, is_hidden=is_hidden)


@pytest.mark.usefixtures("as_root")
def test_what_root_may_not_read_is_hidden_from_nobody_else(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system of another machine may do that."""

    def fail(path: str, *_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", fail)
    assert home.problem() == "/home/ann cannot be read: permission denied"


def test_a_home_that_is_no_path(tmp_path: Path) -> None:
    """A NUL cannot be asked for."""
    account = Account(name="ann", uid=os.getuid(), gid=1000, home="/home/a\0n")

    found = read_forward(account, lambda path: f"{tmp_path}{path}")

    assert found == ForwardProblem(why="'/home/a\\x00n' is no path")
