"""The tables behind programs, as those see them who ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.members import Account
from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.programs.starting import OwnStarter
from smtpdsl.runtime.tables.table_programs import TablePrograms
from tests.runtime.credentials.samples import table_of
from tests.runtime.tables.asked import PATIENT, Log, peer_command

USERS = table_of({}).replace(name="t", is_known=False)


def test_a_user_that_cannot_be_read_is_in_the_log(tmp_path: Path) -> None:
    """Whoever has written the program learns what is wrong with its answer."""
    entries, log = tmp_path / "entries", Log()
    entries.write_text("userinfo ann 1000:1000:/home/ann\nuserinfo ben staff:1000:/home/ben\n")

    async def run() -> list[Account | Outage | None]:
        programs = TablePrograms({"t": ProgramCommand("table t", peer_command(entries))}, OwnStarter(), log, PATIENT)
        programs.start()
        found = [await programs.account(USERS, name) for name in ("Ann", "ben", "eve")]
        await programs.close()
        return found

    assert asyncio.run(run()) == [Account(name="ann", uid=1000, gid=1000, home="/home/ann"), Outage.UNAVAILABLE, None]
    (line,) = log.lines
    assert line.startswith('the table <t> cannot be asked: its answer is of no use: expected "uid:gid:home"')
