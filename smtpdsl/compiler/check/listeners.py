"""`listen` statements: options that need each other, names, strings.

Reports `missing-option`, `useless-option`, `overlong-name`, `unusable-name`,
`unusable-tls-string`, `unusable-value` and `empty-listener`; `check.ports` looks at
listeners together.
"""

from __future__ import annotations

from smtpdsl.compiler.check.ports import check_ports
from smtpdsl.compiler.check.tls_strings import check_ciphers, check_protocols
from smtpdsl.diagnostics.codes import (
    EMPTY_LISTENER,
    MISSING_OPTION,
    OVERLONG_NAME,
    UNUSABLE_NAME,
    UNUSABLE_VALUE,
    USELESS_OPTION,
)
from smtpdsl.diagnostics.diagnostic import Fix, Report, Severity
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.ir.resolved import Listener, ListenerTls, Ruleset
from smtpdsl.ir.syntax import Dialect, quote

MAX_PKI = 32
MAX_TAG_OCTETS = 32
_SMTPS_PORT = 465

# Options that speak of the TLS of a listener; without any they do nothing.
_TLS_DETAILS = ("ca", "ciphers", "protocols", "received-auth")


def check_listeners(ruleset: Ruleset, report: Report) -> None:
    """Report what keeps a listener from working, or from doing what its options say."""
    check_ciphers(ruleset.settings.smtp_ciphers, report)
    for listener in ruleset.listeners:
        _check_names(listener, report)
        if listener.is_socket:
            continue
        if listener.tls is ListenerTls.NONE:
            _check_plain(listener, report)
        else:
            _check_secured(listener, ruleset, report)
        _check_auth_options(listener, report)
        _check_family(listener, report)
    check_ports(ruleset, report)


def _check_names(listener: Listener, report: Report) -> None:
    tag, hostname = listener.tag, listener.hostname
    octets = len(tag.value.encode("utf-8", "surrogateescape"))
    if tag.span and octets > MAX_TAG_OCTETS:
        message = f"a tag of {octets} octets; the longest one has {MAX_TAG_OCTETS}"
        report(OVERLONG_NAME.at(tag.span, message, help="give it a shorter one, here and in the rules"))
    is_literal = hostname.value.startswith("[") and hostname.value.endswith("]")
    if hostname.span and not is_literal and (problem := host_name_problem(hostname.value)):
        # The name is announced whatever it is, and most clients do not look at it.
        report(
            UNUSABLE_NAME.at(
                hostname.span,
                problem,
                help="write the name that the DNS has for this server",
                severity=Severity.WARNING,
            )
        )


def _check_plain(listener: Listener, report: Report) -> None:
    """A listener without TLS: nobody can log in, and there is no use for a certificate."""
    mode = "smtps" if listener.port.value == _SMTPS_PORT else "tls-require"
    if auth := _auth_place(listener):
        message = f"`{auth.text}` without TLS: passwords are only asked for on secured sessions"
        help_text = f"add `{mode}`" if listener.pki_names else f"add `{mode}` and a `pki`"
        report(MISSING_OPTION.at(auth, message, help=help_text))
    elif pki := listener.places.get("pki"):
        message = "`pki` without TLS: nothing asks for the certificate"
        report(MISSING_OPTION.at(pki, message, help="add `tls`, `tls-require` or `smtps`; or remove `pki`"))
    else:
        for keyword in _TLS_DETAILS:
            if place := listener.places.get(keyword):
                message = f"`{keyword}` has no effect on a listener without TLS"
                report(USELESS_OPTION.at(place, message, help=f"remove it, or add `{mode}` and a `pki`"))


def _auth_place(listener: Listener) -> Span | None:
    return listener.places.get("auth") or listener.places.get("auth-optional")


def _check_secured(listener: Listener, ruleset: Ruleset, report: Report) -> None:
    assert listener.tls_span is not None, "a mode other than none was written"
    # Before 6.4 a listener without `pki` took the entry of its name, or "*".
    if not listener.pki_names and ruleset.dialect is Dialect.MODERN:
        _no_certificate(listener, ruleset, listener.tls_span, report)
    if len(listener.pki_names) > MAX_PKI:
        message = f"a listener with {len(listener.pki_names)} certificates; it takes at most {MAX_PKI}"
        help_text = "one certificate may name several hosts; or divide them among listeners on several addresses"
        report(UNUSABLE_VALUE.at(listener.pki_names[MAX_PKI].span, message, help=help_text))
    if "ciphers" in listener.places:
        check_ciphers(listener.ciphers, report)
    check_protocols(listener.protocols, report)


def _no_certificate(listener: Listener, ruleset: Ruleset, mode: Span, report: Report) -> None:
    declared = list(ruleset.pkis)
    message = f"`{listener.tls.value}` without a certificate"
    fix = None
    if len(declared) == 1:
        option = f"pki {quote(declared[0])}"
        help_text = f"write `{option}` after it"
        fix = Fix.replacing(Span(mode.source, mode.end, mode.end), f" {option}")
    elif declared:
        help_text = f"add `pki` and one of: {', '.join(sorted(declared)[:6])}"
    else:
        help_text = "declare one, `pki NAME cert FILE key FILE`, and add `pki NAME` here"
    report(MISSING_OPTION.at(mode, message, label="needs a `pki`", help=help_text, fix=fix))


def _check_auth_options(listener: Listener, report: Report) -> None:
    """What speaks of people who have logged in, on a listener where nobody can."""
    if listener.auth is not None:
        return
    if listener.received_auth and listener.tls is not ListenerTls.NONE:
        message = "`received-auth` without `auth`: there is nothing to tell about a login"
        report(USELESS_OPTION.at(listener.places["received-auth"], message, help="remove it, or add `auth`"))
    if "senders" in listener.places:
        message = "`senders` without `auth`: only senders who have logged in are compared with it"
        report(USELESS_OPTION.at(listener.places["senders"], message, help="remove it, or add `auth`"))


def _check_family(listener: Listener, report: Report) -> None:
    if listener.family is None or listener.interface is None or listener.endpoints or not listener.is_resolved:
        return
    family, word = listener.family.text, listener.family.span
    name = {"inet4": "IPv4", "inet6": "IPv6"}[family]
    message = f'"{listener.interface.text}" has no {name} address, so this listener opens no socket'
    before = Span(word.source, word.start - 1, word.start)
    fix = Fix.replacing(Span(word.source, before.start, word.end), "") if before.text in {" ", "\t"} else None
    report(EMPTY_LISTENER.at(word, message, help=f"remove `{family}`", fix=fix))
