"""Tables behind programs: which command answers for a table.

    table users sqlite:/etc/mail/sqlite.conf        table-sqlite /etc/mail/sqlite.conf
    table users "proc-exec:/opt/bin/users -v"       /opt/bin/users -v

A name without a path is that of a program in a folder of helpers.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpdsl.ir.resolved import Table

# Followed by the command itself, as for filters.
PROC_EXEC = "proc-exec"
_OWN_BACKENDS = frozenset({"inline", "static", "file", "built-in", "getpwnam", "db"})


def table_command(table: Table) -> str | None:
    """Return the command line of the program that answers for *table*, as a shell reads it; None if there is none."""
    if table.is_known or table.backend in _OWN_BACKENDS:
        return None
    if table.backend == PROC_EXEC:
        return table.path or ""
    program = f"table-{shlex.quote(table.backend)}"
    return f"{program} {shlex.quote(table.path)}" if table.path else program
