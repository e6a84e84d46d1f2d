"""The logins of a table that a program answers for: ``auth <t>``.

    it offers `auth`     check auth ann:secret          ──▶ found       the program looks at the password
    it does not          lookup credentials ann         ──▶ $2b$12$…    the password is checked here

Somebody whom the program does not know is compared with the last hash that it had for anybody.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import NOBODY, Checked, CheckError, Locked, Stored, matches, read_stored


class LoginTables(Protocol):
    """Who answers for tables that live elsewhere."""

    def has(self, table: Table) -> bool:
        """Whether it answers for *table*."""

    async def offers(self, table: Table, service: Service) -> bool | Outage:
        """Whether *table* has said that it can be asked as *service*."""

    async def value(self, table: Table, service: Service, key: str) -> str | Outage | None:
        """Return what *table* has for *key*, asked as *service*."""

    async def knows_password(self, table: Table, login: str, password: str) -> Answer:
        """Whether *password* is that of *login*."""


class ProgramAccounts:
    """The logins of such a table; what it cannot say now is a `CheckError`."""

    # Nobody can tell whether everybody has keys for it.
    has_scram = False

    def __init__(self, table: Table, tables: LoginTables, pool: CheckPool) -> None:
        """Ask *tables* about *table*, and check hashes in *pool*."""
        self._table = table
        self._tables = tables
        self._pool = pool
        self._decoy: Checked = NOBODY

    async def verify(self, login: str, password: Secret) -> bool:
        """Whether *password* is that of *login*.

        Raises:
            CheckError: The table cannot say now, or the entry cannot be used.
        """
        if await self._looks_at_passwords():
            if ":" in login:
                # What stands behind the colon would be taken for the password's: one user with many logins.
                return False
            text = password.reveal().decode("utf-8", "surrogateescape")
            found = await self._tables.knows_password(self._table, login, text)
            if found is Answer.UNAVAILABLE:
                raise self._trouble()
            return found is Answer.YES
        stored = await self._stored(login)
        if stored is None or isinstance(stored, Locked):
            # Its outcome is of no interest, only its duration.
            await self._pool.ask(partial(matches, self._decoy, password))
            return False
        is_right = await self._pool.ask(partial(matches, stored, password))
        # One that cannot be checked here would be no wrong password, for nobody.
        self._decoy = stored
        return is_right

    async def scram_keys(self, login: str) -> ScramKeys:
        """Have none: SCRAM is not offered.

        Raises:
            CheckError: Always.
        """
        del login
        raise self._trouble()

    async def admits(self, login: str) -> bool:
        """Whether *login* is in the table and not shut.

        Raises:
            CheckError: The table cannot say, or the entry cannot be used.
        """
        if await self._looks_at_passwords():
            message = f"{self._table.shown} looks at passwords only, and this client has none"
            raise CheckError(message)
        stored = await self._stored(login)
        return stored is not None and not (isinstance(stored, Locked) and stored.is_shut)

    async def _looks_at_passwords(self) -> bool:
        found = await self._tables.offers(self._table, Service.AUTH)
        if isinstance(found, Outage):
            raise self._trouble()
        return found

    async def _stored(self, login: str) -> Stored | None:
        value = await self._tables.value(self._table, Service.CREDENTIALS, login)
        if isinstance(value, Outage):
            raise self._trouble()
        if value is None:
            return None
        stored = read_stored(value)
        if stored is None:
            message = f"what {self._table.shown} has for this login is no hash of a password"
            raise CheckError(message)
        return stored

    def _trouble(self) -> CheckError:
        return CheckError(f"{self._table.shown} cannot tell now")
