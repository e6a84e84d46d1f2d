"""When a legacy rule applies, as the criteria of one `match` line or of two.

Up to 6.3 some clients are compared as the word `local` instead of by address: those
that logged in, the local socket, and addresses that an alias or .forward led to.  Now
a client that logged in is compared by address, so a rule that takes `local` needs a
second line for it, right after the first:

    accept …                         ->   match …                      (`from local`, implied)
                                          match from auth …
    accept from ! local …            ->   match !from local !auth …
    accept from source <t> …         ->   match from src <t> !auth …
    accept from ! source <t> …       ->   match !from src <t> …
                                          match from auth …
    accept authenticated …           ->   match from auth …
    accept ! authenticated …         ->   match !auth …                (`from local`, implied)

Where nobody can log in, neither the second line nor `!auth` says anything, and both are
left out.

Reports `duplicate-criterion`, `overwritten-criterion` and `impossible-pattern`.
"""

from __future__ import annotations

from typing import TypeAlias

from smtpdsl.compiler.legacy.nodes import head_span, list_of_one
from smtpdsl.compiler.legacy.surroundings import Surroundings
from smtpdsl.diagnostics.codes import DUPLICATE_CRITERION, IMPOSSIBLE_PATTERN, OVERWRITTEN_CRITERION
from smtpdsl.diagnostics.diagnostic import Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Criterion, LegacyCriterion, Word

Line: TypeAlias = tuple[Criterion, ...]

# Asked twice, the later one of these holds; for all others it is an error.
_LAST_HOLDS = frozenset({"tagged", "authenticated"})
_MODERN = {"tagged": "tag", "sender": "mail-from", "recipient": "rcpt-to"}


def match_lines(rule: syntax.LegacyRule, around: Surroundings) -> list[Line]:
    """Return the criteria of each `match` line that stands for *rule*; none if it never applies."""
    slots = _slots(rule, around)
    others = tuple(_translate(each) for word, each in slots.items() if word not in {"from", "authenticated"})
    clients = _client_lines(slots, head_span(rule), around)
    if not clients:
        _report_never(slots, around)
    return [(*line, *others) for line in clients]


def _slots(rule: syntax.LegacyRule, around: Surroundings) -> dict[str, LegacyCriterion]:
    """Return the criteria by their first word, in the order of the text."""
    slots: dict[str, LegacyCriterion] = {}
    for each in rule.criteria:
        word = each.words[0]
        first = slots.setdefault(word, each)
        if first is each:
            continue
        if word in _LAST_HOLDS:
            slots[word] = each
            related = (Related(each.span, "this one holds"),)
            message = f"`{word}` is given again in the same rule, and replaces this"
            around.report(OVERWRITTEN_CRITERION.at(first.span, message, related=related, help="remove it"))
        else:
            related = (Related(first.span, "first given here"),)
            message = f"`{word}` is given twice in one rule"
            help_text = "write two rules, or one table that has all the values"
            around.report(DUPLICATE_CRITERION.at(each.span, message, related=related, help=help_text))
    return slots


def _translate(criterion: LegacyCriterion) -> Criterion:
    """Return a criterion that asks something else than who the client is."""
    argument = criterion.argument
    return Criterion(
        span=criterion.span,
        words=(_MODERN.get(criterion.words[0], criterion.words[0]), *criterion.words[1:]),
        negated=criterion.negated,
        table=list_of_one(argument) if isinstance(argument, Word) else argument,
    )


def _client_lines(slots: dict[str, LegacyCriterion], head: Span, around: Surroundings) -> list[Line]:
    origin, login = slots.get("from"), slots.get("authenticated")
    by_address = _by_address(origin)
    takes_local = _takes_local(origin, around)
    span = (login or origin or LegacyCriterion(span=head, words=())).span
    logged_in = (Criterion(span=span, words=("from", "auth")),)
    not_logged_in = (*by_address, Criterion(span=span, words=("auth",), negated=True))
    if _is_never(origin):
        return []
    if login is not None:
        if login.negated:
            return [not_logged_in]
        return [logged_in] if takes_local else []
    if _is_anyone(origin) or not around.can_log_in(slots.get("tagged")):
        return [by_address]
    return [by_address, logged_in] if takes_local else [not_logged_in]


def _by_address(origin: LegacyCriterion | None) -> Line:
    """Compare the address, or the word `local` of the socket and of expanded addresses."""
    if origin is None:
        return ()
    assert not isinstance(origin.argument, Word)
    words = origin.words if origin.argument is None else ("from", "src")
    return (Criterion(span=origin.span, words=words, negated=origin.negated, table=origin.argument),)


def _takes_local(origin: LegacyCriterion | None, around: Surroundings) -> bool:
    """Whether a client that is compared as the word `local` passes."""
    if origin is None:
        return True
    assert not isinstance(origin.argument, Word)
    has_local = origin.argument is None or around.has_local(origin.argument)
    return has_local is not origin.negated


def _is_anyone(origin: LegacyCriterion | None) -> bool:
    return origin is not None and origin.words == ("from", "any")


def _is_never(origin: LegacyCriterion | None) -> bool:
    return origin is not None and _is_anyone(origin) and origin.negated


def _report_never(slots: dict[str, LegacyCriterion], around: Surroundings) -> None:
    origin, login = slots["from"], slots.get("authenticated")
    message = "no client is `from ! any`, so this rule never applies"
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    if login is not None and not _is_never(origin):
        message = f"no client that logged in is `{_written(origin)}`, so this rule never applies"
        related = (Related(login.span, "asks for a client that logged in"),)
        notes = ("up to 6.3 whoever logged in counts as `from local`, at any address",)
    help_text = "remove the rule, or say which clients are meant"
    around.report(IMPOSSIBLE_PATTERN.at(origin.span, message, related=related, help=help_text, notes=notes))


def _written(origin: LegacyCriterion) -> str:
    first, *rest = origin.words
    return " ".join([first, *(["!"] if origin.negated else []), *rest])
