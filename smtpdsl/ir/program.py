"""What `run` loads: a configuration that compiled, and the fingerprint it is known by.

A program has no errors, so nothing in it is missing: every table, filter, certificate
and action that a rule or a listener refers to is there.
"""

from __future__ import annotations

from typing import ClassVar

from smtpdsl.ir.diagram import Diagram
from smtpdsl.ir.resolved import Action, Ca, Filter, Globals, Listener, Pki, Proc, Rule, Table, Wrapper
from smtpdsl.ir.syntax import Dialect
from smtpdsl.record import Record


class Program(Record):
    """A configuration ready to be executed.

    `digest` (64 hexadecimal digits) is the hash of its text with macros and includes in
    place; log lines carry it, so that a line tells which configuration wrote it.
    Envelopes in the queue store the names of `actions`.  `diagram` is that of `rules`;
    without one the rules are read one by one, which means the same.
    """

    digest: str
    dialect: Dialect
    server_name: str
    settings: Globals
    tables: dict[str, Table]
    pkis: dict[str, Pki]
    cas: dict[str, Ca]
    procs: dict[str, Proc]
    filters: dict[str, Filter]
    wrappers: dict[str, Wrapper]
    actions: dict[str, Action]
    listeners: tuple[Listener, ...]
    rules: tuple[Rule, ...]
    diagram: Diagram | None = None

    _uncompared: ClassVar[frozenset[str]] = frozenset({"diagram"})

    def __hash__(self) -> int:
        return hash(self.digest)
