"""The picture of a diagram as JSON; docs/json.md describes it."""

from __future__ import annotations

import json
from typing import Any

from smtpdsl.cli.places import place_of
from smtpdsl.diagnostics.cells import visible
from smtpdsl.ir.resolved import Rule
from smtpdsl.tooling.graph.picture import End, Outcome, Picture, Question


def as_json(picture: Picture) -> str:
    """Return *picture* as one line."""
    ends = [each for each in picture.boxes if isinstance(each, End)]
    document = {
        "version": 1,
        "root": picture.boxes[0].name,
        "nodes": [_node(each) for each in picture.boxes if isinstance(each, Question)],
        "leaves": [{"id": each.name, "outcomes": [_outcome(one) for one in each.outcomes]} for each in ends],
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def _node(box: Question) -> dict[str, Any]:
    return {
        "id": box.name,
        "about": box.about,
        "rules": [_rule(each) for each in box.rules],
        "edges": [
            {"cases": [list(map(visible, case)) for case in each.cases], "to": each.target} for each in box.arrows
        ],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    rule = outcome.decision.rule
    return {
        "conditions": list(map(visible, outcome.conditions)),
        "verdict": outcome.decision.verdict.value,
        "action": visible(rule.action.name) if rule and rule.action else None,
        "rule": _rule(rule) if rule else None,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    place = place_of(rule.span)
    return {"file": visible(place.file), "line": place.line, "text": visible(place.text)}
