"""What makes a server be one process: a program is asked by the process that has started it.

    table users sqlite:/etc/users.conf      Reason(smtpd.conf:1, "a program answers for <users>")

Whoever lets programs be asked from several processes takes their line out of here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.program import Program
from smtpdsl.runtime.programs.declared import asked_procs
from smtpdsl.runtime.tables.declared import table_behind_program


class Reason(NamedTuple):
    """Where it stands, and what stands there: a clause."""

    span: Span
    why: str


def reason_to_be_alone(program: Program) -> Reason | None:
    """Return the first reason why the server of *program* is one process; None if it may be several."""
    return next(_reasons(program), None)


def _reasons(program: Program) -> Iterator[Reason]:
    if table := table_behind_program(program):
        yield Reason(table.span, f"a program answers for {table.shown}")
    for listener in program.listeners:
        if proc := next(asked_procs(listener.filter), None):
            yield Reason(listener.places.get("filter", listener.span), f'the program "{proc.name}" is a filter')
