"""The logins of a table that a program answers for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.resolved import Auth
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.program_accounts import ProgramAccounts
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from tests.runtime.credentials.samples import sha512, table_of
from tests.runtime.tables.elsewhere import FAILS, Tables

T = TypeVar("T")

TABLE = table_of({}).replace(name="logins", is_known=False)
RIGHT = Secret(b"seCret:|")
WRONG = Secret(b"secret:|")
HASHES = {"ann": sha512("seCret:|"), "ben": "!" + sha512("x"), "cid": "plain", "dan": FAILS}
# The entry that makes it look at passwords, and one of those.
CHECKED = {"auth": "", "ann:secret:|": "", "dan:secret:|": FAILS}


def ask(entries: dict[str, str], question: Callable[[ProgramAccounts], Awaitable[T]]) -> tuple[T, list[str]]:
    """Ask, and return what the program was asked, too."""
    tables = Tables({"logins": entries})

    async def run() -> T:
        pool = CheckPool(1)
        try:
            return await question(ProgramAccounts(TABLE, tables, pool))
        finally:
            pool.close()

    return asyncio.run(run()), tables.asked


@pytest.mark.parametrize(
    ("login", "password", "is_right"),
    [("Ann", RIGHT, True), ("ann", WRONG, False), ("ben", RIGHT, False), ("eve", RIGHT, False)],
)
def test_a_hash_is_looked_up_and_checked_here(login: str, password: Secret, *, is_right: bool) -> None:
    """A login that does not exist, or is shut, has no right password."""
    assert ask(HASHES, lambda accounts: accounts.verify(login, password)) == (is_right, [f"logins credentials {login}"])


@pytest.mark.parametrize("login", ["cid", "dan"])
def test_what_cannot_be_checked_is_no_wrong_password(login: str) -> None:
    """The client is told to try again, and the log has no hash."""
    with pytest.raises(CheckError) as trouble:
        ask(HASHES, lambda accounts: accounts.verify(login, RIGHT))

    assert "<logins>" in str(trouble.value)
    assert "plain" not in str(trouble.value)


def test_nobody_is_compared_with_a_hash_that_cannot_be_checked() -> None:
    """Who does not exist has a wrong password, whatever somebody else has."""

    async def both(accounts: ProgramAccounts) -> bool:
        with pytest.raises(CheckError):
            await accounts.verify("ann", RIGHT)
        return await accounts.verify("eve", RIGHT)

    # It looks like one, and crypt(3) cannot read its costs.
    assert ask({"ann": "$2b$99$" + "a" * 53}, both)[0] is False


def test_a_program_may_look_at_passwords_itself() -> None:
    """It gets them as the client has sent them: only the case of the login does not matter."""
    entries = {"auth": "", "ann:secret:|": ""}
    found, asked = ask(entries, lambda accounts: accounts.verify("Ann", WRONG))

    assert found
    assert asked == ["logins auth ann:secret:|"]
    assert not ask(entries, lambda accounts: accounts.verify("eve", WRONG))[0]


def test_no_login_takes_the_beginning_of_a_password() -> None:
    """The program could not tell, and failures would be counted for many logins that are one."""
    found, asked = ask(CHECKED, lambda accounts: accounts.verify("ann:secret", Secret(b"|")))

    assert not found
    assert not asked


def test_a_program_that_cannot_look_at_a_password_refuses_nobody() -> None:
    """For now, nobody can tell."""
    with pytest.raises(CheckError, match="<logins> cannot tell now"):
        ask(CHECKED, lambda accounts: accounts.verify("dan", WRONG))


@pytest.mark.parametrize(("login", "is_admitted"), [("ann", True), ("ben", False), ("eve", False)])
def test_a_certificate_needs_an_entry(login: str, *, is_admitted: bool) -> None:
    """Without a password, being there is enough."""
    assert ask(HASHES, lambda accounts: accounts.admits(login))[0] is is_admitted


def test_a_program_that_looks_at_passwords_admits_nobody_without() -> None:
    """It cannot say whether there is such a login."""
    with pytest.raises(CheckError, match="looks at passwords only"):
        ask(CHECKED, lambda accounts: accounts.admits("ann"))


def test_the_directory_asks_programs_where_there_are_some() -> None:
    """And SCRAM is not offered: nobody knows whether everybody has keys."""
    auth = Auth(span=Source("", "").whole(), is_required=True, table=TABLE)
    directory = Directory(TableIndex(), elsewhere=Tables({"logins": HASHES}))
    accounts = directory.accounts(auth)
    directory.close()

    assert isinstance(accounts, ProgramAccounts)
    assert not accounts.has_scram
