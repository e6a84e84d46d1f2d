"""The table of contents of the compiler: every pass, once, in order.

written   lines of a file joined            -> Source
expand    macros and includes in place      -> Expanded: one text and its source map
dialect   which generation it is            -> Dialect
parse     text to tree, recovering          -> syntax.Config
legacy    the tree before 6.4 to the modern -> syntax.Config
resolve   names bound, defaults explicit    -> resolved.Ruleset
check     what cannot work
lint      legal but suspect, as far as it shows without the diagram
portability   what another release would refuse or do otherwise
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smtpdsl.compiler.check import check
from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.dialect import detect_dialect
from smtpdsl.compiler.expand import Expanded, expand
from smtpdsl.compiler.lint import lint
from smtpdsl.compiler.parse import parse
from smtpdsl.compiler.portability import check_portability
from smtpdsl.compiler.resolve import Coverage, resolve
from smtpdsl.compiler.target import Target
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import (
    BINARY_FILE,
    BYTE_ORDER_MARK,
    CARRIAGE_RETURNS,
    INCLUDE_CYCLE,
    UNREADABLE_INCLUDE,
)
from smtpdsl.diagnostics.diagnostic import Report, Severity
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.syntax import Dialect


class Compilation(NamedTuple):
    """What the passes made of one configuration, as far as they came."""

    text: Expanded | None = None
    config: syntax.Config | None = None
    """The tree as written, in its own dialect."""
    ruleset: Ruleset | None = None


def compile_octets(
    name: str,
    octets: bytes,
    world: World,
    report: Report,
    *,
    defines: Mapping[str, str] | None = None,
    target: Target = Target.SMTPDSL,
) -> Compilation:
    """Run every pass over the file *name*, whose content is *octets*; findings go to *report*."""
    source = decode(name, octets, report)
    return compile_source(source, world, report, defines=defines, target=target) if source else Compilation()


def compile_source(
    source: Source,
    world: World,
    report: Report,
    *,
    defines: Mapping[str, str] | None = None,
    target: Target = Target.SMTPDSL,
) -> Compilation:
    """Run every pass over *source*; findings go to *report*."""
    text = expand(source, world, report, defines)
    if text is None:
        return Compilation()
    dialect = detect_dialect(text, report)
    if dialect is None:
        return Compilation(text)
    config = parse(text, dialect, report)
    coverage = _coverage(report)
    modern = _modern(config, report, world)
    ruleset = resolve(modern, world, report, coverage)
    check(ruleset, world, report)
    lint(ruleset, text, report)
    check_portability(ruleset, config, target, report)
    return Compilation(text, config, ruleset)


# Line ends and a byte order mark are read over; behind any other error there may be a statement nobody read.
_READ_OVER = frozenset({CARRIAGE_RETURNS, BYTE_ORDER_MARK})
_UNREAD_FILE = frozenset({UNREADABLE_INCLUDE, INCLUDE_CYCLE, BINARY_FILE})


def _coverage(report: Report) -> Coverage:
    """Tell from what was found so far how much of the configuration has been read."""
    errors = {found.code for found in report.diagnostics if found.severity is Severity.ERROR}
    if errors & _UNREAD_FILE:
        return Coverage.SOME_FILES
    return Coverage.SOME_STATEMENTS if errors - _READ_OVER else Coverage.WHOLE


def _modern(config: syntax.Config, report: Report, world: World) -> syntax.Config:
    if config.dialect is Dialect.MODERN:
        return config
    # Most files need no translation, and every import is time that somebody waits for.
    from smtpdsl.compiler.legacy import translate  # noqa: PLC0415

    return translate(config, report, world.server_name())
