"""Findings about what strangers can do, and cannot, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smtpdsl.analysis.implied_local import ImpliedLocal, implied_locals
from smtpdsl.analysis.open_relay import Openness, OpenRelay, OpenRelays, RelayWithoutAuth
from smtpdsl.analysis.report_rules import shown
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.search import OverBudgetError
from smtpdsl.analysis.walk import Anybody, Walker
from smtpdsl.diagnostics.codes import IMPLIED_LOCAL, OPEN_RELAY, RELAY_WITHOUT_AUTH, UNDECIDED_RULES
from smtpdsl.diagnostics.diagnostic import Diagnostic, Edit, Fix, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import InTable, Ruleset, Slot, Subject
from smtpdsl.ir.syntax import Dialect


def stranger_findings(asked: AskedRules, options: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield what the rules of *asked* let strangers do, or keep them from."""
    relays = OpenRelays(asked, Walker(asked.ruleset, asked.site, Anybody()))
    unknown = []
    for found in relays.findings():
        if found.openness is Openness.UNKNOWN:
            unknown.append(found.rule)
        else:
            yield _open(found, asked.ruleset, options)
    yield from (_crowd(found, asked.ruleset, options) for found in relays.crowds())
    if unknown:
        more = f" and {len(unknown) - 1} others" if len(unknown) > 1 else ""
        message = f"it would take too long to find out whether this rule{more} makes an open relay"
        yield UNDECIDED_RULES.at(unknown[0].span, message)
    try:
        yield from (_implied(found, asked.ruleset, options) for found in implied_locals(asked))
    except OverBudgetError:
        yield UNDECIDED_RULES.at(asked.rules[0].span, "it would take too long to find out whom the rules keep out")


_NO_BAR = {
    Slot.HELO: "HELO",
    Slot.MAIL_FROM: "the sender",
    Slot.TAG: "the tag of a listener",
    Slot.TLS: "TLS",
}


def _open(found: OpenRelay, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    may = "may let" if found.openness is Openness.POSSIBLY else "lets"
    message = f"this rule {may} strangers send mail to domains that are not ours"
    notes = shown(found.witness, ruleset, options)
    if found.path:
        notes = (f"the recipient becomes {' -> '.join(found.path)}", *notes)
    asked = [word for slot, word in _NO_BAR.items() if found.rule.condition(slot) is not None]
    source = found.rule.condition(Slot.FROM)
    if source is not None and isinstance(source.question, InTable) and source.question.subject is Subject.RDNS:
        asked.append("the name of its address")
    if asked:
        notes = (f"{', '.join(asked)}: a client has what it wants, so this keeps nobody out", *notes)
    example = "accept authenticated …" if ruleset.dialect is Dialect.LEGACY else "match from auth …"
    return OPEN_RELAY.at(
        found.rule.span,
        message,
        help=f"let only those relay who are known: `{example}`, or a list of networks; or name the domains",
        notes=notes,
    )


def _crowd(found: RelayWithoutAuth, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    condition = found.rule.condition(Slot.FROM)
    assert condition is not None
    return RELAY_WITHOUT_AUTH.at(
        condition.span,
        f"everybody in {found.entry} may send mail anywhere without a login",
        help="add `auth` to the rule, or name the smaller networks that are meant",
        notes=shown(found.witness, ruleset, options),
    )


def _implied(found: ImpliedLocal, ruleset: Ruleset, options: Sequence[str]) -> Diagnostic:
    source = found.rule.condition(Slot.FROM)
    assert source is not None
    span = source.span
    fix = None
    if ruleset.dialect is Dialect.MODERN:
        fix = Fix(edits=(Edit(Span(span.source, span.end, span.end), " from any"),), safe=False)
    return IMPLIED_LOCAL.at(
        span,
        f"nobody outside can write to {found.domain}: a rule without `from` is for clients on this host",
        label="`from local` is implied",
        related=(Related(found.listener.span, "others can connect here"),),
        help="add `from any`; or `from local`, if that is what is meant",
        fix=fix,
        notes=shown(found.witness, ruleset, options),
    )
