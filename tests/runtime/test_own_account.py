"""As whom the server does what is nobody's."""

from __future__ import annotations

import os
import pwd

import pytest

from smtpdsl.ir.members import Account
from smtpdsl.runtime.own_account import own_account


def test_it_is_who_runs_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system knows that user."""
    entry = next(each for each in pwd.getpwall() if each.pw_uid != 0)
    monkeypatch.setattr(os, "geteuid", lambda: entry.pw_uid)
    found = own_account()

    assert found is not None
    assert found.uid == entry.pw_uid
    assert (found.gid, found.home) == (pwd.getpwnam(found.name).pw_gid, pwd.getpwnam(found.name).pw_dir)


def test_root_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does nothing that an alias names."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert own_account() is None


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in many containers."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(os, "getegid", lambda: 54322)

    assert own_account() == Account(name="54321", uid=54321, gid=54322, home="")
