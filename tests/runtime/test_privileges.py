"""Giving up root: as whom, for good, and with a spool that goes along."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpdsl.ir.members import Account
from smtpdsl.runtime import privileges
from smtpdsl.runtime.privileges import PrivilegeError, give_up_root, hand_over_spool, service_account
from smtpdsl.runtime.queue.folder import SpoolError

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
STRANGER = Account(name="nobody-has-this-name", uid=54321, gid=54322, home="/nonexistent")


def in_child(function: Callable[[], object]) -> object:
    """Call *function* in a process of its own, and return what it returns."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    found: object = json.loads(text)
    return found


# ---------------------------------------------------------------- the account


def test_the_first_account_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the list; `nobody` only serves a test bed."""
    monkeypatch.setattr(privileges, "NAMES", ("nobody-has-this-name", "daemon", "bin"))
    assert service_account(None, is_test_bed=False).name == "daemon"

    monkeypatch.setattr(privileges, "NAMES", ("nobody-has-this-name",))
    assert service_account(None, is_test_bed=True).name == "nobody"
    with pytest.raises(PrivilegeError, match=r"make one with `useradd .*`, or name another one with --user"):
        service_account(None, is_test_bed=False)


def test_the_account_that_is_named() -> None:
    """And no other one in its place."""
    assert service_account("daemon", is_test_bed=False).uid == pwd.getpwnam("daemon").pw_uid
    with pytest.raises(PrivilegeError, match=r'^there is no account "nobody-has-this-name"$'):
        service_account("nobody-has-this-name", is_test_bed=True)


def test_an_account_with_rights_of_root_is_none() -> None:
    """By whatever name."""
    with pytest.raises(PrivilegeError, match="has rights of root"):
        service_account(pwd.getpwuid(0).pw_name, is_test_bed=True)


# ---------------------------------------------------------------- the end of root


@ONLY_ROOT
def test_nothing_of_root_is_left() -> None:
    """No number, no group, no capability, and no way to get one from a program."""

    def look() -> object:
        os.setgroups([0, 4, 42])
        give_up_root(STRANGER)
        status = dict(line.split(":\t", 1) for line in Path("/proc/thread-self/status").read_text().splitlines())
        names = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")
        ways_back = [_fails(os.setuid), _fails(os.seteuid), _fails(os.setgid), _fails(os.setegid)]
        return [[status[name].split() for name in names], ways_back]

    zero = ["0" * 16]
    expected = [["54321"] * 4, ["54322"] * 4, [], zero, zero, zero, zero, ["1"]]
    assert in_child(look) == [expected, [True] * 4]


def _fails(way_back: Callable[[int], None]) -> bool:
    try:
        way_back(0)
    except PermissionError:
        return True
    return False


@ONLY_ROOT
def test_root_that_cannot_be_given_up_serves_nobody() -> None:
    """Whatever keeps it from that: here, an account that is root's."""

    def look() -> object:
        try:
            give_up_root(STRANGER.replace(uid=0))
        except PrivilegeError as error:
            return str(error)
        return "nothing failed"

    assert "cannot give up root: " in str(in_child(look))


# ---------------------------------------------------------------- the spool


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return a spool that root has left behind."""
    spool = tmp_path / "spool"
    (spool / "content").mkdir(parents=True)
    (spool / "content/1").write_text("x")
    (spool / "queue.db").write_text("x")
    return spool


def owners(spool: Path) -> set[tuple[int, int]]:
    """Return to whom *spool* and what is in it belongs."""
    found = [path.lstat() for path in (spool, *spool.rglob("*"))]
    return {(each.st_uid, each.st_gid) for each in found}


@ONLY_ROOT
def test_a_spool_is_made_for_the_account(tmp_path: Path) -> None:
    """For nobody else."""
    hand_over_spool(str(tmp_path / "a/spool"), STRANGER)

    assert owners(tmp_path / "a/spool") == {(54321, 54322)}
    assert (tmp_path / "a/spool").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a").stat().st_uid == 0


@ONLY_ROOT
def test_a_spool_of_root_is_handed_over(spool: Path) -> None:
    """With everything in it."""
    hand_over_spool(str(spool), STRANGER)

    assert owners(spool) == {(54321, 54322)}
    assert (spool / "content/1").read_text() == "x"


@ONLY_ROOT
@pytest.mark.parametrize("how", ["symbolic", "hard"])
def test_nothing_else_is_handed_over(spool: Path, tmp_path: Path, how: str) -> None:
    """What a link in it leads to stays whose it is."""
    (tmp_path / "shadow").write_text("secret")
    link = spool / "content/2"
    (link.symlink_to if how == "symbolic" else link.hardlink_to)(tmp_path / "shadow")
    hand_over_spool(str(spool), STRANGER)

    assert (tmp_path / "shadow").stat().st_uid == 0


@ONLY_ROOT
def test_what_somebody_puts_into_a_spool_of_the_account_is_not_touched(spool: Path) -> None:
    """Whoever has taken the server over gets nothing by its next start."""
    hand_over_spool(str(spool), STRANGER)
    os.chown(spool / "content/1", 0, 0)
    hand_over_spool(str(spool), STRANGER)

    assert (spool / "content/1").stat().st_uid == 0


@ONLY_ROOT
def test_a_spool_of_somebody_else_is_refused(spool: Path) -> None:
    """And left as it is."""
    os.chown(spool, 1, 1)

    with pytest.raises(SpoolError, match="belongs to daemon, and the server runs as nobody-has-this-name: `chown -R"):
        hand_over_spool(str(spool), STRANGER)
    assert (spool / "content/1").stat().st_uid == 0


@ONLY_ROOT
def test_a_spool_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """As without root."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(SpoolError, match="cannot be used"):
        hand_over_spool(str(tmp_path / "file/spool"), STRANGER)
