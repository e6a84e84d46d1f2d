"""The program that the manual shows is one."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.programs.starting import OwnStarter
from smtpdsl.runtime.tables.table_program import TableProgram
from tests.manual import page_named, text
from tests.runtime.tables.asked import PATIENT, Log


def test_the_program_of_the_manual_answers(tmp_path: Path) -> None:
    """As it stands there."""
    found = re.search(r"^```text /etc/mail/people\.py\n(.*?)^```", text(page_named("tables")), re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "people.py").write_text(found[1])
    command = ProgramCommand("table people", f"{sys.executable} {tmp_path}/people.py")

    async def run() -> list[str | None]:
        program = TableProgram("people", command, OwnStarter(), Log(), PATIENT)
        program.start()
        answers = [await program.lookup(Service.USERINFO, key) for key in ("ann", "ben")]
        await program.close()
        return answers

    assert asyncio.run(run()) == ["1000:1000:/home/ann", None]
