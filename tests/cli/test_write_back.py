"""Mended files on the disk."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from smtpdsl.cli.write_back import FileChangedError, write_back

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A configuration that holds ``old``."""
    path = tmp_path / "smtpd.conf"
    path.write_text("old\n")
    return path


def test_the_new_text_replaces_the_old_one(conf: Path) -> None:
    """Nothing else is left in the folder."""
    write_back(conf, "old\n", "new\n")

    assert conf.read_text() == "new\n"
    assert list(conf.parent.iterdir()) == [conf]


def test_the_file_is_replaced_and_not_rewritten(conf: Path) -> None:
    """Whoever has the old file open goes on reading the old text, whole."""
    with conf.open() as reader:
        write_back(conf, "old\n", "new\n")

        assert reader.read() == "old\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o4755])
def test_the_mode_stays(conf: Path, mode: int) -> None:
    """A file that nobody else could read stays so, and the other way round."""
    conf.chmod(mode)

    write_back(conf, "old\n", "new\n")

    assert stat.S_IMODE(conf.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(conf: Path) -> None:
    """Root mends a file for somebody, who still owns it afterwards."""
    os.chown(conf, 1234, 4321)

    write_back(conf, "old\n", "new\n")

    assert (conf.stat().st_uid, conf.stat().st_gid) == (1234, 4321)


def test_a_link_stays_a_link(conf: Path, tmp_path: Path) -> None:
    """The file it leads to is replaced, in its own folder."""
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "smtpd.conf"
    link.symlink_to("../smtpd.conf")

    write_back(link, "old\n", "new\n")

    assert link.readlink().as_posix() == "../smtpd.conf"
    assert conf.read_text() == "new\n"
    assert not conf.is_symlink()


def test_a_file_that_was_changed_is_not_touched(conf: Path) -> None:
    """Somebody else's text is not overwritten by what was made of an older one."""
    conf.write_text("old\nand more\n")

    with pytest.raises(FileChangedError, match=r"smtpd\.conf was changed since it was read"):
        write_back(conf, "old\n", "new\n")

    assert conf.read_text() == "old\nand more\n"
    assert list(conf.parent.iterdir()) == [conf]


def test_a_file_that_is_saved_meanwhile_is_not_touched(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves just when the new text is on the disk beside the old one; theirs stays."""
    sync = os.fsync

    def save_and_sync(descriptor: int) -> None:
        conf.write_text("theirs\n")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", save_and_sync)

    with pytest.raises(FileChangedError):
        write_back(conf, "old\n", "new\n")

    assert conf.read_text() == "theirs\n"
    assert list(conf.parent.iterdir()) == [conf]


def test_octets_survive(conf: Path) -> None:
    """Octets that are no text, carriage returns and a byte order mark are written as they were read."""
    octets = b"\xef\xbb\xbfold\r\n\xff\x00\n"
    conf.write_bytes(octets)
    before = octets.decode("utf-8", "surrogateescape")

    write_back(conf, before, before.replace("old", "new"))

    assert conf.read_bytes() == octets.replace(b"old", b"new")


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """What stands in the file's place is not waited for."""
    pipe = tmp_path / "smtpd.conf"
    os.mkfifo(pipe)

    with pytest.raises(FileChangedError):
        write_back(pipe, "", "new\n")

    assert list(tmp_path.iterdir()) == [pipe]


def test_a_missing_file_stays_missing(tmp_path: Path) -> None:
    """A file that was removed in the meantime is not made anew."""
    with pytest.raises(FileNotFoundError):
        write_back(tmp_path / "smtpd.conf", "old\n", "new\n")

    assert list(tmp_path.iterdir()) == []
