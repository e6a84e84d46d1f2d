"""Accounts of the system, and of a test bed."""

from __future__ import annotations

from pathlib import Path

from smtpdsl.runtime.system_account import RecentAccounts

ANN = "ann:x:1001:1001::/home/ann:/bin/sh\n"
BEN = "ben:x:1002:1002::/home/ben:/bin/sh\n"


def test_an_account_is_remembered_for_a_second(tmp_path: Path) -> None:
    """Who was added is found at once, and who was removed is gone a second later."""
    (tmp_path / "etc").mkdir()
    database = tmp_path / "etc/passwd"
    now = 100.0
    accounts = RecentAccounts(str(tmp_path), lambda: now)
    database.write_text(ANN)
    ann = accounts.find("ann")
    assert ann is not None
    assert ann.uid == 1001
    assert accounts.find("ben") is None

    database.write_text(BEN)
    assert accounts.find("ben") is not None
    assert accounts.find("ann") == ann

    now += 1.0
    assert accounts.find("ann") is None
