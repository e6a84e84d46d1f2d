"""Translate a legacy text for a test, and show what came out as modern text."""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.compiler.expand import expand
from smtpdsl.compiler.legacy import translate
from smtpdsl.compiler.parse import parse
from smtpdsl.compiler.tables import lexicon
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.printing import print_statement
from smtpdsl.ir.syntax import Dialect

SERVER_NAME = "mx.example.net"


class Translated(NamedTuple):
    """A configuration in modern terms, and what was found on the way."""

    config: syntax.Config
    findings: list[Diagnostic]

    @property
    def has_errors(self) -> bool:
        """Whether something would keep the configuration from starting."""
        return any(found.severity is Severity.ERROR for found in self.findings)

    @property
    def lines(self) -> list[str]:
        """The statements as modern text."""
        kept = (each for each in self.config.statements if not isinstance(each, syntax.Discarded))
        return [print_statement(each, lexicon(Dialect.MODERN)) for each in kept]

    @property
    def matches(self) -> list[str]:
        """What each `match` line asks, without its verdict."""
        lines = [line.removeprefix("match").removesuffix("reject") for line in self.lines if line.startswith("match")]
        return [line.split(" action ")[0].strip() for line in lines]

    @property
    def action(self) -> str:
        """What the only action does, without its name."""
        (line,) = [line for line in self.lines if line.startswith("action ")]
        return line.split(" ", 2)[2]

    @property
    def codes(self) -> list[str]:
        """The codes of what was found, each with the text it points at."""
        return [f"{found.code.name}: {found.span.written().span.text}" for found in self.findings]


def parse_text(text: str, dialect: Dialect, report: Report) -> syntax.Config:
    """Return the tree of *text*."""
    expanded = expand(Source("smtpd.conf", text), Machine(static=True), report)
    assert expanded is not None
    return parse(expanded, dialect, report)


def translated(text: str) -> Translated:
    """Parse and translate *text*."""
    report = Report()
    config = parse_text(text, Dialect.LEGACY, report)
    return Translated(translate(config, report, SERVER_NAME), report.diagnostics)
