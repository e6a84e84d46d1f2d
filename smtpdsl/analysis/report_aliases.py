"""Findings about aliases and virtual users, in words: `analysis.alias_graph` has made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from smtpdsl.analysis.alias_graph import AliasFinding, AliasGraph, Circle, Dangling, Forward, Hidden, Unasked
from smtpdsl.analysis.report_rules import shown
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.walk import Accounts, Anybody, Walker
from smtpdsl.diagnostics.codes import (
    ALIAS_CYCLE,
    CATCH_ALL_HIDES_MAILBOX,
    DANGLING_ALIAS,
    FORWARD_WITHOUT_SRS,
    UNDECIDED_RULES,
    UNREACHABLE_ENTRY,
)
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.ir.resolved import Ruleset

# A table with many such entries has one mistake and not many.
_MOST = 10


def alias_findings(asked: AskedRules, options: Sequence[str], accounts: Accounts | None) -> Iterator[Diagnostic]:
    """Yield what is wrong with the tables that the actions of *asked* look recipients up in."""
    graph = AliasGraph(asked, Walker(asked.ruleset, asked.site, accounts or Anybody()))
    counts: dict[type, int] = {}
    for found in graph.findings():
        counts[type(found)] = counts.get(type(found), 0) + 1
        if counts[type(found)] <= _MOST and graph.is_so(found):
            yield _diagnostic(found, asked.ruleset, options, is_last=counts[type(found)] == _MOST)
    if graph.is_cut:
        message = "it would take too long to follow all entries of the tables of aliases"
        yield UNDECIDED_RULES.at(asked.rules[0].span, message)


def _diagnostic(found: AliasFinding, ruleset: Ruleset, options: Sequence[str], *, is_last: bool) -> Diagnostic:
    diagnostic = _worded(found, ruleset, options)
    return (
        diagnostic.replace(notes=(*diagnostic.notes, "entries like it are not told any more"))
        if is_last
        else diagnostic
    )


def _worded(found: AliasFinding, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    match found:
        case Circle(entry=entry, witness=witness):
            return ALIAS_CYCLE.at(
                entry.span,
                f'"{entry.key}" leads back to itself, so mail for it is refused',
                help="let one of the entries of the circle lead to somebody",
                notes=shown(witness, ruleset, options),
            )
        case Dangling(entry=entry, member=member, why=why, witness=witness):
            return DANGLING_ALIAS.at(
                entry.value_span or entry.span,
                f'"{member}" gets nothing, and the whole recipient is refused: {why}',
                help="correct the entry, or remove it",
                notes=shown(witness, ruleset, options),
            )
        case Unasked(entry=entry, domain=domain, rule=rule, table=table):
            return UNREACHABLE_ENTRY.at(
                entry.span,
                f"no mail for {domain} gets to a rule that looks into {table.shown}",
                related=(Related(rule.span, "this rule does, for other recipients"),),
                help=f"add {domain} to the domains of that rule, or remove the entry",
            )
        case Forward():
            return _forward(found, ruleset, options)
        case Hidden(entry=entry, name=name, others=others, witness=witness):
            more = f", and to {others} other users" if others else ""
            return CATCH_ALL_HIDES_MAILBOX.at(
                entry.span,
                f'mail for "{entry.key}" takes what is sent to the user "{name}"{more}',
                help=f'add an entry for them: "{name}" = "{name}"',
                notes=shown(witness, ruleset, options),
            )
    assert_never(found)


def _forward(found: Forward, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    others = f" (and {found.others} more)" if found.others else ""
    related: tuple[Related, ...] = (Related(found.rule.span, "by this rule"),)
    if found.rule.action is not None:
        related = (Related(found.rule.action.span, "this action sends it on"),)
    return FORWARD_WITHOUT_SRS.at(
        found.entry.value_span or found.entry.span,
        f"mail of strangers is sent on to {found.target}{others} with the sender unchanged, which SPF forbids",
        related=related,
        help="add `srs` to the action, and `srs key …` to the file",
        notes=shown(found.witness, ruleset, options),
    )
