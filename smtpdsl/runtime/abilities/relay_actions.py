"""Relay actions: everything but what changes a message on its way, or tells somebody of it."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.resolved import RelayAction
from smtpdsl.runtime.abilities.finding import keyword, unserved_word

# The tables of an action as far as `tables` can read them.
SERVED = frozenset(
    {
        "span",
        "name",
        "hosts",
        "smarthosts",
        "domain",
        "backup",
        "auth",
        "auth_span",
        "helo",
        "helo_src",
        "helo_src_span",
        "src",
        "tls",
        "tls_span",
        "pki",
        "ca",
        "ciphers",
        "protocols",
        "mail_from",
        "srs",
        "dane",
        "mta_sts",
        "security_span",
        "ttl",
    }
)
REFUSED = frozenset({"filter"})


def relay_findings(action: RelayAction) -> Iterator[Diagnostic]:
    """Yield what *action* does that the server does not."""
    if action.filter is not None:
        # A rule before 6.4 has all its conditions before it.
        help_text = "remove it: no filter hears of mail that is sent"
        yield unserved_word(keyword(action.span, "filter", after="relay"), help_text)
