"""Listeners: filters that are programs, and passwords that this machine cannot check."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import Auth, FilterChain, Listener, ProgramFilter
from smtpdsl.runtime.abilities.finding import unserved, unserved_word
from smtpdsl.runtime.credentials.pam_library import INSTALL
from smtpdsl.runtime.credentials.requirements import missing_libraries
from smtpdsl.runtime.credentials.system_passwords import can_check_system

SERVED = frozenset(
    {
        "span",
        "interface",
        "endpoints",
        "is_resolved",
        "family",
        "port",
        "tls",
        "tls_span",
        "verify",
        "pki",
        "pki_names",
        "ca",
        "ciphers",
        "protocols",
        # As far as this machine can check the passwords.
        "auth",
        "hostname",
        # As far as `tables` can read them.
        "hostnames",
        "senders",
        "masquerade",
        # As far as no program is asked.
        "filter",
        "tag",
        "mask_src",
        "received_auth",
        "no_dsn",
        "proxy_v1",
        "proxy_v2",
        "tolerates_bare_lf",
        "no_chunking",
        "is_lmtp",
        # As far as `tables` can read it.
        "xclient",
        "places",
    }
)
REFUSED = frozenset[str]()

_PROGRAM_HELP = "remove it, or write what it does as filters with `phase`"


def listener_findings(listener: Listener) -> Iterator[Diagnostic]:
    """Yield the options of *listener* that are not honoured."""
    if (place := listener.places.get("filter")) is not None:
        yield from _programs(listener, place)
    if listener.auth is not None:
        yield from _unchecked(listener.auth)


def _programs(listener: Listener, place: Span) -> Iterator[Diagnostic]:
    used = listener.filter.filter if listener.filter is not None else None
    for each in used.members if isinstance(used, FilterChain) else (used,):
        if isinstance(each, ProgramFilter):
            related = (Related(each.span, "the program"),)
            yield unserved_word(place, _PROGRAM_HELP, related)


def _unchecked(auth: Auth) -> Iterator[Diagnostic]:
    """Yield what keeps people with the right password from logging in."""
    if auth.table is None:
        if not can_check_system():
            yield unserved(auth.span, "checking passwords of the accounts of this system", INSTALL)
        return
    for lack in missing_libraries(auth.table.entries):
        yield unserved(
            lack.entry.span, lack.what, lack.help, (Related(auth.span, "who logs in here is looked up there"),)
        )
