"""The URLs of `relay via`, up to release 6.3, and what they became.

    [ scheme "://" ] [ label "@" ] host [ ":" port ]

The same spelling means another thing in the two generations: `smtp` never used TLS
and `smtp+tls` used it if offered; both are other schemes now.  A label belongs to the
schemes with `+auth`, and only to them.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.relay_url import RelayScheme, RelayUrl
from smtpdsl.ir.url_parts import Oddity, RelayUrlError, UrlParts, authority_text, split_url
from smtpdsl.record import Record

__all__ = ["LegacyRelayUrl", "ModernRelay", "RelayUrlError", "parse_legacy_relay_url", "to_modern"]

_AUTH = "+auth"
_BACKUPS = frozenset({"backup", "tls+backup"})
# Tries STARTTLS and then a session that starts with TLS; `ssl` is its name up to 5.4.0.
_TRIES_BOTH = frozenset({"secure", "ssl"})

# The modern scheme of each, without `+auth`; None is a URL without a scheme.
_MODERN = {
    None: RelayScheme.SMTP,
    "smtp": RelayScheme.SMTP_NOTLS,
    "smtp+tls": RelayScheme.SMTP,
    "tls": RelayScheme.SMTP_TLS,
    "smtps": RelayScheme.SMTPS,
    "secure": RelayScheme.SMTP_TLS,
    "ssl": RelayScheme.SMTP_TLS,
    "lmtp": RelayScheme.LMTP,
    "backup": RelayScheme.SMTP,
    "tls+backup": RelayScheme.SMTP_TLS,
}
_WITH_AUTH = ("tls", "smtps", "secure", "ssl")
_SCHEMES = (*filter(None, _MODERN), *(scheme + _AUTH for scheme in _WITH_AUTH))


def _way_of(scheme: str | None) -> str | None:
    """Drop the mark that says a session logs in, and keep how it is secured."""
    return scheme.removesuffix(_AUTH) if scheme else None


class LegacyRelayUrl(Record):
    """A place to relay to as `relay via` names it; an IPv6 address stands in `host` without its brackets."""

    scheme: str | None
    label: str | None = None
    host: str
    port: int | None = None
    oddities: tuple[Oddity, ...] = ()

    _uncompared: ClassVar[frozenset[str]] = frozenset({"oddities"})

    def __str__(self) -> str:
        scheme = f"{self.scheme}://" if self.scheme else ""
        return scheme + authority_text(self.label, self.host, self.port)

    @property
    def authenticates(self) -> bool:
        """Whether the session logs in, so that `relay via` needs an `auth` table."""
        return self.label is not None

    @property
    def is_secured(self) -> bool:
        """Whether TLS is certain, so that `verify` has something to verify."""
        return _MODERN[_way_of(self.scheme)] in {RelayScheme.SMTP_TLS, RelayScheme.SMTPS}

    @property
    def is_backup(self) -> bool:
        """Whether it stands for `relay backup HOST`."""
        return self.scheme in _BACKUPS


class ModernRelay(NamedTuple):
    """What stands for a legacy URL in the modern language.

    Either *url* is the argument of `relay host`, or *backup_mx* that of `relay
    backup mx`; *tls* is the option beside it, "tls", "tls no-verify" or None; each of
    *losses* is a sentence about something the modern language cannot say.
    """

    url: RelayUrl | None
    backup_mx: str | None
    tls: str | None
    losses: tuple[str, ...] = ()


def parse_legacy_relay_url(text: str) -> LegacyRelayUrl:
    """Read the URL of a `relay via`.

    Raises:
        RelayUrlError: The releases up to 6.3 refuse *text*.
    """
    _check_scheme(text)
    parts = split_url(text)
    needs_label = parts.scheme is not None and parts.scheme.endswith(_AUTH)
    if needs_label and parts.label is None:
        message = f'expected a label before "{parts.host}", because `{parts.scheme}` authenticates'
        advice = f'write "{parts.scheme}://LABEL@{parts.authority}"'
        raise RelayUrlError(message, parts.host_start, len(text), advice)
    if parts.label and not needs_label:
        raise _refused_label(parts)
    if parts.scheme == "lmtp" and parts.port is None:
        message = f'expected a port after "{parts.host}", because `lmtp` has no default'
        raise RelayUrlError(message, parts.host_start, len(text), f'write "{text}:PORT"')
    return LegacyRelayUrl(
        scheme=parts.scheme, label=parts.label, host=parts.host, port=parts.port, oddities=parts.oddities
    )


def _check_scheme(text: str) -> None:
    written, mark, rest = text.partition("://")
    if not mark or written.lower() in _SCHEMES:
        return
    advice = ""
    if written.lower() == RelayScheme.SMTP_NOTLS.value:
        advice = f'write "smtp://{rest}": up to 6.3 it never uses TLS'
    elif near := nearest(written, _SCHEMES):
        advice = f'write "{near}://{rest}"'
    message = f'expected one of the schemes {", ".join(_SCHEMES)}, found "{written}"'
    raise RelayUrlError(message, 0, len(written), advice)


def _refused_label(parts: UrlParts) -> RelayUrlError:
    scheme = parts.scheme or "smtp+tls"
    message = f'expected no label with `{scheme}`, found "{parts.label}"'
    new = scheme if scheme in _WITH_AUTH else "tls"
    advice = f'write "{new}{_AUTH}://{parts.authority}": only schemes with `{_AUTH}` authenticate'
    if scheme == "lmtp":
        advice = "an LMTP session does not authenticate"
    return RelayUrlError(message, *parts.label_span, advice)


def to_modern(url: LegacyRelayUrl, *, verify: bool) -> ModernRelay:
    """Say *url* in the modern language; *verify* is the option of `relay via`.

    Certificates were checked only with `verify`, and are checked now unless `tls
    no-verify` is given.
    """
    if url.is_backup:
        return _modern_backup(url, verify=verify)
    scheme = _MODERN[_way_of(url.scheme)]
    losses: tuple[str, ...] = ()
    if _way_of(url.scheme) in _TRIES_BOTH:
        if url.port == RelayScheme.SMTPS.default_port:
            scheme = RelayScheme.SMTPS
        losses = (f"`{url.scheme}` tried STARTTLS and TLS from the start; `{scheme.value}` is only one of them",)
    modern = RelayUrl(scheme=scheme, label=url.label, host=url.host, port=url.port)
    return ModernRelay(modern, None, "tls no-verify" if url.is_secured and not verify else None, losses)


def _modern_backup(url: LegacyRelayUrl, *, verify: bool) -> ModernRelay:
    losses = (f"`relay backup` connects to port 25, not to {url.port}",) if url.port not in {None, 25} else ()
    tls = ("tls" if verify else "tls no-verify") if url.is_secured else None
    return ModernRelay(None, url.host, tls, losses)
