"""The logins of this system."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path

import pytest

from smtpdsl.runtime.credentials import system_passwords
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.shadow_file import read_shadow
from smtpdsl.runtime.credentials.stored import Checked, CheckError, Locked, matches, shape
from smtpdsl.runtime.credentials.system_accounts import SystemAccounts
from smtpdsl.runtime.credentials.system_passwords import can_check_system, shadow_matches
from tests.runtime.credentials.samples import HASHES, OCTETS

SHADOW = f"""\
root:*:19700:0:99999:7:::
ann:{HASHES["yescrypt"]}:19700:0:99999:7:::
ben:!{HASHES["yescrypt"]}:19700:0:99999:7:::
cat:{HASHES["yescrypt"]}:19700:0:99999:7::1000:
dan::19700:0:99999:7:::
a line that is none
"""


@pytest.fixture
def shadow(tmp_path: Path) -> str:
    """Write a file of passwords."""
    path = tmp_path / "shadow"
    path.write_text(SHADOW)
    return str(path)


def test_the_password_of_an_account_is_right(shadow: str) -> None:
    """And another one is not."""
    assert shadow_matches(shadow, "ann", OCTETS)
    assert not shadow_matches(shadow, "ann", b"wrong")


@pytest.mark.parametrize("login", ["root", "ben", "cat", "dan", "eve", "ANN", "a line that is none", ""])
@pytest.mark.parametrize("password", [OCTETS, b""])
def test_others_have_no_right_password(shadow: str, login: str, password: bytes) -> None:
    """Without a password, locked, expired, with an empty one, unknown, or of another case."""
    assert not shadow_matches(shadow, login, password)


@pytest.mark.parametrize("login", ["ann", "root", "ben", "cat", "eve"])
def test_every_login_costs_a_hash(shadow: str, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is such an account or not."""
    checked: list[Checked] = []

    def counted(stored: Checked, password: Secret) -> bool:
        checked.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(system_passwords, "matches", counted)
    shadow_matches(shadow, login, OCTETS)

    assert [shape(stored) for stored in checked] == ["$y$j75"]


def test_an_account_expires_on_its_day(shadow: str) -> None:
    """The day itself is the first on which it cannot be used."""
    assert not isinstance(read_shadow(shadow, 999).stored["cat"], Locked)
    assert read_shadow(shadow, 1000).stored["cat"] == Locked(is_shut=True)


def test_a_file_that_cannot_be_read_is_no_wrong_password(tmp_path: Path) -> None:
    """It says so, for the log."""
    missing = str(tmp_path / "missing")

    with pytest.raises(CheckError, match="cannot be read: no such file"):
        shadow_matches(missing, "ann", OCTETS)


def test_without_anybody_to_ask_nobody_can_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither PAM nor the file."""
    monkeypatch.setattr("smtpdsl.runtime.credentials.system_passwords.has_pam", lambda: False)

    assert not can_check_system(str(tmp_path / "missing"))
    assert can_check_system(__file__)


def test_accounts_are_asked_in_a_thread() -> None:
    """The password arrives there, and only there."""

    def check(login: str, password: bytes) -> bool:
        return (login, password) == ("Ann", b"secret")

    async def run() -> None:
        pool = CheckPool(1)
        accounts = SystemAccounts(pool, check)
        assert await accounts.verify("Ann", Secret(b"secret"))
        assert not await accounts.verify("ann", Secret(b"secret"))
        assert not accounts.has_scram
        with pytest.raises(CheckError):
            await accounts.scram_keys("Ann")
        pool.close()

    asyncio.run(run())


def test_a_certificate_needs_an_account() -> None:
    """One that this system knows."""

    async def run() -> None:
        pool = CheckPool(1)
        accounts = SystemAccounts(pool, lambda _login, _password: False)
        assert await accounts.admits(getpass.getuser())
        assert not await accounts.admits("no such account")
        pool.close()

    asyncio.run(run())
