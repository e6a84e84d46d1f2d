"""All the logins of a server."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.ir.resolved import Auth, Table
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.credentials.system_accounts import SystemAccounts
from tests.runtime.credentials.samples import sha512, table_of


def option(table: Table | None) -> Auth:
    """Return ``auth`` with *table*, or without one."""
    return Auth(span=table_of({}).span, is_required=True, table=table)


def test_listeners_with_one_table_have_the_same_logins() -> None:
    """Which are read once; another table is another matter, even if the same stands in it."""
    directory = Directory(TableIndex())
    one, other = table_of({"ann": "***"}), table_of({"ann": "***"})

    assert directory.accounts(option(one)) is directory.accounts(option(one))
    assert directory.accounts(option(one)) is not directory.accounts(option(other))
    directory.close()


def test_without_a_table_the_system_is_asked() -> None:
    """Its accounts are the logins."""
    directory = Directory(TableIndex())

    assert isinstance(directory.accounts(option(None)), SystemAccounts)
    directory.close()


def test_after_the_end_nobody_logs_in() -> None:
    """And nobody is told that the password is wrong."""

    async def run() -> None:
        directory = Directory(TableIndex())
        accounts = directory.accounts(option(table_of({"ann": sha512("secret")})))
        assert await accounts.verify("ann", Secret(b"secret"))
        directory.close()
        with pytest.raises(CheckError):
            await accounts.verify("ann", Secret(b"secret"))

    asyncio.run(run())
