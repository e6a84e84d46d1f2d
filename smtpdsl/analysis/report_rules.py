"""Findings about the order and the conditions of rules, in words: `analysis.reachability` has made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from smtpdsl.analysis.meaning import Meanings
from smtpdsl.analysis.reachability import (
    Contradiction,
    Finding,
    Reachability,
    Redundant,
    Tempfail,
    Unknown,
    Unreachable,
)
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.witness import Witness
from smtpdsl.diagnostics.codes import (
    CONTRADICTION,
    REDUNDANT_MATCH,
    TEMPFAIL_BEFORE_MATCH,
    UNDECIDED_RULES,
    UNREACHABLE_MATCH,
)
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.ir.resolved import InTable, Ruleset

_SHOWN = 6


def rule_findings(asked: AskedRules, options: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield what is wrong with the rules of *asked*."""
    for found in Reachability(asked, Meanings()).findings():
        yield _diagnostic(found, asked.ruleset, options)


def shown(witness: Witness | None, ruleset: Ruleset, options: Sequence[str]) -> tuple[str, ...]:
    """Say how to see *witness*."""
    if witness is None or witness.envelope.is_internal:
        return ()
    assumptions = "".join(f", {each}" for each in witness.assumptions)
    return (f"see `{witness.command(options, ruleset)}`{assumptions}",)


def _diagnostic(found: Finding, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    match found:
        case Contradiction(rule=rule):
            return CONTRADICTION.at(
                rule.span,
                "no message can fulfil all conditions of this rule",
                help="remove the rule, or one of the conditions that exclude each other",
            )
        case Unreachable():
            return _unreachable(found, ruleset, options)
        case Redundant(rule=rule, instead=instead, witness=witness):
            return REDUNDANT_MATCH.at(
                rule.span,
                "without this rule everything would happen as it does",
                related=(Related(instead.span, "this one would do the same"),),
                help="remove it, or give it an action of its own",
                notes=shown(witness, ruleset, options),
            )
        case Tempfail():
            return _tempfail(found, ruleset, options)
        case Unknown(rules=rules):
            more = f" and {len(rules) - 1} others" if len(rules) > 1 else ""
            message = f"it would take too long to find out whether this rule{more} can decide anything"
            return UNDECIDED_RULES.at(rules[0].span, message)
    assert_never(found)


def _unreachable(found: Unreachable, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    places = {each.span: each for each in found.shadows}
    message = "no message gets as far as this rule"
    if len(places) == 1:
        message += ": an earlier one decides about all that it is for"
    elif places:
        message += f": {len(places)} earlier ones decide together about all that it is for"
    word = "decides about all of it" if len(places) == 1 else "decides about a part of it"
    return UNREACHABLE_MATCH.at(
        found.rule.span,
        message,
        related=tuple(Related(span, word) for span in list(places)[:_SHOWN]),
        help="move it before them, or remove it" if len(places) > 1 else "move it before that one, or remove it",
        notes=shown(found.witness, ruleset, options),
    )


def _tempfail(found: Tempfail, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    names = (
        each.question.table.shown
        for each in found.rule.conditions
        if isinstance(each.question, InTable) and each.question.table is not None and each.question.table.is_fallible
    )
    table = next(names)
    return TEMPFAIL_BEFORE_MATCH.at(
        found.rule.span,
        f"while {table} does not answer, mail waits about which it has no say",
        related=(Related(found.decided.span, "this rule does the same, and asks nobody"),),
        help="put that rule first",
        notes=shown(found.witness, ruleset, options),
    )
