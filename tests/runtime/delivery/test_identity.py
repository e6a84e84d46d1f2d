"""Becoming a user: for good, with its groups, and nobody else."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery.identity import IdentityError, become, groups_of, refuse_other_work
from smtpdsl.runtime.interfaces import CommandWork, Identity, MailboxWork, MaildirWork, Method, Result

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
STRANGER = Identity("nobody-has-this-name", 54321, 54322, "/nonexistent")


def in_child(function: Callable[[], list[object]]) -> list[object]:
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
    result: list[object] = json.loads(text)
    return result


def refusal(identity: Identity) -> list[object]:
    """Try to become *identity* in a process of its own; return how that failed."""

    def become_it() -> list[object]:
        try:
            become(identity)
        except IdentityError as error:
            return [error.outcome.result.value, error.outcome.text]
        return ["nothing failed"]

    return in_child(become_it)


@ONLY_ROOT
def test_a_process_becomes_the_user_for_good() -> None:
    """All its numbers are the user's, there is no way back, and what it makes is its own alone."""

    def look() -> list[object]:
        become(STRANGER)
        ways_back = [os.setuid, os.seteuid, os.setgid, os.setegid]
        found = []
        for way in ways_back:
            try:
                way(0)
            except PermissionError:
                found.append("refused")
        return [os.getresuid(), os.getresgid(), os.getgroups(), found, os.umask(0)]

    assert in_child(look) == [[54321] * 3, [54322] * 3, [54322], ["refused"] * 4, 0o077]


@pytest.mark.parametrize("name", ["root", "toor"])
def test_root_is_refused_for_ever(name: str) -> None:
    """User number 0 is nobody to deliver to, whatever it is called."""
    with pytest.raises(IdentityError) as caught:
        become(Identity(name, 0, 1000, "/"))

    assert caught.value.outcome.result is Result.PERMANENT


@ONLY_ROOT
@pytest.mark.parametrize(("uid", "gid"), [(-1, 1000), (1000, -1), (2**32 - 1, 1000), (2**32, 1000), (2**40, 1)])
def test_numbers_that_nobody_has_change_nothing(uid: int, gid: int) -> None:
    """-1 means "as it is" to the system: whoever trusts it stays root."""
    result, text = refusal(Identity("joe", uid, gid, "/"))

    assert result == "TempFail"
    assert str(text).startswith('Error (temporary failure: "cannot work as joe ')


@ONLY_ROOT
@pytest.mark.parametrize("name", ["setgroups", "setresgid", "setresuid"])
def test_a_step_that_does_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Success of a system call is not believed."""
    setgroups = os.setgroups
    monkeypatch.setattr(os, name, lambda *_: None)

    def with_groups(identity: Identity) -> list[int]:
        setgroups([4, 27])
        return groups_of(identity)

    monkeypatch.setattr("smtpdsl.runtime.delivery.identity.groups_of", with_groups)

    assert refusal(STRANGER)[0] == "TempFail"


@ONLY_ROOT
def test_a_way_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved user number of root is one."""
    monkeypatch.setattr(os, "setresuid", lambda uid, *_: os.seteuid(uid))

    assert refusal(STRANGER)[0] == "TempFail"


@ONLY_ROOT
@pytest.mark.parametrize("way", ["setuid", "setgid"])
def test_a_way_back_is_tried(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Whatever right it may be that was kept: if the process could become root again, it does not go on."""
    monkeypatch.setattr(os, way, lambda _: None)

    assert refusal(STRANGER)[0] == "TempFail"


@pytest.mark.skipif(os.geteuid() == 0, reason="root can become anybody")
def test_an_ordinary_user_becomes_nobody_else() -> None:
    """Without the right to do so it fails for the moment."""
    assert refusal(STRANGER)[0] == "TempFail"


def test_an_account_has_its_groups() -> None:
    """A user of the system has all groups of the account."""
    account = next(each for each in pwd.getpwall() if each.pw_uid != 0)
    expected = os.getgrouplist(account.pw_name, account.pw_gid)

    assert groups_of(Identity(account.pw_name, account.pw_uid, account.pw_gid, "/")) == expected


def test_a_namesake_has_no_groups_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual user that happens to be called like an account is not that account."""
    account = next(each for each in pwd.getpwall() if each.pw_uid != 0)
    monkeypatch.setattr(os, "getgrouplist", lambda _, gid: [gid, 4, 27])

    assert groups_of(Identity(account.pw_name, account.pw_uid, 9, "/")) == [9, 4, 27]
    assert groups_of(Identity(account.pw_name, account.pw_uid + 1, 9, "/")) == [9]


@pytest.mark.parametrize("name", ["", "nobody-has-this-name", "a\0b", "a:b", "a\nb"])
def test_a_virtual_user_has_one_group(name: str) -> None:
    """Whom the system does not know has the group of the userbase."""
    assert groups_of(Identity(name, 1000, 1001, "/")) == [1001]


# ---------------------------------------------------------------- mailboxes of the system


@ONLY_ROOT
@pytest.mark.parametrize(
    ("mode", "owner", "group", "expected"),
    [
        (0o2775, 0, 8, [54322, 8]),
        (0o755, 0, 8, [54322]),
        (0o1777, 0, 8, [54322]),
        (0o775, 0, 0, [54322]),
        (0o775, 54321, 8, [54322]),
    ],
)
def test_the_group_of_the_mail_folder(tmp_path: Path, mode: int, owner: int, group: int, expected: list[int]) -> None:
    """Whoever appends to a mailbox there needs it, if root gives it that meaning."""
    os.chown(tmp_path, owner, group)
    tmp_path.chmod(mode)

    assert groups_of(STRANGER._replace(mail_folder=str(tmp_path))) == expected
    assert groups_of(STRANGER) == [54322]


def test_a_mail_folder_that_is_not_there(tmp_path: Path) -> None:
    """The delivery will say so."""
    assert groups_of(STRANGER._replace(mail_folder=str(tmp_path / "mail"))) == [54322]


@ONLY_ROOT
def test_the_group_of_the_mail_folder_is_kept(tmp_path: Path) -> None:
    """Beside that of the user, who is nobody else."""
    os.chown(tmp_path, 0, 8)
    tmp_path.chmod(0o775)

    def look() -> list[object]:
        become(STRANGER._replace(mail_folder=str(tmp_path)))
        return [os.getresuid(), os.getresgid(), os.getgroups()]

    assert in_child(look) == [[54321] * 3, [54322] * 3, [8, 54322]]


@ONLY_ROOT
def test_root_gets_its_mail_as_root() -> None:
    """What it makes is its own alone."""

    def look() -> list[object]:
        become(Identity("root", 0, 0, "/root", "/var/mail"))
        return [os.geteuid(), os.umask(0)]

    assert in_child(look) == [0, 0o077]


@pytest.mark.parametrize(
    "method",
    [
        MaildirWork("/var/mail/joe", "name"),
        CommandWork("cat", ()),
        MailboxWork("/var/mail/joe", "From x"),
        MailboxWork("/var/mail/ann", "From x", is_system=True),
        MailboxWork("/var/mail/sub/joe", "From x", is_system=True),
        MailboxWork("/etc/joe", "From x", is_system=True),
    ],
)
def test_who_may_write_to_the_mail_folder_does_nothing_else(method: Method) -> None:
    """There is one file that it is for."""
    joe = Identity("joe", 1000, 1000, "/home/joe", "/var/mail")
    refuse_other_work(joe, MailboxWork("/var/mail/joe", "From x", is_system=True))

    with pytest.raises(IdentityError, match="for the sake of a mailbox there alone"):
        refuse_other_work(joe, method)
