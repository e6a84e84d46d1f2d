"""`match` statements against the rest of the file: logins, tags, TLS.

What needs the decision diagram (rules that nothing reaches, open relays) is not
here.  Reports `no-rule`, `auth-without-rule`, `rule-without-auth` and
`impossible-pattern`; `check.rejects` looks at rules that reject.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.check.audience import asks_for_login, is_for_logins, takes_any_domain, wants_network_logins
from smtpdsl.compiler.check.rejects import check_rejects
from smtpdsl.diagnostics.codes import AUTH_WITHOUT_RULE, IMPOSSIBLE_PATTERN, NO_RULE, RULE_WITHOUT_AUTH
from smtpdsl.diagnostics.diagnostic import Edit, Fix, Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import InTable, Listener, ListenerTls, RelayAction, Rule, Ruleset, Slot, UsesTls
from smtpdsl.ir.syntax import Dialect, quote
from smtpdsl.ir.table_file import Service

# How sessions of the local socket were tagged before 6.4.
_LEGACY_SOCKET_TAG = "local"


def check_rules(ruleset: Ruleset, report: Report) -> None:
    """Report rules that do not go with the listeners, and listeners that no rule is for."""
    check_rejects(ruleset, report)
    if ruleset.is_partial:
        return
    if not ruleset.rules:
        message = "no rule: every message would be refused"
        help_text = 'add one, such as `match from local for any action "NAME"`'
        if ruleset.dialect is Dialect.LEGACY:
            help_text = "add one, such as `accept for any relay`"
        report(NO_RULE.at(ruleset.span.source.whole(), message, help=help_text))
        return
    login = next((each for each in ruleset.listeners if each.auth), None)
    if login is not None:
        _check_login(login, ruleset, report)
    _check_tags(ruleset, report)
    if any(not each.is_socket for each in ruleset.listeners):
        if login is None:
            _check_login_rules(ruleset, report)
        if all(each.tls is ListenerTls.NONE for each in ruleset.listeners):
            _check_tls_rules(ruleset, report)


# ---------------------------------------------------------------- logins


def _check_login(login: Listener, ruleset: Ruleset, report: Report) -> None:
    """People can log in: some rule has to be for them."""
    if any(map(is_for_logins, ruleset.rules)):
        return
    assert login.auth is not None
    place = login.places.get("auth") or login.places.get("auth-optional") or login.auth.span
    trap = next((rule for rule in ruleset.rules if asks_for_login(rule) and rule.implies(Slot.FROM)), None)
    if trap is not None:
        _local_logins_only(trap, place, report)
        return
    message = "people can log in here, and no rule lets them send"
    if ruleset.dialect is Dialect.LEGACY:
        help_text = "add a rule without `from`, such as `accept for any relay`: it is for them too"
        report(AUTH_WITHOUT_RULE.at(place, message, help=help_text))
        return
    name = quote(_outgoing_action(ruleset) or "NAME")
    note = "`from local`, which a rule without `from` means, does not include clients that have logged in"
    help_text = f"add `match from auth for any action {name}`"
    report(AUTH_WITHOUT_RULE.at(place, message, help=help_text, notes=(note,)))


def _outgoing_action(ruleset: Ruleset) -> str | None:
    """The name of what this host does with mail for elsewhere; a rule for one listener is a special case."""
    outgoing = [rule for rule in ruleset.rules if isinstance(rule.action, RelayAction) and takes_any_domain(rule)]
    usual = next((rule for rule in outgoing if rule.condition(Slot.TAG) is None), None)
    rule = usual or next(iter(outgoing), None)
    return rule.action.name if rule and rule.action else None


def _local_logins_only(rule: Rule, place: Span, report: Report) -> None:
    condition = rule.condition(Slot.AUTH)
    assert condition is not None
    message = "`auth` in a rule without `from` means logins on this host only"
    span = condition.span
    fix = Fix(edits=(Edit(Span(span.source, span.start, span.start), "from "),), safe=False)
    report(
        AUTH_WITHOUT_RULE.at(
            span,
            message,
            label="`from local` is implied",
            related=(Related(place, "people who log in here have no rule"),),
            help=f"write `from {span.text}`",
            fix=fix,
        )
    )


def _check_login_rules(ruleset: Ruleset, report: Report) -> None:
    """Nobody can log in over the network; the first rule that waits for it is shown."""
    rule = next(filter(wants_network_logins, ruleset.rules), None)
    condition = rule.condition(Slot.AUTH) if rule else None
    if condition is None:
        return
    message = "a rule for people who have logged in, and no listener lets anybody log in"
    note = "programs on this host that use the local socket count as authenticated, without a login"
    help_text = "add `auth` to a listener: `listen on … port 587 tls-require pki NAME auth`"
    report(RULE_WITHOUT_AUTH.at(condition.span, message, help=help_text, notes=(note,)))


# ---------------------------------------------------------------- tags, TLS


def _check_tags(ruleset: Ruleset, report: Report) -> None:
    tags = {each.tag.value for each in ruleset.listeners}
    if ruleset.dialect is Dialect.LEGACY:
        tags.add(_LEGACY_SOCKET_TAG)
    folded = set(map(fold, tags))
    told: set[str] = set()
    for span, tag in _asked_tags(ruleset, folded):
        if fold(tag) in folded | told:
            continue
        told.add(fold(tag))
        near = nearest(tag, sorted(filter(None, tags)))
        help_text = f"use {quote(near)}" if near else f"add `tag {quote(tag)}` to the listener that is meant"
        # A named table is declared elsewhere; what stands here is its name.
        is_here = tag in span.text and "<" not in span.text
        fix = Fix.replacing(span, quote(near)) if near and is_here else None
        report(IMPOSSIBLE_PATTERN.at(span, f'no listener has the tag "{tag}"', help=help_text, fix=fix))


def _asked_tags(ruleset: Ruleset, known: set[str]) -> Iterator[tuple[Span, str]]:
    """Yield the tags that rules ask for; of a named table only one, and only if none of its entries is known."""
    for rule in ruleset.rules:
        condition = rule.condition(Slot.TAG)
        if condition is None or condition.negated or not isinstance(condition.question, InTable):
            continue
        table = condition.question.table
        if table is None or not table.is_known or condition.question.service is not Service.STRING:
            continue
        if table.is_anonymous:
            yield from ((entry.span, entry.key) for entry in table.entries)
        elif table.entries and not any(fold(entry.key) in known for entry in table.entries):
            yield condition.span, table.entries[0].key


def _check_tls_rules(ruleset: Ruleset, report: Report) -> None:
    for rule in ruleset.rules:
        condition = rule.condition(Slot.TLS)
        if condition and isinstance(condition.question, UsesTls) and not condition.negated:
            message = "`tls` is never true here: no listener offers TLS"
            help_text = "remove the rule, or add `tls pki NAME` to a listener"
            report(IMPOSSIBLE_PATTERN.at(condition.span, message, help=help_text))
            return
