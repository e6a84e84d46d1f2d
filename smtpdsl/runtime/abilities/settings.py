"""Settings: those that only speak of what the server does not do are refused where they are written."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.resolved import Globals, Setting
from smtpdsl.runtime.abilities.finding import unserved
from smtpdsl.runtime.credentials.jwt_library import INSTALL, has_jwt

SERVED = frozenset(
    {
        "smtp_limits",
        "max_message_octets",
        "sub_addr_delim",
        "queue_ttl",
        "queue_compression",
        "queue_encryption",
        "queue_encryption_backup",
        "retries",
        "warn_intervals",
        "smtp_ciphers",
        "mta_families",
        "mta_limits",
        "mta_domain_limits",
        "mta_max_deferred",
        "trusted_resolvers",
        # For filters that are programs, which are refused where they are used.
        "admd",
        "srs_key",
        "srs_key_backup",
        "srs_ttl",
        "dkim_keys",
        "bounce_template",
        # If there is a library for its tokens.
        "oauth_issuers",
    }
)
REFUSED = frozenset(
    {
        "mda_limits",
        "scheduler_limits",
    }
)

# By subsystem: the limits that are kept, and what to do about the others.
_SERVED_LIMITS = {
    "mda": frozenset({"max-session", "max-session-per-user"}),
    "scheduler": frozenset({"max-inflight"}),
}
_LIMIT_HELP = {
    "mda": "remove it: the limits of local delivery are `max-session` and `max-session-per-user`",
    "scheduler": "remove it: the limit of the scheduler is `max-inflight`",
}


def settings_findings(settings: Globals) -> Iterator[Diagnostic]:
    """Yield the settings that are written and not honoured."""
    if settings.oauth_issuers and not has_jwt():
        yield unserved(settings.oauth_issuers[0].span, "logging in with a token", INSTALL)
    yield from _limits(settings.mda_limits, "mda")
    yield from _limits(settings.scheduler_limits, "scheduler")


def _limits(limits: dict[str, Setting[int]], subsystem: str) -> Iterator[Diagnostic]:
    for name, limit in limits.items():
        if limit.span is not None and name not in _SERVED_LIMITS[subsystem]:
            yield unserved(limit.span, f"the limit `{name}`", _LIMIT_HELP[subsystem])
