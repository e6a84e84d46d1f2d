"""Pass 5: what cannot work, though every name is known and every word in its place.

    ir.resolved.Ruleset  ->  findings

One file per kind of statement; each has one function that is called here.
"""

from __future__ import annotations

from smtpdsl.compiler.check.actions import check_actions
from smtpdsl.compiler.check.certificates import check_certificates
from smtpdsl.compiler.check.dkim_keys import check_dkim_keys
from smtpdsl.compiler.check.filters import check_filters
from smtpdsl.compiler.check.listeners import check_listeners
from smtpdsl.compiler.check.report_template import check_report_template
from smtpdsl.compiler.check.rules import check_rules
from smtpdsl.compiler.check.settings import check_settings
from smtpdsl.compiler.check.tables import check_tables
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import Ruleset


def check(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report what cannot work in *ruleset* on the machine that *world* answers for."""
    check_tables(ruleset, world, report)
    check_certificates(ruleset, world, report)
    check_dkim_keys(ruleset, world, report)
    check_filters(ruleset, world, report)
    check_listeners(ruleset, report)
    check_actions(ruleset, world, report)
    check_rules(ruleset, report)
    check_settings(ruleset, report)
    check_report_template(ruleset, world, report)
