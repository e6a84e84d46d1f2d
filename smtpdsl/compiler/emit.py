"""Pass 8: a ruleset without errors to the program that `run` loads.

    ir.resolved.Ruleset  ->  ir.program.Program

`print_program` is its stable text form: what the author wrote, what it became, and
where each default comes from.  It is for goldens and for comparing two versions of a
configuration by eye; equal programs give equal texts.  What is secret is not in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import Enum
from typing import Any

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Endpoint, InTable, Pki, Proc, Question, RelayAction, Rule, Ruleset, Setting, Table
from smtpdsl.ir.syntax import Word, quote
from smtpdsl.ir.table_file import TableEntry
from smtpdsl.record import Record

_SECRET_SETTINGS = frozenset({"queue_encryption", "queue_encryption_backup", "srs_key", "srs_key_backup"})


def emit(ruleset: Ruleset, text: Source) -> Program:
    """Return the program of *ruleset*, which was made from the expanded *text*."""
    return Program(
        digest=hashlib.sha256(text.text.encode("utf-8", "surrogateescape")).hexdigest(),
        dialect=ruleset.dialect,
        server_name=ruleset.server_name,
        settings=ruleset.settings,
        tables=ruleset.tables,
        pkis=ruleset.pkis,
        cas=ruleset.cas,
        procs=ruleset.procs,
        filters=ruleset.filters,
        wrappers=ruleset.wrappers,
        actions=ruleset.actions,
        listeners=ruleset.listeners,
        rules=ruleset.rules,
    )


def print_program(program: Program) -> str:
    """Return *program* as text, one fact a line."""
    return "".join(f"{line}\n" for line in _Printer(program).lines())


class _Printer:
    """Writes the parts of a program, each with its fields below it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # By identity: a password must not come out through another use of its table.
        relays = [each for each in program.actions.values() if isinstance(each, RelayAction)]
        tables = [*(each.auth for each in relays), *(each.auth.table for each in program.listeners if each.auth)]
        self.secret = {id(table) for table in tables if table is not None}

    def lines(self) -> Iterator[str]:
        program = self.program
        yield f"language {program.dialect.value}"
        yield f"server {quote(program.server_name)}"
        yield "settings"
        for name in program.settings._compared:  # noqa: SLF001 - printing a record is what its fields are for
            yield from self.field(name, getattr(program.settings, name))
        written = [each for each in program.tables.values() if each.backend != "built-in"]
        sections = {
            "table": written,
            "pki": program.pkis.values(),
            "ca": program.cas.values(),
            "proc": program.procs.values(),
            "filter": program.filters.values(),
            "wrapper": program.wrappers.values(),
            "action": program.actions.values(),
            "listener": program.listeners,
        }
        for kind, records in sections.items():
            for record in records:
                yield f"{kind}  {record.span.place}"
                for name, value in _fields(record):
                    yield from self.field(name, self.entries(record) if name == "entries" else value)
        for number, rule in enumerate(program.rules, 1):
            yield from self.rule(number, rule)

    def rule(self, number: int, rule: Rule) -> Iterator[str]:
        verdict = f"action {quote(rule.action.name)}" if rule.action else "reject"
        yield f"rule {number}: {verdict}  {rule.span.place}"
        for condition in rule.conditions:
            negation = "not " if condition.negated else ""
            implied = "  (implied)" if condition.is_implied else ""
            yield f"  {condition.slot.name.lower()}: {negation}{self.question(condition.question)}{implied}"

    def question(self, question: Question) -> str:
        if isinstance(question, InTable):
            table = self.short(question.table) if question.table else "a table nobody declares"
            return f"{question.subject.value} in {table}, as {question.service.value}"
        return type(question).__name__

    def field(self, name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - any field of any record
        label = name.replace("_", " ")
        if isinstance(value, dict):
            for key in sorted(value):
                yield from self.field(f"{name} {key}", value[key])
        elif isinstance(value, Setting):
            is_secret = name in _SECRET_SETTINGS and value.value
            shown = "(secret)" if is_secret else self.short(value.value)
            yield f"  {label}: {shown}" + (f"  ({value.reason})" if value.is_default else "")
        elif isinstance(value, tuple) and value and isinstance(value[0], Record):
            for each in value:
                yield f"  {label}: {self.short(each)}"
        else:
            yield f"  {label}: {self.short(value)}"

    def entries(self, table: Record) -> tuple[TableEntry, ...]:
        assert isinstance(table, Table), "only tables have entries"
        if id(table) not in self.secret:
            return table.entries
        return tuple(each.replace(value=each.value and "(secret)") for each in table.entries)

    def short(self, value: Any) -> str:  # noqa: ANN401 - as in field; one line for each kind of value
        """One line for a value; a table or another thing with a name is its name."""
        match value:
            case None:
                return "none"
            case bool():
                return "yes" if value else "no"
            case Word(text=text) | str(text):
                return quote(text)
            case Enum():
                return str(value.value)
            case Setting():
                return self.short(value.value)
            case tuple():
                return "{ " + ", ".join(map(self.short, value)) + " }" if value else "{ }"
            case Table():
                # The generated name of an anonymous table tells a place, not a meaning.
                return self.short(self.entries(value)) if value.is_anonymous else value.shown
            case TableEntry():
                return quote(value.key) + (f" = {quote(value.value)}" if value.value is not None else "")
            case Endpoint():
                return f"{value.address} port {value.port}"
            case Record():
                return self.record(value)
        return str(value)

    def record(self, value: Record) -> str:
        kind = type(value).__name__
        name = getattr(value, "name", None)
        # The program of a `proc-exec` has no section of its own.
        if isinstance(name, str) and name and not isinstance(value, Proc):
            return quote(name) if isinstance(value, Pki) else f"{kind} {quote(name)}"
        inside = ", ".join(f"{field}={self.short(each)}" for field, each in _fields(value))
        return f"{kind}({inside})"


def _fields(record: Record) -> Iterator[tuple[str, Any]]:
    """Yield the fields of *record* that say something."""
    for name in record._compared:  # noqa: SLF001 - as in lines
        value, default = getattr(record, name), record._fields[name]
        is_silent = value is None or (isinstance(value, bool) and value is default) or value == ()
        if not is_silent:
            yield name, value
