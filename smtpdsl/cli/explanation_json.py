"""An explanation as JSON for programs; `docs/json.md` documents every field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from smtpdsl.analysis.explain import Explanation, Line
from smtpdsl.cli.places import place_of
from smtpdsl.ir.delivery import Plan, PlanKind
from smtpdsl.ir.resolved import Rule
from smtpdsl.ir.semantics import Answer

if TYPE_CHECKING:
    from smtpdsl.cli.online import HostFinding

_NOT_ASKED: Mapping[int, Sequence[HostFinding]] = {}
_FIELDS = {PlanKind.MDA: "command", PlanKind.COMMAND: "command", PlanKind.RELAY: "next_hop", PlanKind.LMTP: "next_hop"}


def as_json(explanation: Explanation, hosts: Mapping[int, Sequence[HostFinding]] = _NOT_ASKED) -> str:
    """Return the explanation as one line of JSON, in ASCII: the stable form of `explain --json`.

    Args:
        explanation: What is explained.
        hosts: What was found out about the next hops of deliveries, by their number.
    """
    rule = explanation.rule
    found = {
        "version": 1,
        "verdict": explanation.verdict.value,
        "reply": explanation.reply,
        "rule": _rule(rule) if rule else None,
        "action": rule.action.name if rule and rule.action else None,
        "trail": [_line(line) for line in explanation.trail],
        "deliveries": [_delivery(each, hosts.get(number)) for number, each in enumerate(explanation.plans)],
    }
    return json.dumps(_spelt(found), separators=(",", ":")) + "\n"


def _spelt(value: Any) -> Any:  # noqa: ANN401 - any part of the object
    r"""Spell octets that are no text, which are lone surrogates in ours, as ``\xNN`` in every string."""
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        case list():
            return [_spelt(each) for each in value]
        case dict():
            return {name: _spelt(each) for name, each in value.items()}
    return value


def _rule(rule: Rule) -> dict[str, Any]:
    return dict(place_of(rule.span)._asdict())


def _line(line: Line) -> dict[str, Any]:
    words = line.condition.words
    return {
        "rule": _rule(line.rule),
        "condition": f"implied {words}" if line.condition.is_implied else words,
        "value": line.witness.value,
        "answer": "no" if line.answer is Answer.SENSELESS else line.answer.value,
        "why": line.witness.why,
    }


def _delivery(each: Plan, hosts: Sequence[HostFinding] | None) -> dict[str, Any]:
    action = each.delivery.rule.action
    assert action is not None, "what is rejected is not delivered"
    found = {
        "kind": each.kind.value,
        "action": action.name,
        "rule": _rule(each.delivery.rule),
        "dest": str(each.delivery.dest),
        "user": each.user,
        _FIELDS.get(each.kind, "path"): each.what,
    }
    return found if hosts is None else {**found, "hosts": [host._asdict() for host in hosts]}
