"""Settings: those that only speak of what the server does not do are refused where they are written."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import Globals, Setting
from smtpdsl.runtime.abilities.finding import keyword, unserved, unserved_word

SERVED = frozenset(
    {
        "smtp_limits",
        "max_message_octets",
        "sub_addr_delim",
        "queue_ttl",
        "warn_intervals",
        "smtp_ciphers",
        "mta_families",
        # For filters that are programs, which are refused where they are used.
        "admd",
        # Without a key they mean nothing.
        "srs_key_backup",
        "srs_ttl",
    }
)
REFUSED = frozenset(
    {
        "mda_limits",
        "mta_limits",
        "mta_domain_limits",
        "mta_max_deferred",
        "scheduler_limits",
        "queue_compression",
        "queue_encryption",
        "srs_key",
    }
)

# By subsystem: the limits that are kept, and what to do about the others.
_SERVED_LIMITS = {
    "mda": frozenset({"max-session", "max-session-per-user"}),
    "mta": frozenset({"session-mail-max", "session-keepalive"}),
    "scheduler": frozenset({"max-inflight"}),
}
_LIMIT_HELP = {
    "mda": "remove it: the limits of local delivery are `max-session` and `max-session-per-user`",
    "mta": "remove it: the limits of sessions that are kept are `session-mail-max` and `session-keepalive`",
    "scheduler": "remove it: the limit of the scheduler is `max-inflight`",
}


def settings_findings(settings: Globals) -> Iterator[Diagnostic]:
    """Yield the settings that are written and not honoured."""
    for span, words, help_text in (
        (settings.queue_compression.span, ("compression",), "remove it, or compress the file system of the spool"),
        (settings.queue_encryption.span, ("encryption",), "remove it, and encrypt the file system of the spool"),
        (settings.mta_max_deferred.span, ("max-deferred", "max-mta-deferred"), _LIMIT_HELP["mta"]),
        # Whoever has the key takes back the reports to addresses that were signed with it, here or elsewhere.
        (settings.srs_key.span, ("key",), "remove it: senders are not rewritten, and signed addresses are not read"),
    ):
        if span is not None:
            yield unserved_word(_head(span, *words), help_text)
    yield from _limits(settings.mda_limits, "mda")
    yield from _limits(settings.scheduler_limits, "scheduler")
    for limits in (settings.mta_limits, *(each.limits for each in settings.mta_domain_limits)):
        yield from _limits(limits, "mta")


def _head(value: Span, *words: str) -> Span:
    """Return the keywords, up to one of *words*, of the setting whose value is at *value*; it may be a secret."""
    # A statement begins its line.
    start = value.source.text.rfind("\n", 0, value.start) + 1
    line = Span(value.source, start, value.end)
    indent = len(line.text) - len(line.text.lstrip())
    return Span(line.source, start + indent, keyword(line, *words).end)


def _limits(limits: dict[str, Setting[int]], subsystem: str) -> Iterator[Diagnostic]:
    for name, limit in limits.items():
        if limit.span is not None and name not in _SERVED_LIMITS[subsystem]:
            yield unserved(limit.span, f"the limit `{name}`", _LIMIT_HELP[subsystem])
