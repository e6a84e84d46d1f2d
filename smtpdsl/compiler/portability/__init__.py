"""Pass 7: what another release would refuse, or do otherwise; `--target` names it.

    ir.resolved.Ruleset, ir.syntax.Config  ->  findings

Reports `portability`: as an error what the release refuses, as a warning what it reads
in its own way.
"""

from __future__ import annotations

from smtpdsl.compiler.target import Target
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Ruleset


def check_portability(ruleset: Ruleset, config: syntax.Config, target: Target, report: Report) -> None:
    """Report what *target* makes of *ruleset*; *config* is the same as written, in its own dialect."""
    if target is Target.SMTPDSL:
        return
    # Asked for by few runs.
    from smtpdsl.compiler.portability.checks import findings_for  # noqa: PLC0415

    for finding in findings_for(ruleset, config, target):
        report(finding)
