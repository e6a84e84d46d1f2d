"""`match` statements: eight slots, each asked at most once.

A rule that says nothing about the client means local clients, and one that says
nothing about the recipient means local domains: `from local` and `for local` are
added here, marked as implied.
"""

from __future__ import annotations

from smtpdsl.compiler.resolve.questions import CARRIED, conditions_of
from smtpdsl.compiler.resolve.scope import Scope
from smtpdsl.diagnostics.codes import DUPLICATE_CRITERION, OVERWRITTEN_CRITERION, UNKNOWN_ACTION
from smtpdsl.diagnostics.diagnostic import Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    Condition,
    InTable,
    IsAuthenticated,
    LocalDestination,
    LocalSource,
    Rule,
    Slot,
)
from smtpdsl.ir.syntax import Criterion

_IMPLIED = (
    (Slot.FROM, LocalSource(), "from local"),
    (Slot.FOR, LocalDestination(), "for local"),
)


def resolve_rules(scope: Scope) -> tuple[Rule, ...]:
    """Return the rules in source order."""
    return tuple(_rule(each, scope) for each in scope.config.statements if isinstance(each, syntax.Match))


def _rule(statement: syntax.Match, scope: Scope) -> Rule:
    slots: dict[Slot, Condition] = {}
    for criterion in statement.criteria:
        conditions = list(conditions_of(criterion, scope))
        again = next((each for each in conditions if each.slot in slots), None)
        if again is not None:
            _asked_twice(slots[again.slot], again, criterion, scope)
        slots.update({each.slot: _narrower(slots.get(each.slot), each) for each in conditions})
    for slot, question, words in _IMPLIED:
        if slot not in slots:
            head = _first_word(statement.span)
            slots[slot] = Condition(span=head, slot=slot, question=question, is_implied=True, words=words)
    name = statement.action
    action = scope.find("action", scope.actions, name, UNKNOWN_ACTION) if name else None
    is_unknown = any(isinstance(each.question, InTable) and each.question.table is None for each in slots.values())
    return Rule(
        span=statement.span,
        conditions=tuple(slots[slot] for slot in sorted(slots)),
        action=action,
        action_name=name,
        is_broken=is_unknown or (name is not None and action is None),
    )


def _narrower(before: Condition | None, again: Condition) -> Condition:
    """`auth <t> from auth`: the table stays, as in OpenSMTPD; dropping it would let every login in."""
    if before is not None and isinstance(before.question, InTable) and isinstance(again.question, IsAuthenticated):
        return again.replace(question=before.question)
    return again


def _first_word(span: Span) -> Span:
    word = span.text.split(None, 1)[0] if span.text.strip() else ""
    return Span(span.source, span.start, span.start + len(word))


def _asked_twice(before: Condition, again: Condition, criterion: Criterion, scope: Scope) -> None:
    """`from auth` and its like overwrite the slot they carry; everything else is refused."""
    related = (Related(before.span, "asked here already"),)
    if again.slot not in {Slot.FROM, Slot.FOR} and criterion.words in CARRIED:
        message = f"`{again.words}` replaces the condition before it"
        help_text = "a rule asks one thing of the sender, of the recipient and of the login; put both into one table"
        scope.report(OVERWRITTEN_CRITERION.at(criterion.span, message, related=related, help=help_text))
        return
    word = {Slot.FROM: "from", Slot.FOR: "for"}.get(again.slot, criterion.words[-1])
    message = f"a rule with two `{word}` conditions"
    help_text = "write two rules, or put the values into one list: `{ a, b }`"
    if again == before:
        help_text = "remove one of them"
    if isinstance(before.question, AnySource | AnyDestination) and criterion.words in CARRIED:
        help_text = f"remove `{before.words}`: `{' '.join(criterion.words)}` is for any already"
    scope.report(DUPLICATE_CRITERION.at(criterion.span, message, related=related, help=help_text))
