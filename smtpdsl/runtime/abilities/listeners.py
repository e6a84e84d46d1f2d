"""Listeners: plain sessions of clients that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import Listener
from smtpdsl.runtime.abilities.finding import unserved_word

SERVED = frozenset(
    {
        "span",
        "interface",
        "endpoints",
        "is_resolved",
        "family",
        "port",
        "hostname",
        # As far as `tables` can read them.
        "hostnames",
        "tag",
        "mask_src",
        # Nobody can log in, and that is what it says.
        "received_auth",
        # DSN is not offered anyway.
        "no_dsn",
        "tls_span",
        "places",
    }
)
REFUSED = frozenset(
    {
        "tls",
        "verify",
        "pki",
        "pki_names",
        "ca",
        "ciphers",
        "protocols",
        "auth",
        "senders",
        "masquerade",
        "filter",
        "proxy_v2",
    }
)

_AUTH_HELP = "remove it, and say in the rules by address who may relay"
_TLS_HELP = "remove it: sessions are in the clear, so listen where nobody can read them, or behind a TLS proxy"
# Without TLS the compiler refuses the first and says that the others do nothing, which is so.
_TLS_DETAILS = ("pki", "ca", "ciphers", "protocols")
_HELP = {
    "auth": _AUTH_HELP,
    "auth-optional": _AUTH_HELP,
    "senders": "remove it: nobody can log in",
    "filter": "remove it; what a rule can ask, a rule that rejects can refuse",
    "proxy-v2": "remove it, and let clients connect directly: the header of a proxy is not read",
}
_SOCKET_HELP = "remove it: programs of this machine can send by SMTP, to a listener on 127.0.0.1"
_SOCKET = re.compile(r"listen\s+on\s+socket\b")


def listener_findings(listener: Listener) -> Iterator[Diagnostic]:
    """Yield the options of *listener* that are not honoured; the local socket as a whole, if it is written."""
    if listener.is_socket:
        yield from _socket(listener.span)
        return
    if listener.tls_span is not None:
        yield unserved_word(listener.tls_span, _TLS_HELP, tuple(_tls_details(listener, listener.tls_span)))
    for word, help_text in _HELP.items():
        if word in listener.places:
            yield unserved_word(listener.places[word], help_text)


def _tls_details(listener: Listener, tls: Span) -> Iterator[Related]:
    for word in _TLS_DETAILS:
        place = listener.places.get(word)
        # Before 6.4 the certificate of a listener need not be named.
        if place is not None and place != tls:
            yield Related(place, "goes with it")


def _socket(statement: Span) -> Iterator[Diagnostic]:
    """The socket that every configuration has without a word has no place in the text."""
    if statement.start < statement.end:
        words = _SOCKET.match(statement.source.text, statement.start, statement.end)
        # Before 6.4 it is `enqueuer filter NAME`.
        yield unserved_word(Span(statement.source, *words.span()) if words else statement, _SOCKET_HELP)
