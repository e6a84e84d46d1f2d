"""The programs that answer for the tables of a configuration.

    table users sqlite:/etc/users.conf      "users"  ▶  ProgramCommand("table users", "table-sqlite /etc/users.conf")

Whoever nobody asks is not started.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Action, BuiltinFilter, FilterChain, InTable, LocalAction, Question, Table
from smtpdsl.ir.table_program import table_command
from smtpdsl.runtime.programs.command import ProgramCommand


def table_commands(program: Program, account: Account | None = None) -> dict[str, ProgramCommand]:
    """Return, by the names of their tables, how programs are started.

    Args:
        program: Whose tables.
        account: What a server of root's becomes; without one they are started as whoever serves.
    """
    found: dict[str, ProgramCommand] = {}
    for table in asked_tables(program):
        command = table_command(table)
        if command is not None:
            name = f"table {table.name}"
            found[table.name] = (
                ProgramCommand(name, command)
                if account is None
                else ProgramCommand(name, command, account.name, account.uid, account.gid)
            )
    return found


def table_behind_program(program: Program) -> Table | None:
    """Return a table that a program answers for, if anything asks one."""
    return next((table for table in asked_tables(program) if table_command(table) is not None), None)


def asked_tables(program: Program) -> Iterator[Table]:
    """Yield every table that something of *program* asks."""
    found = [*_of_listeners(program), *_of_rules(program)]
    for rule in program.rules:
        if rule.action is not None:
            found += _of_action(rule.action)
    return (table for table in found if table is not None)


def _of_listeners(program: Program) -> Iterator[Table | None]:
    for listener in program.listeners:
        yield from (listener.senders, listener.auth.table if listener.auth is not None else None)
        used = listener.filter.filter if listener.filter is not None else None
        for each in used.members if isinstance(used, FilterChain) else (used,):
            if isinstance(each, BuiltinFilter):
                yield from (_of_question(condition.question) for condition in each.conditions)


def _of_rules(program: Program) -> Iterator[Table | None]:
    return (_of_question(each.question) for rule in program.rules for each in rule.conditions)


def _of_question(question: Question) -> Table | None:
    return question.table if isinstance(question, InTable) else None


def _of_action(action: Action) -> tuple[Table | None, ...]:
    if isinstance(action, LocalAction):
        return action.alias, action.virtual, action.userbase
    return action.hosts, action.domain, action.auth, action.src, action.helo_src
