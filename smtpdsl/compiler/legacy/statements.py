"""The translation of a whole configuration, statement by statement and in order."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.legacy.actions import refuse_mappings_of_reject, translate_action
from smtpdsl.compiler.legacy.conditions import match_lines
from smtpdsl.compiler.legacy.filters import enqueuer_filter, translate_filter
from smtpdsl.compiler.legacy.lifetime import lifetimes
from smtpdsl.compiler.legacy.listeners import translate_listen, translate_socket
from smtpdsl.compiler.legacy.nodes import head_span, option, word_argument
from smtpdsl.compiler.legacy.surroundings import Surroundings, survey
from smtpdsl.diagnostics.codes import LEGACY_LEFTOVER
from smtpdsl.diagnostics.diagnostic import Fix, Report
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Option, Word

# Where releases before 5.4.1 look for the certificate and the key of `certificate NAME`.
_OLD_CERTIFICATE = "/etc/mail/certs/{name}.crt"
_OLD_KEY = "/etc/mail/certs/{name}.key"


def translate(config: syntax.Config, report: Report, server_name: str) -> syntax.Config:
    """Return *config* in the terms of the modern language; its dialect still says what it was.

    *server_name* is the name of this server, which `relay backup` and `as` imply.
    """
    around = survey(config, report, server_name)
    lives = lifetimes(config.statements, report)
    statements: list[syntax.Statement] = [*_old_pkis(config.statements, around)]
    rules = 0
    for position, statement in enumerate(config.statements):
        if isinstance(statement, syntax.LegacyRule):
            rules += 1
            # Messages are queued with the name of their action: it stays the same while the rule is edited.
            name = Word(span=statement.span, text=f"rule{rules}")
            statements.extend(_rule(statement, name, lives.of_rules.get(position), around))
        elif position not in lives.replaced:
            statements.extend(_translate(statement, around))
    return config.replace(statements=tuple(statements))


def _rule(
    rule: syntax.LegacyRule, name: Word, ttl: Word | None, around: Surroundings
) -> Iterator[syntax.Action | syntax.Match]:
    """Yield the action of *rule*, then its `match` lines; nothing if it never applies."""
    lines = match_lines(rule, around)
    verdict_span = rule.action.span if rule.action is not None else head_span(rule)
    action: Word | None = None
    if rule.accepts:
        # Translated even if no line names it: its mistakes are mistakes all the same.
        translated = translate_action(rule, name, ttl, around)
        if lines:
            yield translated
        action = name
    else:
        refuse_mappings_of_reject(rule, around.report)
    for criteria in lines:
        yield syntax.Match(span=rule.span, criteria=criteria, action=action, verdict_span=verdict_span)


def _translate(statement: syntax.Statement, around: Surroundings) -> Iterator[syntax.Statement]:
    """Yield what stands for a statement that is no rule."""
    match statement:
        case syntax.Listen():
            yield from translate_listen(statement, around)
        case syntax.ListenSocket():
            yield translate_socket(statement, around)
        case syntax.Pki():
            yield from _pki(statement, around.report)
        case syntax.LegacyFilter():
            yield translate_filter(statement, around)
        case syntax.Setting(words=("enqueuer", "filter")):
            yield enqueuer_filter(statement)
        case syntax.Setting(words=("curve",)):
            message = "`curve` has no effect: only releases 5.7.1 to 5.7.3 knew it"
            fix = Fix.replacing(statement.span, "", safe=True)
            around.report(LEGACY_LEFTOVER.at(statement.span, message, help="remove it", fix=fix))
        case _:
            yield statement


def _pki(statement: syntax.Pki, report: Report) -> Iterator[syntax.Pki | syntax.Ca]:
    """Yield the certificate, and the authority that up to 5.4.6 could stand with it."""
    kept: list[Option] = []
    for each in statement.options:
        match each.keyword:
            case "certificate":
                kept.append(each.replace(keyword="cert"))
            case "ca":
                yield syntax.Ca(span=each.span, name=statement.name, cert=word_argument(each))
            case "dhparams":
                kept.append(option("dhe", each.span, Word(span=each.span, text="auto")))
                message = "the file of `dhparams` is not read any more: the TLS library chooses the parameters"
                report(LEGACY_LEFTOVER.at(each.span, message, help="write `dhe auto`, which is what it means now"))
            case _:
                kept.append(each)
    yield statement.replace(options=tuple(kept))


def _old_pkis(statements: tuple[syntax.Statement, ...], around: Surroundings) -> Iterator[syntax.Pki]:
    """Yield a `pki` for each name after `certificate` that no statement declares."""
    known = set(around.pki_names)
    for statement in statements:
        for each in _certificates(statement):
            name = word_argument(each)
            if name.text.lower() not in known:
                known.add(name.text.lower())
                paths = {"cert": _OLD_CERTIFICATE, "key": _OLD_KEY}
                files = tuple(
                    option(keyword, each.span, name.replace(text=path.format(name=name.text)))
                    for keyword, path in paths.items()
                )
                yield syntax.Pki(span=each.span, name=name, options=files)


def _certificates(statement: syntax.Statement) -> Iterator[Option]:
    """Yield the ``certificate N`` of listeners and relays."""
    options: tuple[Option, ...] = ()
    match statement:
        case syntax.Listen():
            options = statement.options
        case syntax.LegacyRule(action=syntax.LegacyRelay(options=relay_options)):
            options = relay_options
    return (each for each in options if each.keyword == "certificate")
