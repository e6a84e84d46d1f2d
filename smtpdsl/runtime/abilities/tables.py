"""Tables: those that the compiler has read, and those behind programs in most places that ask a table.

Where users are looked up, the accounts of the system too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Action, BuiltinFilter, FilterChain, FilterUse, InTable, LocalAction, RelayAction, Table
from smtpdsl.ir.table_index import is_system_userbase
from smtpdsl.ir.table_program import table_command
from smtpdsl.runtime.abilities.finding import keyword, unserved, with_reference
from smtpdsl.runtime.tables.declared import asked_tables
from smtpdsl.runtime.tables.old_programs import INSTALL_NEWER, speaks_binary_protocol

_ACCOUNTS = "<getpwnam>"
# What separates the words of a request to a program, and the requests.
_NEVER_IN_A_NAME = frozenset("|\r\n")


class _Use(NamedTuple):
    """A place that asks a table which does not answer."""

    table: Table
    span: Span


def table_findings(program: Program, actions: Iterable[Action]) -> Iterator[Diagnostic]:
    """Yield the tables that cannot be asked, each at the first place that asks it."""
    told: set[str] = set()
    for use in _uses(program, actions):
        if use.table.name not in told:
            told.add(use.table.name)
            yield _finding(use)
    yield from _of_another_time(program)


def _of_another_time(program: Program) -> Iterator[Diagnostic]:
    """Yield the tables whose programs would never be ready."""
    for table in {each.name: each for each in asked_tables(program)}.values():
        command = table_command(table)
        if command is not None and speaks_binary_protocol(command):
            what = f"the binary protocol of the program of {table.shown}, which is one for OpenSMTPD 7.5 and earlier,"
            yield unserved(table.span, what, INSTALL_NEWER)


def _is_read(table: Table) -> bool:
    """Whether its answers are known here."""
    return table.is_known or (table.backend == "built-in" and table.name != _ACCOUNTS)


def _is_served(table: Table) -> bool:
    """Whether its answers are known here, or a program knows them."""
    return _is_read(table) or (table_command(table) is not None and _NEVER_IN_A_NAME.isdisjoint(table.name))


def _finding(use: _Use) -> Diagnostic:
    table = use.table
    related: tuple[Related, ...] = ()
    if table.name != _ACCOUNTS:
        related = (Related(table.span, "the table"),)
    what = f"the backend `{table.backend}` of {table.shown}"
    help_text = f"put its entries into a text file: `table {table.name} file:/etc/mail/{table.name}`"
    if table_command(table) is not None:
        what = f"asking the program of {table.shown} here"
    if not _NEVER_IN_A_NAME.isdisjoint(table.name):
        what, help_text = f"asking a program for {table.shown}", "give the table a name without `|`"
    if is_system_userbase(table):
        what = f"asking {table.shown} here"
        help_text = "list the names that are meant: only `userbase` can ask the accounts of the system"
    return unserved(use.span, what, help_text, related)


def _uses(program: Program, actions: Iterable[Action]) -> Iterator[_Use]:
    for listener in program.listeners:
        for word, table in {"hostnames": listener.hostnames, "xclient": listener.xclient}.items():
            if table is not None and not _is_read(table):
                yield _Use(table, with_reference(listener.places[word]))
        if listener.senders is not None and not _is_served(listener.senders):
            yield _Use(listener.senders, with_reference(listener.places["senders"]))
        if listener.auth is not None and listener.auth.table is not None and not _is_served(listener.auth.table):
            yield _Use(listener.auth.table, listener.auth.span)
        yield from _uses_of_filters(listener.filter)
    for condition in (each for rule in program.rules for each in rule.conditions):
        question = condition.question
        if isinstance(question, InTable) and question.table is not None and not _is_served(question.table):
            yield _Use(question.table, condition.span)
    for action in actions:
        for words, table in _tables_of(action).items():
            if table is not None and not _is_served(table):
                # A rule before 6.4 has all its conditions before the action.
                after = "relay" if isinstance(action, RelayAction) else ""
                yield _Use(table, with_reference(keyword(action.span, *words, after=after)))


def _uses_of_filters(use: FilterUse | None) -> Iterator[_Use]:
    asked = use.filter if use is not None else None
    for each in asked.members if isinstance(asked, FilterChain) else (asked,):
        for condition in each.conditions if isinstance(each, BuiltinFilter) else ():
            question = condition.question
            if isinstance(question, InTable) and question.table is not None and not _is_served(question.table):
                yield _Use(question.table, condition.span)


def _tables_of(action: Action) -> dict[tuple[str, ...], Table | None]:
    """Return the tables that decide where mail goes, and how, by the words that name them; later ones are older."""
    if not isinstance(action, LocalAction):
        return {
            ("host",): action.hosts,
            ("domain",): action.domain,
            ("auth",): action.auth,
            ("src", "source"): action.src,
            ("helo-src", "hostnames", "helo"): action.helo_src,
        }
    tables: dict[tuple[str, ...], Table | None] = {("alias",): action.alias, ("virtual",): action.virtual}
    if action.userbase is not None and not is_system_userbase(action.userbase):
        tables["userbase",] = action.userbase
    return tables
