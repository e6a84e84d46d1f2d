"""`relay` and `relay via`, as the method and options of a relay action.

    relay tls, relay tls verify      ->   relay tls no-verify, relay tls
    relay backup                     ->   relay backup mx SERVERNAME
    relay via "tls+auth://l@h" …     ->   relay host "smtp+tls://l@h" …
    as A                             ->   mail-from A, with the server's name if it has no domain

Reports `overwritten-option`, `conflicting-options`, `missing-option`, `useless-option`,
`unusable-url`, `suspicious-url`, `unusable-value` and `legacy-leftover`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.compiler.legacy.nodes import list_of_one, option, word_argument
from smtpdsl.compiler.legacy.surroundings import Surroundings
from smtpdsl.compiler.resolve.values import inside, wrong_text
from smtpdsl.diagnostics.codes import (
    CONFLICTING_OPTIONS,
    LEGACY_LEFTOVER,
    MISSING_OPTION,
    OVERWRITTEN_OPTION,
    SUSPICIOUS_URL,
    UNUSABLE_URL,
    UNUSABLE_VALUE,
    USELESS_OPTION,
)
from smtpdsl.diagnostics.diagnostic import Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.legacy_relay_url import LegacyRelayUrl, RelayUrlError, parse_legacy_relay_url, to_modern
from smtpdsl.ir.syntax import Option, Word

_MODERN = {"source": "src", "hostname": "helo", "hostnames": "helo-src", "helo": "helo-src", "certificate": "pki"}


def translate_relay(relay: syntax.LegacyRelay, around: Surroundings) -> tuple[Option, list[Option]]:
    """Return method and options of the action that stands for *relay*."""
    options = _last_of_each(relay.options, around.report)
    keyword = Span(relay.span.source, relay.span.start, relay.span.start + len("relay"))
    way = _via(relay.url, options, around) if relay.url is not None else _by_mx(options, around)
    return option("relay", keyword), [*way, *_others(options, around)]


def _last_of_each(options: Iterable[Option], report: Report) -> dict[str, Option]:
    """Return the options by keyword; of two the later one holds, and `tls` never loses its `verify`."""
    found: dict[str, Option] = {}
    for each in options:
        keyword = "hostnames" if each.keyword == "helo" else each.keyword
        before = found.get(keyword)
        if before is not None and before.modifier == "verify":
            continue
        found[keyword] = each
        if before is not None and keyword not in {"tls", "verify"}:
            related = (Related(each.span, "this one holds"),)
            message = f"`{before.keyword}` is given again, and replaced by the later one"
            report(OVERWRITTEN_OPTION.at(before.span, message, related=related, help="remove one of them"))
    return found


def _by_mx(options: dict[str, Option], around: Surroundings) -> Iterator[Option]:
    """Yield what says how the MX of the recipient's domain is reached."""
    backup, tls = options.get("backup"), options.get("tls")
    if backup is not None:
        # Without a name, the modern one is that of the listener, which may have a name of its own.
        name = Word(span=backup.span, text=around.server_name) if backup.argument is None else word_argument(backup)
        yield option("backup", backup.span, name, "mx")
    if tls is not None:
        yield option("tls", tls.span, modifier=None if tls.modifier == "verify" else "no-verify")


def _via(url: Word, options: dict[str, Option], around: Surroundings) -> Iterator[Option]:
    """Yield what says how the host of *url* is reached."""
    try:
        parsed = parse_legacy_relay_url(url.text)
    except RelayUrlError as error:
        around.report(wrong_text(UNUSABLE_URL, url, error))
        return
    for odd in parsed.oddities:
        span = inside(url, odd.start, odd.end)
        around.report(SUSPICIOUS_URL.at(span, odd.message, help="write what is meant"))
    verify, auth = options.get("verify"), options.get("auth")
    if verify is not None and not parsed.is_secured:
        _report_insecure(verify, url, parsed, around.report)
        verify = None
    modern = to_modern(parsed, verify=verify is not None)
    help_text = "leave the port out" if parsed.is_backup else "name the one that the host offers: `tls` or `smtps`"
    for loss in modern.losses:
        around.report(LEGACY_LEFTOVER.at(url.span, loss, help=help_text))
    if modern.url is not None:
        # An error already, and one is enough.
        reached = modern.url if auth is not None else modern.url.replace(label=None)
        yield option("host", url.span, list_of_one(Word(span=url.span, text=str(reached))))
    if modern.backup_mx is not None:
        yield option("backup", url.span, Word(span=url.span, text=modern.backup_mx), "mx")
    if modern.tls is not None:
        yield option("tls", (verify or option("tls", url.span)).span, modifier=_modifier(modern.tls))
    if _authenticates(url, parsed, auth, around.report):
        assert auth is not None
        yield auth


def _modifier(tls: str) -> str | None:
    return "no-verify" if tls == "tls no-verify" else None


def _report_insecure(verify: Option, url: Word, parsed: LegacyRelayUrl, report: Report) -> None:
    way = f"`{parsed.scheme}`" if parsed.scheme else "a URL without a scheme"
    message = f"{way} does not insist on TLS, so there is nothing to `verify`"
    related = (Related(url.span, "this need not be secure"),)
    help_text = "write `tls://` or `smtps://` in the URL, or remove `verify`"
    report(CONFLICTING_OPTIONS.at(verify.span, message, related=related, help=help_text))


def _authenticates(url: Word, parsed: LegacyRelayUrl, auth: Option | None, report: Report) -> bool:
    """Whether `auth` belongs to the action; what is missing or idle is reported."""
    if parsed.authenticates and auth is None:
        message = f'the label "{parsed.label}" has no `auth` table to be looked up in'
        help_text = f'add `auth <table>`; the table says {parsed.label} = "user:password"'
        report(MISSING_OPTION.at(url.span, message, help=help_text))
    if auth is None or parsed.authenticates:
        return auth is not None
    way = f"`{parsed.scheme}`" if parsed.scheme else "a URL without a scheme"
    message = f"`auth` has no effect: {way} does not authenticate"
    related = (Related(url.span, "nobody logs in there"),)
    help_text = "write `tls+auth://label@…` or `smtps+auth://label@…` in the URL, or remove `auth`"
    report(USELESS_OPTION.at(auth.span, message, related=related, help=help_text))
    return False


def _others(options: dict[str, Option], around: Surroundings) -> Iterator[Option]:
    """Yield the options that do not depend on how the message travels."""
    for keyword, each in options.items():
        if keyword == "as":
            yield each.replace(keyword="mail-from", argument=_reverse_path(word_argument(each), around))
        elif keyword not in {"backup", "tls", "verify", "auth"}:
            yield each.replace(keyword=_MODERN.get(each.keyword, each.keyword))
    pki = options.get("pki")
    if pki is not None and "ca" not in options and word_argument(pki).text.lower() in around.pkis_with_ca:
        # Up to 5.4.6 the authority stands with the certificate.
        yield option("ca", pki.span, word_argument(pki))


def _reverse_path(address: Word, around: Surroundings) -> Word:
    """Return what `as` makes of the sender: a user alone is one of this server."""
    user, _, domain = address.text.rpartition("@") if "@" in address.text else (address.text, "", "")
    if not user and not domain:
        message = f'`as` needs a user, a domain or both, found "{address.text}"'
        around.report(UNUSABLE_VALUE.at(address.span, message, help="write `user`, `@domain` or `user@domain`"))
        return address
    return address if domain else address.replace(text=f"{user}@{around.server_name}")
