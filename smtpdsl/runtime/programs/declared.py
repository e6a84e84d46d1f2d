"""The programs that a configuration has running as long as it is served.

    proc "spam" "filter-rspamd" user rspamd      ProgramCommand("spam", "filter-rspamd", "rspamd", 111, 111)

Whoever a listener does not ask is not started.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator

from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import FilterChain, FilterUse, Proc, ProgramFilter
from smtpdsl.ir.syntax import Word
from smtpdsl.runtime.programs.command import NOBODY_ELSE, ProgramCommand
from smtpdsl.runtime.tables.declared import table_commands


def program_commands(program: Program, account: Account) -> tuple[ProgramCommand, ...]:
    """Return everything that a server of root's, which becomes *account*, has to be able to start."""
    procs = (proc for listener in program.listeners for proc in asked_procs(listener.filter))
    of_filters = (filter_command(proc, account) for proc in procs)
    return tuple(dict.fromkeys((*of_filters, *table_commands(program, account).values())))


def asked_procs(use: FilterUse | None) -> Iterator[Proc]:
    """Yield the programs that the option `filter` of a listener asks, in order."""
    used = use.filter if use is not None else None
    for each in used.members if isinstance(used, FilterChain) else (used,):
        if isinstance(each, ProgramFilter) and each.proc is not None:
            yield each.proc


def filter_command(proc: Proc, account: Account | None = None) -> ProgramCommand:
    """Return how *proc* is started: by a server of root's that becomes *account*, or without one as whoever serves."""
    chroot = proc.chroot.text if proc.chroot is not None else ""
    if account is None:
        return ProgramCommand(proc.name, proc.command.text, chroot=chroot)
    user, uid, gid = account.name, account.uid, account.gid
    if proc.user is not None:
        user, uid, gid = _user(proc.user)
    if proc.group is not None:
        gid = _group(proc.group)
    return ProgramCommand(proc.name, proc.command.text, user, uid, gid, chroot)


def _user(word: Word) -> tuple[str, int, int]:
    try:
        found = pwd.getpwnam(word.text)
    except (KeyError, ValueError):
        return word.text, NOBODY_ELSE, NOBODY_ELSE
    return found.pw_name, found.pw_uid, found.pw_gid


def _group(word: Word) -> int:
    try:
        return grp.getgrnam(word.text).gr_gid
    except (KeyError, ValueError):
        return NOBODY_ELSE
