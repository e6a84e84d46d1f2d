"""Differences of two configurations as JSON; docs/json.md describes it."""

from __future__ import annotations

import json
from typing import Any

from smtpdsl.analysis.difference import Comparison, Difference
from smtpdsl.analysis.witness import Witness
from smtpdsl.cli.asking import Options
from smtpdsl.cli.difference_text import conditions_of
from smtpdsl.cli.places import place_of
from smtpdsl.diagnostics.cells import visible
from smtpdsl.ir.resolved import Rule, Ruleset
from smtpdsl.ir.semantics import Decision


def as_json(comparison: Comparison, rulesets: tuple[Ruleset, Ruleset], options: Options) -> str:
    """Return *comparison* as one line."""
    document = {
        "version": 1,
        "same": comparison.is_same,
        "complete": not comparison.is_cut,
        "settings": list(comparison.settings),
        "differences": [_difference(each, rulesets[1], options) for each in comparison.differences],
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def _difference(difference: Difference, ruleset: Ruleset, options: Options) -> dict[str, Any]:
    return {
        "conditions": list(map(visible, conditions_of(difference))),
        "old": _outcome(difference.old),
        "new": _outcome(difference.new),
        "witness": witness_object(difference.witness, ruleset, options),
    }


def _outcome(decision: Decision) -> dict[str, Any]:
    rule = decision.rule
    return {
        "verdict": decision.verdict.value,
        "action": visible(rule.action.name) if rule and rule.action else None,
        "rule": rule_object(rule) if rule else None,
    }


def rule_object(rule: Rule) -> dict[str, Any]:
    """Return where *rule* is written."""
    place = place_of(rule.span)
    return {"file": visible(place.file), "line": place.line, "text": visible(place.text)}


def witness_object(witness: Witness | None, ruleset: Ruleset, options: Options) -> dict[str, Any] | None:
    """Return an envelope, and the command that explains it in the file *path*."""
    if witness is None:
        return None
    envelope, client = witness.envelope, witness.envelope.client
    return {
        "from": client.source.strip("[]"),
        "rdns": client.rdns,
        "helo": client.helo,
        "auth": client.login,
        "tls": client.tls,
        "tag": client.tag,
        "sender": str(envelope.reverse_path.mailbox or ""),
        "recipient": str(envelope.recipient),
        "expanded": envelope.is_internal,
        "assumed": list(witness.assumptions),
        "command": None if envelope.is_internal else witness.command(options, ruleset),
    }
