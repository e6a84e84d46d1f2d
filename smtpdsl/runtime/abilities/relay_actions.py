"""Relay actions: to a host that is named, over plain SMTP."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.relay_url import RelayScheme
from smtpdsl.ir.resolved import RelayAction, RelayTls, Smarthost
from smtpdsl.ir.syntax import Dialect
from smtpdsl.runtime.abilities.finding import (
    first_of_many,
    inside,
    keyword,
    unserved,
    unserved_word,
    with_reference,
)

# `hosts` as far as `tables` can read them; `_host_findings` says what may stand in them.
SERVED = frozenset({"span", "name", "hosts", "helo", "ttl", "auth_span", "helo_src_span", "tls_span"})
REFUSED = frozenset(
    {
        "smarthosts",
        "domain",
        "backup",
        "auth",
        "helo_src",
        "src",
        "tls",
        "pki",
        "ca",
        "ciphers",
        "protocols",
        "mail_from",
        "filter",
        "srs",
    }
)

_EXAMPLE = {
    Dialect.MODERN: "relay host smtp+notls://mx.example.org",
    Dialect.LEGACY: 'relay via "smtp://mx.example.org"',
}
_DETAILS_HELP = "remove it: no session is secured, whatever it says"


def relay_findings(action: RelayAction, dialect: Dialect) -> Iterator[Diagnostic]:
    """Yield what *action* does that the server does not."""
    yield from _way(action, dialect)
    yield from first_of_many(_host_findings(action, dialect))
    is_of_url = action.tls_span in [each.span for each in action.smarthosts]
    if action.tls is not RelayTls.OPPORTUNISTIC and not is_of_url:
        yield unserved_word(action.tls_span or _word(action, "tls"), "remove it: no session is secured")
    if action.auth is not None:
        help_text = "remove it, and let the next hop know this host by its address"
        yield unserved_word(action.auth_span or _word(action, "auth"), help_text)
    if action.helo_src is not None:
        help_text = "name this host once, for all addresses: `helo` in the modern language, `hostname` before 6.4"
        yield unserved_word(action.helo_src_span or _word(action, "helo-src"), help_text)
    yield from _options(action)


def _word(action: RelayAction, *words: str) -> Span:
    """Where an option of *action* stands: behind `relay`, for a rule before 6.4 has all its conditions before it."""
    return keyword(action.span, *words, after="relay")


def _way(action: RelayAction, dialect: Dialect) -> Iterator[Diagnostic]:
    """Yield how the next hop is found, unless it is named."""
    help_text = f"name one server that takes everything: `{_EXAMPLE[dialect]}`"
    if action.backup is not None:
        place = _word(action, "backup")
        if place == action.span:
            # Before 6.4 a URL could say it.
            place = action.backup.mx.span or place
        yield unserved(place, "`backup`", help_text)
    elif action.domain is not None:
        yield unserved_word(with_reference(_word(action, "domain")), help_text)
    elif action.hosts is None:
        yield unserved(keyword(action.span, "relay"), "`relay` to the exchangers of a domain", help_text)


def _host_findings(action: RelayAction, dialect: Dialect) -> Iterator[Diagnostic]:
    """Yield the hosts that are reached by something else than plain SMTP."""
    assert action.hosts is not None or not action.smarthosts, "hosts come out of a table"
    related: tuple[Related, ...] = ()
    if action.hosts is not None and not action.hosts.is_anonymous:
        related = (Related(with_reference(_word(action, "host")), "asks this table"),)
    for host in action.smarthosts:
        if host.url.scheme is not RelayScheme.SMTP_NOTLS:
            yield _host_finding(host, dialect, related)


def _host_finding(host: Smarthost, dialect: Dialect, related: tuple[Related, ...]) -> Diagnostic:
    # Before 6.4 the schemes have other names, so only the text knows which one the author wrote.
    written = host.span.text.strip("\"'")
    scheme, mark, _ = written.partition("://")
    url = host.url.replace(scheme=RelayScheme.SMTP_NOTLS, label=None)
    plain = str(url).replace("smtp+notls", "smtp", 1) if dialect is Dialect.LEGACY else str(url)
    help_text = f'write "{plain}" if mail may go there in the clear'
    if host.url.scheme is RelayScheme.LMTP:
        help_text = "use an action with `mda` and a program that speaks LMTP"
    what, place = (f"`{scheme}`", inside(host.span, scheme, 0, len(scheme))) if mark else (f'"{written}"', host.span)
    if host.url.scheme is RelayScheme.SMTP:
        what += ", which takes TLS if it is offered,"
    return unserved(place, what, help_text, related)


def _options(action: RelayAction) -> Iterator[Diagnostic]:
    """Yield the options that say as whom and from where we send; a word before 6.4 is the second one."""
    given: tuple[tuple[bool, tuple[str, ...], str], ...] = (
        (action.src is not None, ("src", "source"), "remove it: the system chooses the address to send from"),
        (action.pki is not None, ("pki", "certificate"), _DETAILS_HELP),
        (action.ca is not None, ("ca", "pki", "certificate"), _DETAILS_HELP),
        (not action.ciphers.is_default, ("ciphers",), _DETAILS_HELP),
        (action.protocols is not None, ("protocols",), _DETAILS_HELP),
        (action.mail_from is not None, ("mail-from", "as"), "remove it: mail keeps its sender"),
        (action.srs, ("srs",), "remove it: mail keeps its sender"),
        (action.filter is not None, ("filter",), "remove it: no filter hears of mail that is sent"),
    )
    for is_given, words, help_text in given:
        if is_given:
            yield unserved_word(_word(action, *words), help_text)
