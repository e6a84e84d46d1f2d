"""Actions: whether a message can be delivered or sent on as they say.

Local actions are checked by `check.deliveries`; the next hops of relay actions by
`check.relays`, and their other options by `check.relay_options`.
"""

from __future__ import annotations

from smtpdsl.compiler.check.deliveries import DeliveryChecker
from smtpdsl.compiler.check.relay_options import option_findings
from smtpdsl.compiler.check.relays import HopChecker
from smtpdsl.compiler.check.tls_strings import check_ciphers, check_protocols
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import RelayAction, Ruleset


def check_actions(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report the actions of *ruleset* that fail at each use, or do something else than they say."""
    deliveries = DeliveryChecker(ruleset, world, report)
    hops = HopChecker(ruleset, report)
    for wrapper in ruleset.wrappers.values():
        deliveries.check_wrapper(wrapper)
    for action in ruleset.actions.values():
        if not isinstance(action, RelayAction):
            deliveries.check(action)
            continue
        hops.check(action)
        for finding in option_findings(action, ruleset.dialect):
            report(finding)
        check_ciphers(action.ciphers, report)
        check_protocols(action.protocols, report)
