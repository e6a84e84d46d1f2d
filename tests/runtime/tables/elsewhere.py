"""Tables that live elsewhere, and the policies of configurations that have some."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.compiler.emit import emit
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.ir.table_index import account_of
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.policy import Judgement, Policy
from tests.runtime.policies import OUTSIDER, Outside
from tests.worlds import ruleset_of, site_of

FAILS = "\0fails"


class Tables:
    """Knows entries by table and key; notes what it is asked, in rounds of what is asked at once."""

    def __init__(self, entries: Mapping[str, Mapping[str, str]]) -> None:
        """Hold *entries*; one that is `FAILS` cannot be looked up."""
        self._entries = entries
        self.rounds: list[list[str]] = []
        self._is_new = True

    @property
    def asked(self) -> list[str]:
        """Everything, in order."""
        return [each for round_ in self.rounds for each in round_]

    def has(self, table: Table) -> bool:
        """Whether it knows *table*."""
        return table.name in self._entries

    async def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Whether there is an entry."""
        found = await self.value(table, service, key)
        if isinstance(found, Outage):
            return Answer.UNAVAILABLE
        return Answer.NO if found is None else Answer.YES

    async def value(self, table: Table, service: Service, key: str) -> str | Outage | None:
        """Answer after a while, so that whoever is asked at once is asked together."""
        if self._is_new:
            self.rounds.append([])
        self._is_new = False
        self.rounds[-1].append(f"{table.name} {service.value} {key}")
        await asyncio.sleep(0)
        self._is_new = True
        found = self._entries[table.name].get(fold(key))
        return Outage.UNAVAILABLE if found == FAILS else found

    async def account(self, userbase: Table, name: str) -> Account | Outage | None:
        """Look a user up."""
        found = await self.value(userbase, Service.USERINFO, name)
        return account_of(name, found) if isinstance(found, str) else found

    async def offers(self, table: Table, service: Service) -> bool | Outage:
        """Whether it is asked whether passwords are right: if it has an entry that says so."""
        return service is Service.AUTH and "auth" in self._entries[table.name]

    async def knows_password(self, table: Table, login: str, password: str) -> Answer:
        """Whether there is such a login with this password."""
        found = await self.value(table, Service.AUTH, f"{fold(login)}:{password}")
        if isinstance(found, Outage):
            return Answer.UNAVAILABLE
        return Answer.NO if found is None else Answer.YES


def judged(policy: Policy, recipient: str, client: Client = OUTSIDER) -> Judgement:
    """Judge *recipient*, which has to be waited for."""

    async def run() -> Judgement:
        found = policy.judge(client, ReversePath.parse("<eve@away.example>"), Mailbox.parse(recipient))
        assert isinstance(found, Awaitable), "nobody has to be asked"
        return await found

    return asyncio.run(run())


def policy_with(text: str, tables: Tables, *, walks_diagram: bool = False) -> Policy:
    """Return the policy of *text*, whose tables `db:/etc/t.db` are *tables*."""
    ruleset = ruleset_of(text, {"/etc/t.db": ""})
    program, site = emit(ruleset, Source("smtpd.conf", text)), site_of(ruleset)
    if walks_diagram:
        program = program.replace(diagram=build_diagram(program.rules, site))
    return Policy(program, site, Outside(), tables=tables)
