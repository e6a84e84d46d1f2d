"""The logins of a table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import pytest

from smtpdsl.ir.scram_keys import SCRAM_SCHEME, parse_scram_keys
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.credentials.table_accounts import TableAccounts
from tests.runtime.credentials.samples import HASHES, scram, sha512, table_of

T = TypeVar("T")

RIGHT = Secret(b"secret")
WRONG = Secret(b"Secret")


class Counting(CheckPool):
    """A pool that counts what it is asked."""

    def __init__(self) -> None:
        """Have been asked nothing."""
        super().__init__(1)
        self.asked = 0

    async def ask(self, question: Callable[[], bool]) -> bool:
        """Count, and ask."""
        self.asked += 1
        return await super().ask(question)


def ask(
    entries: Mapping[str, str | None], question: Callable[[TableAccounts], Awaitable[T]], pool: CheckPool | None = None
) -> T:
    """Ask the accounts of a table."""

    async def run() -> T:
        threads = pool or CheckPool(1)
        try:
            return await question(TableAccounts(table_of(entries), TableIndex(), threads))
        finally:
            threads.close()

    return asyncio.run(run())


@pytest.mark.parametrize("login", ["ann", "Ann", "ANN"])
def test_a_login_is_looked_up_without_its_case(login: str) -> None:
    """The password is compared with it."""
    entries = {"Ann": sha512("secret")}

    assert ask(entries, lambda accounts: accounts.verify(login, RIGHT))
    assert not ask(entries, lambda accounts: accounts.verify(login, WRONG))


@pytest.mark.parametrize(
    "entries",
    [
        {"ben": sha512("secret")},
        {"ann": "***", "ben": sha512("secret")},
        {"ann": "!" + sha512("secret")},
        {},
    ],
)
def test_who_cannot_log_in_costs_as_much(entries: Mapping[str, str]) -> None:
    """A password is checked for everybody, and that of somebody else opens nothing."""
    pool = Counting()

    assert not ask(entries, lambda accounts: accounts.verify("ann", RIGHT), pool)
    assert pool.asked == 1


def test_an_entry_that_cannot_be_used_is_no_wrong_password() -> None:
    """Its owner shall not be told so, and the log shall not show what stands there."""
    with pytest.raises(CheckError, match="the entry of ann in <logins>") as raised:
        ask({"ann": "hunter2 in the clear"}, lambda accounts: accounts.verify("ann", RIGHT))

    assert "hunter2" not in str(raised.value)


def test_a_table_that_is_not_at_hand_is_no_wrong_password() -> None:
    """One that lives elsewhere, whoever asks."""

    async def run() -> None:
        pool = CheckPool(1)
        accounts = TableAccounts(table_of({}).replace(is_known=False), TableIndex(), pool)
        for question in (accounts.verify("ann", RIGHT), accounts.admits("ann"), accounts.scram_keys("ann")):
            with pytest.raises(CheckError, match="<logins> is not known"):
                await question
        pool.close()

    asyncio.run(run())


def test_a_list_has_no_passwords() -> None:
    """As in the original, that is a failure of the server."""
    with pytest.raises(CheckError):
        ask({"ann": None}, lambda accounts: accounts.verify("ann", RIGHT))


@pytest.mark.parametrize(
    ("entries", "has_scram"),
    [
        ({"ann": scram("a"), "ben": scram("b")}, True),
        ({"ann": scram("a"), "ben": sha512("b")}, False),
        ({"ann": scram("a"), "ben": "***"}, True),
        ({"ann": sha512("a")}, False),
        # The last one holds.
        ({"ann": sha512("a"), "ANN": scram("a")}, True),
        ({"ann": "***"}, False),
        ({}, False),
    ],
)
def test_scram_is_for_tables_of_keys(entries: Mapping[str, str], has_scram: bool) -> None:  # noqa: FBT001 - a column
    """One entry without keys, and its owner could not log in with the strongest that is offered."""
    assert TableAccounts(table_of(entries), TableIndex(), CheckPool(1)).has_scram == has_scram


def test_keys_are_those_of_the_login() -> None:
    """And fit its password in PLAIN too."""
    entries = {"ann": scram("secret"), "ben": scram("other")}

    assert ask(entries, lambda accounts: accounts.scram_keys("Ann")) == parse_scram_keys(entries["ann"])
    assert ask(entries, lambda accounts: accounts.verify("ann", RIGHT))


def test_nobody_can_tell_whose_keys_are_made_up() -> None:
    """They are the same each time, whatever the case, after a restart too; and others for another login."""
    entries = {"ann": scram("secret"), "ben": "***"}

    def keys(login: str) -> object:
        return ask(entries, lambda accounts: accounts.scram_keys(login))

    real = parse_scram_keys(entries["ann"])
    eve = ask(entries, lambda accounts: accounts.scram_keys("eve"))
    assert keys("eve") == keys("EVE") == eve
    assert keys("eve") != keys("mallory")
    assert (eve.iterations, len(eve.salt)) == (real.iterations, len(real.salt))
    assert eve.stored_key != real.stored_key
    assert keys("ben") != real


@pytest.mark.parametrize(
    ("login", "is_admitted"), [("ann", True), ("ANN", True), ("ben", True), ("cat", False), ("eve", False)]
)
def test_a_certificate_needs_an_entry(login: str, is_admitted: bool) -> None:  # noqa: FBT001 - a column
    """One that is not shut; it may be without a password."""
    entries = {"ann": HASHES["bcrypt 2b"], "ben": "***", "cat": "!" + HASHES["bcrypt 2b"]}

    assert ask(entries, lambda accounts: accounts.admits(login)) == is_admitted


def test_the_scheme_is_the_one_of_the_entries() -> None:
    """What the samples make is what tables hold."""
    assert scram("a").startswith(SCRAM_SCHEME)
