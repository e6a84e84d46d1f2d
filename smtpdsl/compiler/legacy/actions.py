"""What a legacy rule does, as an `action` of its own.

    deliver to mda C as U            ->   mda C user U
    nothing                          ->   expand-only, or forward-only where that is written
    alias, virtual, userbase         ->   the same words, after the method
    expire D                         ->   ttl D

Reports `duplicate-option`, `conflicting-options`, `misplaced-option`, `useless-option`
and `unusable-value`.
"""

from __future__ import annotations

from collections.abc import Iterable

from smtpdsl.compiler.legacy.nodes import head_span, option, word_argument
from smtpdsl.compiler.legacy.relays import translate_relay
from smtpdsl.compiler.legacy.surroundings import Surroundings
from smtpdsl.diagnostics.codes import (
    CONFLICTING_OPTIONS,
    DUPLICATE_OPTION,
    MISPLACED_OPTION,
    UNUSABLE_VALUE,
    USELESS_OPTION,
)
from smtpdsl.diagnostics.diagnostic import Related, Report
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Option, Word

# Two words for one place: a table of aliases, with or without domains.
_SLOTS = {"virtual": "alias"}


def translate_action(rule: syntax.LegacyRule, name: Word, ttl: Word | None, around: Surroundings) -> syntax.Action:
    """Return the action *name* of an `accept`; *ttl* is its life in the queue unless it names one."""
    mappings = _each_once(rule.mappings, around.report)
    trailers = _each_once(rule.trailers, around.report)
    forward_only = next((each for each in trailers if each.keyword == "forward-only"), None)
    expire = next((each for each in trailers if each.keyword == "expire"), None)
    if isinstance(rule.action, syntax.LegacyRelay):
        method, options = translate_relay(rule.action, around)
        _refuse_mappings(mappings, rule.action, around.report)
    else:
        method, options = _method(rule, forward_only, around), list(mappings)
        if rule.as_user is not None:
            options.append(option("user", rule.as_user.span, rule.as_user))
    if forward_only is not None and rule.action is not None:
        message = "`forward-only` may not be used with another action"
        related = (Related(rule.action.span, "the rule does this"),)
        help_text = "remove one of them"
        around.report(CONFLICTING_OPTIONS.at(forward_only.span, message, related=related, help=help_text))
    return syntax.Action(
        span=rule.span,
        name=name,
        method=method,
        options=tuple(options),
        ttl=word_argument(expire) if expire is not None else ttl,
    )


def _each_once(options: Iterable[Option], report: Report) -> list[Option]:
    """Return the first option of each kind; a second one is an error."""
    found: dict[str, Option] = {}
    for each in options:
        first = found.setdefault(_SLOTS.get(each.keyword, each.keyword), each)
        if first is not each:
            message = f"`{each.keyword}` is given twice in one rule"
            if first.keyword != each.keyword:
                message = f"`{each.keyword}` and `{first.keyword}` exclude each other"
            related = (Related(first.span, "first given here"),)
            report(DUPLICATE_OPTION.at(each.span, message, related=related, help="remove one of them"))
    return list(found.values())


def _method(rule: syntax.LegacyRule, forward_only: Option | None, around: Surroundings) -> Option:
    """Return the method of a rule that does not relay."""
    if isinstance(rule.action, Option):
        if rule.action.keyword == "lmtp":
            _check_lmtp(word_argument(rule.action), around.report)
        return rule.action
    return forward_only or option("expand-only", head_span(rule))


def _check_lmtp(destination: Word, report: Report) -> None:
    if destination.text.startswith("/") or ":" in destination.text:
        return
    message = f'`lmtp` delivers to a socket or to host and port, found "{destination.text}"'
    help_text = f'write "{destination.text}:24" with the port, or "/path/to/socket"'
    report(UNUSABLE_VALUE.at(destination.span, message, help=help_text))


def _refuse_mappings(mappings: Iterable[Option], relay: syntax.LegacyRelay, report: Report) -> None:
    for each in mappings:
        help_text = f"remove `{each.keyword}`: an address that is relayed is not looked up here"
        if each.keyword == "virtual":
            help_text = "to relay for some addresses only, write `recipient` and a list of them"
        related = (Related(relay.span, "the message is relayed"),)
        message = f"`{each.keyword}` may not be used with `relay`"
        report(CONFLICTING_OPTIONS.at(each.span, message, related=related, help=help_text))


def refuse_mappings_of_reject(rule: syntax.LegacyRule, report: Report) -> None:
    """Report `alias` and its like on a `reject`, which releases before 5.4.1 read and ignored."""
    # Those releases had no `!`, so a rule with both is a sentence of none.
    negated = next((each for each in rule.criteria if each.negated), None)
    for each in rule.mappings:
        message = f"`{each.keyword}` has no effect on `reject`"
        if negated is None:
            report(USELESS_OPTION.at(each.span, message, help=f"remove `{each.keyword}`"))
        else:
            related = (Related(negated.span, "the releases that allow it know no `!`"),)
            report(MISPLACED_OPTION.at(each.span, message, related=related, help=f"remove `{each.keyword}`"))
