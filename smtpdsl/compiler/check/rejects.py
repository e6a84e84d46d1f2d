"""Rules that reject less than they seem to.

match from any mail-from <bad> reject                  covers recipients at this host only: no `for`
match from any for domain <relayed> action "relay"     lets <bad> through

A rule without `from` means this host, and one without `for` means its own domains.
That is worth a word only if a later rule takes what the reject leaves.  Reports
`narrow-reject`.
"""

from __future__ import annotations

from smtpdsl.compiler.check.audience import (
    accepts,
    asks_for_login,
    is_for_local_domains,
    is_for_strangers,
    is_local_only,
    takes_any_domain,
)
from smtpdsl.diagnostics.codes import NARROW_REJECT
from smtpdsl.diagnostics.diagnostic import Diagnostic, Edit, Fix, Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import Rule, Ruleset, Slot

_REJECT = "reject"


class _Takers:
    """The nearest later rule of each kind that takes what a reject may leave."""

    def __init__(self) -> None:
        self.stranger: Rule | None = None
        self.stranger_to_any: Rule | None = None
        self.stranger_to_foreign: Rule | None = None
        self.foreign: Rule | None = None

    def add(self, rule: Rule) -> None:
        """Remember *rule*, which accepts and comes before all that were added so far."""
        is_foreign = not is_for_local_domains(rule)
        if is_for_strangers(rule):
            self.stranger = rule
            self.stranger_to_any = rule if takes_any_domain(rule) else self.stranger_to_any
            self.stranger_to_foreign = rule if is_foreign else self.stranger_to_foreign
        if is_foreign and not asks_for_login(rule):
            self.foreign = rule

    def of(self, reject: Rule) -> Rule | None:
        """The rule that takes what *reject* leaves because of what it does not say."""
        lacks_for = reject.implies(Slot.FOR)
        if reject.implies(Slot.FROM):
            # A reject for some domains and a rule for others have nothing to do with each other.
            return self.stranger if lacks_for or takes_any_domain(reject) else self.stranger_to_any
        if lacks_for:
            return self.foreign if is_local_only(reject) else self.stranger_to_foreign
        return None


def check_rejects(ruleset: Ruleset, report: Report) -> None:
    """Report each `reject` whose implied `from local` or `for local` lets through what it is about."""
    told: set[Span] = set()
    takers = _Takers()
    for rule in reversed(ruleset.rules):
        if accepts(rule):
            takers.add(rule)
        elif rule.span not in told and (taker := takers.of(rule)):
            told.add(rule.span)  # before 6.4 one `reject` becomes two rules
            report(_narrow(rule, taker))


def _narrow(rule: Rule, taker: Rule) -> Diagnostic:
    lacks_from, lacks_for = rule.implies(Slot.FROM), rule.implies(Slot.FOR)
    covered = [
        "clients on this host" if lacks_from else "",
        "recipients at this host" if lacks_for else "",
    ]
    silent = " and ".join(f"`{word}`" for word, lacks in (("from", lacks_from), ("for", lacks_for)) if lacks)
    missing = " ".join(f"{word} any" for word, lacks in (("from", lacks_from), ("for", lacks_for)) if lacks)
    message = f"this `reject` covers only {' and '.join(filter(None, covered))}: the rule has no {silent}"
    word = _reject_word(rule.span)
    fix = None
    if word.end == rule.span.end:
        fix = Fix(edits=(Edit(Span(word.source, word.start, word.start), f"{missing} "),), safe=False)
    return NARROW_REJECT.at(
        word,
        message,
        related=(Related(taker.span, "this rule takes the rest"),),
        help=f"add `{missing}`",
        fix=fix,
    )


def _reject_word(rule: Span) -> Span:
    """The word itself: the last one of a rule, and the first one before 6.4."""
    if rule.text.endswith(_REJECT):
        return Span(rule.source, rule.end - len(_REJECT), rule.end)
    return Span(rule.source, rule.start, rule.start + len(_REJECT))
