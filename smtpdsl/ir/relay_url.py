"""Relay URLs: where `relay host` and `relay domain` send mail, and how it is secured.

    url = [ scheme "://" ] [ label "@" ] host [ ":" port ]

    smtps://ann@mx.example:4650      the label "ann" is looked up in the action's `auth` table
    [2001:db8::25]:2525              no scheme is `smtp`: TLS if offered

What fails on each attempt is an error.  What OpenSMTPD takes but understands
otherwise than it reads is an *oddity* of the URL: text that is ignored, a scheme
that is none because its colon is missing.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.url_parts import Oddity, RelayUrlError, UrlParts, authority_text, split_url
from smtpdsl.record import Record

__all__ = ["Oddity", "RelayScheme", "RelayUrl", "RelayUrlError", "parse_relay_url"]


class RelayScheme(Enum):
    """The schemes of the modern language; the value is how they are written."""

    SMTP = "smtp"
    SMTP_TLS = "smtp+tls"
    SMTP_NOTLS = "smtp+notls"
    SMTPS = "smtps"
    LMTP = "lmtp"

    @property
    def default_port(self) -> int | None:
        """The port of a URL that names none; None if it must name one."""
        return {RelayScheme.SMTPS: 465, RelayScheme.LMTP: None}.get(self, 25)

    @property
    def takes_label(self) -> bool:
        """Whether a session may authenticate: only where TLS is certain."""
        return self in {RelayScheme.SMTP_TLS, RelayScheme.SMTPS}


class RelayUrl(Record):
    """A place to relay to; an IPv6 address stands in `host` without its brackets."""

    scheme: RelayScheme
    label: str | None = None
    host: str
    port: int | None = None
    oddities: tuple[Oddity, ...] = ()

    _uncompared: ClassVar[frozenset[str]] = frozenset({"oddities"})

    def __str__(self) -> str:
        return f"{self.scheme.value}://{authority_text(self.label, self.host, self.port)}"

    @property
    def effective_port(self) -> int:
        """The port to connect to."""
        port = self.port or self.scheme.default_port
        assert port is not None, "parse_relay_url demands a port where there is no default"
        return port


def parse_relay_url(text: str) -> RelayUrl:
    """Read a relay URL of the modern language.

    Raises:
        RelayUrlError: No attempt to relay to *text* can succeed.
    """
    scheme = _scheme_of(text)
    parts = split_url(text)
    if parts.label and not scheme.takes_label:
        raise _refused_label(scheme, parts)
    if parts.port is None and scheme.default_port is None:
        message = f'expected a port after "{parts.host}", because `{scheme.value}` has no default'
        raise RelayUrlError(message, parts.host_start, len(text), f'write "{text}:PORT"')
    return RelayUrl(scheme=scheme, label=parts.label, host=parts.host, port=parts.port, oddities=parts.oddities)


def _scheme_of(text: str) -> RelayScheme:
    written, mark, rest = text.partition("://")
    if not mark:
        return RelayScheme.SMTP
    try:
        return RelayScheme(written.lower())
    except ValueError:
        known = [scheme.value for scheme in RelayScheme]
        advice = _earlier_scheme_advice(written.lower(), rest)
        if not advice and (near := nearest(written, known)):
            advice = f'write "{near}://{rest}"'
        message = f'expected one of the schemes {", ".join(known)}, found "{written}"'
        raise RelayUrlError(message, 0, len(written), advice) from None


def _earlier_scheme_advice(scheme: str, rest: str) -> str:
    """Say how the *scheme* of a release before 6.4 is written now; empty if it was none."""
    unchecked = "; without `verify` it left certificates unchecked, which is `tls no-verify` now"
    match scheme:
        case "backup":
            return f'write `relay backup mx "{rest}"`'
        case "tls+backup":
            return f'write `relay backup mx "{rest}" tls`{unchecked}'
        case "smtps+auth":
            return f'write "smtps://{rest}"{unchecked}'
        case "tls" | "tls+auth":
            return f'write "smtp+tls://{rest}"{unchecked}'
        case "secure" | "secure+auth" | "ssl" | "ssl+auth":
            nearby = "smtps" if rest.endswith(":465") else "smtp+tls"
            return f'write "{nearby}://{rest}": one way to secure a session, where "{scheme}" tried two'
    return ""


def _refused_label(scheme: RelayScheme, parts: UrlParts) -> RelayUrlError:
    message = f'expected no label with `{scheme.value}`, found "{parts.label}"'
    advice = f'write "smtp+tls://{parts.authority}" or "smtps://{parts.authority}": only they authenticate'
    if scheme is RelayScheme.LMTP:
        advice = "an LMTP session does not authenticate"
    return RelayUrlError(message, *parts.label_span, advice)
