"""What is declared, and the look-ups that say "did you mean"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import DUPLICATE_NAME
from smtpdsl.diagnostics.diagnostic import Code, Fix, Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Action, Ca, EarlyUse, Filter, Pki, Proc, Table, TableUse, Wrapper
from smtpdsl.ir.syntax import Dialect, Word, quote
from smtpdsl.ir.table_file import Kind, Service

D = TypeVar("D", Table, Action, Filter, Proc, Pki, Ca, Wrapper)

LISTS = frozenset({Kind.LIST, Kind.DYNAMIC})
MAPPINGS = frozenset({Kind.MAP, Kind.DYNAMIC})
ANY_KIND = frozenset(Kind)
NOT_DEFINED = "not defined anywhere"
_NAMES_LISTED = 6


class Coverage(Enum):
    """How much of a configuration could be read."""

    WHOLE = "all of it"
    SOME_STATEMENTS = "some statements"
    """The others were discarded; what they would have declared is known."""
    SOME_FILES = "some files"
    """What the others declare nobody knows."""


class Scope:
    """The declarations of one configuration, by kind and name, and what was referred to."""

    def __init__(self, config: syntax.Config, world: World, report: Report, coverage: Coverage) -> None:
        """Start with nothing declared but what discarded statements would have."""
        self.coverage = coverage
        self.is_partial = coverage is not Coverage.WHOLE
        self.config = config
        self.dialect: Dialect = config.dialect
        self.world = world
        self.report = report
        self.tables: dict[str, Table] = {}
        self.actions: dict[str, Action] = {}
        self.filters: dict[str, Filter] = {}
        self.procs: dict[str, Proc] = {}
        self.pkis: dict[str, Pki] = {}
        self.cas: dict[str, Ca] = {}
        self.wrappers: dict[str, Wrapper] = {}
        self.used: set[tuple[str, str]] = set()
        self.table_uses: list[TableUse] = []
        self.early_uses: list[EarlyUse] = []
        self._discarded = {
            (each.kind, each.name)
            for each in config.statements
            if isinstance(each, syntax.Discarded) and each.kind and each.name is not None
        }

    def declare(self, kind: str, known: dict[str, D], name: Word, declared: D) -> None:
        """Add *declared* under *name*; the first declaration of a name holds, and the later one is reported."""
        first = known.setdefault(name.text, declared)
        if first is declared:
            return
        before, again = name_span(first.span, name.text), name.span
        if _is_after(before, again):
            # Chains are declared after other filters, wherever they stand.
            before, again = again, before
        message, help_text = f'{kind} "{name.text}" is declared twice', "give one of them another name"
        related: tuple[Related, ...] = (Related(before, "first declared here"),)
        if not first.span.text:
            message, related = f'the table "{name.text}" is there already: every configuration has it', ()
        elif before.written().span == again.written().span:
            message, related = f"{message}, because its file is included twice", ()
            help_text = "include the file once"
        self.report(DUPLICATE_NAME.at(again, message, related=related, help=help_text))

    def find(self, kind: str, known: Mapping[str, D], name: Word, code: Code) -> D | None:
        """Return what *name* refers to; None, and a finding unless it was discarded, if nothing."""
        self.used.add((kind, name.text))
        found = known.get(name.text)
        if found is not None:
            if _is_after(found.span, name.span):
                self.early_uses.append(EarlyUse(span=name.span, kind=kind, name=name.text, declared=found.span))
            return found
        if (kind, name.text) not in self._discarded and self.coverage is not Coverage.SOME_FILES:
            self._unknown(kind, known, name, code)
        return None

    def _unknown(self, kind: str, known: Mapping[str, D], name: Word, code: Code) -> None:
        """Report *name*, with what was meant if there is something like it."""
        # What every configuration has is not what the author forgot to declare.
        names = [each for each in known if not each.startswith("<")]
        names += [each for what, each in self._discarded if what == kind and each]
        # A semicolon is a character like others; who writes one means the end of the statement.
        near = nearest(name.text.rstrip(";"), names)
        related: tuple[Related, ...] = ()
        if near is not None:
            help_text = f'use "{near}"'
            if near in known:
                related = (Related(name_span(known[near].span, near), "a similar name is defined here"),)
        elif names:
            help_text = f"define it, or use one of: {', '.join(sorted(names)[:_NAMES_LISTED])}"
        else:
            help_text = f"define it: `{_DECLARATIONS[kind].format(name=name.text)}`"
        fix = Fix.replacing(name.span, quote(near)) if near is not None else None
        message = f'no {kind} named "{name.text}"'
        self.report(code.at(name.span, message, label=NOT_DEFINED, help=help_text, related=related, fix=fix))

    def use_table(
        self, table: Table | None, service: Service, place: str, accepts: frozenset[Kind], span: Span
    ) -> Table | None:
        """Note that *place* asks *table* for *service*; returns the table."""
        if table is not None:
            use = TableUse(span=span, table=table, service=service, place=place, accepts=accepts)
            self.table_uses.append(use)
        return table


_DECLARATIONS = {
    "table": "table {name} file:/etc/mail/{name}",
    "action": 'action "{name}" …',
    "filter": "filter {name} …",
    "proc": 'proc {name} "command"',
    "pki": "pki {name} cert … key …",
    "ca": "ca {name} cert …",
    "wrapper": 'mda wrapper {name} "command"',
}


def _is_after(declared: Span, used: Span) -> bool:
    return declared.source is used.source and declared.start > used.start


def name_span(span: Span, name: str) -> Span:
    """The name in the statement at *span*, with its quotes and in any case; the statement itself without it."""
    forms = "|".join(re.escape(form) for form in (quote(name), f"'{name}'", name))
    word = re.compile(rf"(?<=[ \t])(?:{forms})(?=[ \t\n{{=]|$)", re.IGNORECASE)
    found = word.search(span.source.text, span.start, span.end)
    return Span(span.source, *found.span()) if found and name else span
