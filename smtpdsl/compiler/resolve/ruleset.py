"""The pass itself: declarations first, then what uses them."""

from __future__ import annotations

from smtpdsl.compiler.resolve.actions import declare_actions
from smtpdsl.compiler.resolve.certificates import declare_certificates
from smtpdsl.compiler.resolve.filters import declare_filters
from smtpdsl.compiler.resolve.listeners import resolve_listeners
from smtpdsl.compiler.resolve.rules import resolve_rules
from smtpdsl.compiler.resolve.scope import Coverage, Scope
from smtpdsl.compiler.resolve.settings import SettingsReader
from smtpdsl.compiler.resolve.tables import declare_tables
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Ruleset


def resolve(config: syntax.Config, world: World, report: Report, coverage: Coverage = Coverage.WHOLE) -> Ruleset:
    """Return *config* resolved; *world* answers for files, interfaces and names.

    *coverage* says how much of the configuration *config* is: what is missing from a
    part of it is no finding.
    """
    scope = Scope(config, world, report, coverage)
    declare_tables(scope)
    declare_certificates(scope)
    settings = SettingsReader(scope).read()
    declare_filters(scope)
    declare_actions(scope, settings)
    listeners = resolve_listeners(scope, settings)
    rules = resolve_rules(scope)
    return Ruleset(
        span=config.span,
        is_partial=scope.is_partial,
        dialect=config.dialect,
        server_name=world.server_name(),
        settings=settings,
        tables=scope.tables,
        actions=scope.actions,
        rules=rules,
        listeners=listeners,
        filters=scope.filters,
        procs=scope.procs,
        pkis=scope.pkis,
        cas=scope.cas,
        wrappers=scope.wrappers,
        table_uses=tuple(scope.table_uses),
        early_uses=tuple(scope.early_uses),
        used=frozenset(scope.used),
    )
