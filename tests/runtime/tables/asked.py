"""Programs that answer for tables, started for a test."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.programs.starting import OwnStarter
from smtpdsl.runtime.tables.table_program import TableLimits, TableProgram

PEER = Path(__file__).with_name("peer.py")
# Long enough for a program to start on a busy machine, and an answer that does not come is not waited for long.
LIMITS = TableLimits(ready_seconds=20.0, answer_seconds=0.3, longest_pause=0.5)
PATIENT = LIMITS._replace(answer_seconds=20.0)
ENTRIES = """\
alias joe ann, ben
alias pipe a|b
userinfo ann 1000:1000:/home/ann
domain here.example
source 192.0.2.1
source 192.0.2.2
"""


class Log:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.lines: list[str] = []

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Keep an event."""
        self.lines.append(" ".join([subject, name, *(f"{each}={value}" for each, value in values.items())]))

    def info(self, text: str) -> None:
        """Keep a sentence."""
        self.lines.append(text)

    warn = info


def peer_command(entries: Path, *options: str) -> str:
    """Return the command of a program that has *entries*."""
    return shlex.join([sys.executable, str(PEER), str(entries), *options])


@asynccontextmanager
async def asking(
    folder: Path, *options: str, limits: TableLimits = LIMITS, entries: str = ENTRIES, log: Log | None = None
) -> AsyncIterator[TableProgram]:
    """Run a program with *entries* as long as the block lasts."""
    path = folder / "entries"
    path.write_text(entries)
    command = ProgramCommand("table t", peer_command(path, *options))
    program = TableProgram("t", command, OwnStarter(), log or Log(), limits)
    program.start()
    try:
        yield program
    finally:
        await program.close()
