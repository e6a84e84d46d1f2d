"""The tables of a server that programs answer for, as those see them who ask.

contains(<domains>, domain, "Here.Example")    yes, no, or unavailable: never an exception
value(<aliases>, alias, "Joe")                 "ann, ben", None if there is nothing, or an outage
account(<users>, "Ann")                        the user, None, or an outage
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.ir.table_index import account_of
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.programs.starting import Starter
from smtpdsl.runtime.tables.declared import table_commands
from smtpdsl.runtime.tables.table_program import TableLimits, TableProgram, TableUnavailableError


class TablePrograms:
    """Programs, by the names of their tables."""

    def __init__(
        self,
        commands: Mapping[str, ProgramCommand],
        starter: Starter,
        log: Log,
        limits: TableLimits = TableLimits(),  # noqa: B008 - it is frozen
    ) -> None:
        """Prepare to ask *commands*, by the names of their tables; `start` starts them."""
        self._programs = {name: TableProgram(name, each, starter, log, limits) for name, each in commands.items()}

    @classmethod
    def of(cls, program: Program, starter: Starter, log: Log, account: Account | None = None) -> TablePrograms | None:
        """Return those of *program*, which run as *account* if the server is root's; None if it has none."""
        commands = table_commands(program, account)
        return cls(commands, starter, log) if commands else None

    def start(self) -> None:
        """Start them, on the running event loop; nobody waits until they are ready."""
        for each in self._programs.values():
            each.start()

    async def close(self) -> None:
        """End them."""
        await asyncio.gather(*(each.close() for each in self._programs.values()))

    # ------------------------------------------------------------ what they are asked

    @property
    def names(self) -> Collection[str]:
        """The names of the tables."""
        return self._programs.keys()

    def has(self, table: Table) -> bool:
        """Whether a program answers for *table*."""
        return not table.is_known and table.name in self._programs

    async def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Whether *table*, asked as *service*, knows *key*."""
        try:
            is_there = await self._programs[table.name].check(service, fold(key))
        except TableUnavailableError:
            return Answer.UNAVAILABLE
        return Answer.YES if is_there else Answer.NO

    async def value(self, table: Table, service: Service, key: str) -> str | Outage | None:
        """Return what *table* has for *key*, asked as *service*."""
        try:
            return await self._programs[table.name].lookup(service, fold(key))
        except TableUnavailableError:
            return Outage.UNAVAILABLE

    async def account(self, userbase: Table, name: str) -> Account | Outage | None:
        """Return the user *name*; a value that cannot be read is an outage."""
        found = await self.value(userbase, Service.USERINFO, name)
        if not isinstance(found, str):
            return found
        account = account_of(name, found)
        if isinstance(account, Outage):
            self._programs[userbase.name].tell_useless(f'expected "uid:gid:home" for "{name}", found something else')
        return account

    async def next_of(self, table: Table, service: Service) -> str | Outage | None:
        """Return the next entry of *table*, asked as *service*; they take turns."""
        try:
            return await self._programs[table.name].fetch(service)
        except TableUnavailableError:
            return Outage.UNAVAILABLE

    async def offers(self, table: Table, service: Service) -> bool | Outage:
        """Whether *table* has said that it can be asked as *service*."""
        try:
            return await self._programs[table.name].offers(service)
        except TableUnavailableError:
            return Outage.UNAVAILABLE

    async def knows_password(self, table: Table, login: str, password: str) -> Answer:
        """Whether *password* is that of *login*; the case of its letters matters."""
        try:
            is_right = await self._programs[table.name].check(Service.AUTH, f"{fold(login)}:{password}")
        except TableUnavailableError:
            return Answer.UNAVAILABLE
        return Answer.YES if is_right else Answer.NO

    async def update(self, name: str) -> str | None:
        """Let the program of the table *name* read its entries anew; return why that failed, if it did."""
        try:
            await self._programs[name].update()
        except TableUnavailableError as error:
            return str(error)
        return None
