"""Statements that no release of OpenSMTPD has: when mail is tried again, who signs it, whose tokens are logins.

mta retry-after for domain "example.com" on 450 15m, 1h        RetryAfter
dkim-sign "s2026._domainkey.example.com" key "/etc/dkim.pem"   DkimKey
oauth-issuer "https://id.example.com" key "/etc/id.jwks"       OAuthIssuer
"""

from __future__ import annotations

import re

from smtpdsl.compiler.resolve.options import Options
from smtpdsl.compiler.resolve.scope import Scope
from smtpdsl.compiler.resolve.values import inside, read_word, wrong_text
from smtpdsl.diagnostics.codes import (
    DUPLICATE_NAME,
    MISSING_OPTION,
    OVERWRITTEN_OPTION,
    UNUSABLE_NAME,
    UNUSABLE_VALUE,
)
from smtpdsl.diagnostics.diagnostic import Related
from smtpdsl.ir import syntax
from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.ir.quantity import parse_time
from smtpdsl.ir.resolved import DkimKey, OAuthIssuer, RetryAfter
from smtpdsl.ir.syntax import Number, Word
from smtpdsl.mail.address import AddressError
from smtpdsl.mail.idn import ascii_domain

# The label that RFC 6376 §3.6.2.1 puts between the selector and the domain.
_DKIM_LABEL = "._domainkey."
_AUDIENCE_HELP = "write what the `aud` of its tokens says; without `for` they may be for anybody"
_CLAIM_HELP = "write which claim has the login, such as `email`"
# A reply code of a failure that passes (RFC 5321 §4.2.1), or the beginning of its enhanced status (RFC 3463 §2).
_STATUS = re.compile(r"4(?:[0-5][0-9]|(?:\.[0-9]{1,3}){1,2})", re.ASCII)


def read_retries(scope: Scope) -> tuple[RetryAfter, ...]:
    """Return every `retry-after`; of two for the same mail the later one holds."""
    found: dict[tuple[str, str, str], RetryAfter] = {}
    for statement in scope.config.statements:
        if isinstance(statement, syntax.RetryAfter) and (retry := _retry(statement, scope)) is not None:
            key = retry.route, retry.domain, retry.status
            if (before := found.get(key)) is not None:
                message = "`retry-after` is given again for the same mail; this one holds"
                related = (Related(before.span, "replaced by the later one"),)
                scope.report(OVERWRITTEN_OPTION.at(statement.span, message, related=related, help="remove one of them"))
            found[key] = retry
    return tuple(found.values())


def _retry(statement: syntax.RetryAfter, scope: Scope) -> RetryAfter | None:
    delays = [read_word(word, parse_time, scope.report) for word in statement.delays]
    domain = _domain(statement.domain, scope) if statement.domain is not None else ""
    status = _status(statement.status, scope) if statement.status is not None else ""
    if domain is None or status is None or None in delays:
        return None
    kept = tuple(delay for delay in delays if delay is not None)
    return RetryAfter(span=statement.span, route=statement.subsystem, delays=kept, domain=domain, status=status)


def _status(written: Word | Number, scope: Scope) -> str | None:
    text = written.text if isinstance(written, Word) else str(written.value)
    if _STATUS.fullmatch(text):
        return text
    message = f'expected what a failure that passes begins with, found "{text}"'
    help_text = "write a reply code (`450`) or the beginning of an enhanced status (`4.7`)"
    scope.report(UNUSABLE_VALUE.at(written.span, message, help=help_text))
    return None


def _domain(word: Word, scope: Scope) -> str | None:
    """Return the A-labels of *word*, in small letters."""
    try:
        name = ascii_domain(word.text).lower()
    except AddressError as error:
        scope.report(wrong_text(UNUSABLE_NAME, word, error))
        return None
    if problem := host_name_problem(name):
        scope.report(UNUSABLE_NAME.at(word.span, problem, help="write the part of an address after its `@`"))
        return None
    return name


# ---------------------------------------------------------------- signatures


def read_dkim_keys(scope: Scope) -> tuple[DkimKey, ...]:
    """Return every `dkim-sign`; a domain may have several keys."""
    found: dict[tuple[str, str], DkimKey] = {}
    for statement in scope.config.statements:
        if isinstance(statement, syntax.DkimSign) and (key := _dkim_key(statement, scope)) is not None:
            name = key.selector, key.domain
            if (before := found.get(name)) is not None:
                related = (Related(before.span, "the first one"),)
                message = f'"{statement.name.text}" is signed for twice: one name has one key'
                help_text = "give the other key a selector of its own"
                scope.report(DUPLICATE_NAME.at(statement.name.span, message, related=related, help=help_text))
            found.setdefault(name, key)
    return tuple(found.values())


def _dkim_key(statement: syntax.DkimSign, scope: Scope) -> DkimKey | None:
    name = statement.name
    # Whoever copies it from a zone file copies the dot at its end, too.
    text = name.text.removesuffix(".")
    selector, label, _ = text.lower().partition(_DKIM_LABEL)
    if not label or not selector:
        message = f'"{name.text}" is not the name of a record with a key'
        help_text = f'write the selector, "{_DKIM_LABEL}" and the domain: `dkim-sign "mail._domainkey.example.com"`'
        scope.report(UNUSABLE_NAME.at(name.span, message, help=help_text))
        return None
    start = len(selector) + len(label)
    domain = _domain(Word(span=inside(name, start, len(text)), text=text[start:]), scope)
    if problem := host_name_problem(selector):
        scope.report(UNUSABLE_NAME.at(inside(name, 0, len(selector)), problem, help="give the key another selector"))
        return None
    if domain is None:
        return None
    return DkimKey(span=statement.span, selector=selector, domain=domain, key=statement.key)


# ---------------------------------------------------------------- tokens


def read_oauth_issuers(scope: Scope) -> tuple[OAuthIssuer, ...]:
    """Return every `oauth-issuer`, each once."""
    found: dict[str, OAuthIssuer] = {}
    for statement in scope.config.statements:
        if not isinstance(statement, syntax.OAuthIssuer) or (issuer := _oauth_issuer(statement, scope)) is None:
            continue
        if (before := found.get(issuer.issuer)) is not None:
            related = (Related(before.span, "the first one"),)
            message = f'the issuer "{issuer.issuer}" is declared twice'
            scope.report(DUPLICATE_NAME.at(statement.issuer.span, message, related=related, help="remove one of them"))
        found.setdefault(issuer.issuer, issuer)
    return tuple(found.values())


def _oauth_issuer(statement: syntax.OAuthIssuer, scope: Scope) -> OAuthIssuer | None:
    options = Options(statement.options, scope.report)
    key, audience, claim = options.word("key"), options.word("for"), options.word("user")
    if not statement.issuer.text.startswith("https://"):
        message = f'expected the URL of an issuer, found "{statement.issuer.text}"'
        help_text = "write it as the `iss` of its tokens has it: `https://id.example.com`"
        scope.report(UNUSABLE_VALUE.at(statement.issuer.span, message, help=help_text))
        return None
    if key is None:
        message = "`oauth-issuer` without a key to verify its tokens with"
        help_text = "save its key set (its `jwks_uri`) as a file, and add `key` and the path"
        scope.report(MISSING_OPTION.at(statement.span, message, help=help_text))
        return None
    for option, help_text in ((audience, _AUDIENCE_HELP), (claim, _CLAIM_HELP)):
        if option is not None and not option.text:
            scope.report(UNUSABLE_VALUE.at(option.span, "expected a name, found nothing", help=help_text))
    return OAuthIssuer(
        span=statement.span,
        issuer=statement.issuer.text,
        key=key,
        audience=audience.text if audience is not None else "",
        claim=claim.text if claim is not None else "email",
    )
