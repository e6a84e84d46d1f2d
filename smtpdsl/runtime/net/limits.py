"""The limits of the configuration, for those who keep them.

    smtp limit max-errors 20 idle-timeout 5m max-connections 10000 …  ──▶  Limits, Timeouts, GateLimits, Budget
    smtp max-message-size 35M                                         ──▶  Limits

Only the names in the language are known here, and what each of them is for those who keep it.
"""

from __future__ import annotations

from smtpdsl.ir.resolved import Globals
from smtpdsl.runtime.net.budget import Budget
from smtpdsl.runtime.net.deadlines import Timeouts
from smtpdsl.runtime.net.descriptors import room
from smtpdsl.runtime.net.gate import GateLimits
from smtpdsl.runtime.protocol.limits import Limits


def session_limits(settings: Globals) -> Limits:
    """Return what a client may ask for in one session."""
    limits = settings.smtp_limits
    return Limits(
        max_message_octets=settings.max_message_octets.value,
        max_recipients=limits["max-rcpt"].value,
        max_mails=limits["max-mails"].value,
        max_errors=limits["max-errors"].value,
        max_commands=limits["max-commands"].value,
    )


def timeouts(settings: Globals) -> Timeouts:
    """Return how long a client may take."""
    limits = settings.smtp_limits
    return Timeouts(
        idle=limits["idle-timeout"].value,
        command=limits["command-timeout"].value,
        handshake=limits["handshake-timeout"].value,
        data=limits["data-timeout"].value,
        data_grace=limits["data-grace"].value,
        min_data_rate=limits["min-data-rate"].value,
    )


def gate_limits(settings: Globals, descriptors: int) -> GateLimits:
    """Return how many may come in, where there are so many *descriptors* in all processes that serve them.

    More connections than those are enough for are not let in, whoever has written what.
    """
    limits = settings.smtp_limits
    of_source, per_minute = limits["max-connections-per-source"], limits["max-connection-rate-per-source"]
    return GateLimits(
        connections=min(limits["max-connections"].value, room(descriptors)),
        of_source=of_source.value,
        of_source_per_minute=per_minute.value,
        of_source_holds_for_loopback=not of_source.is_default,
        per_minute_holds_for_loopback=not per_minute.is_default,
    )


def shortage(settings: Globals, descriptors: int) -> str | None:
    """Return a sentence about connections that are wanted and that *descriptors* are too few for; None if none are."""
    wanted, had = settings.smtp_limits["max-connections"], room(descriptors)
    if wanted.span is None or wanted.value <= had:
        return None
    return (
        f"{wanted.value} connections are allowed ({wanted.span.place}), but {descriptors} descriptors are enough for "
        f"{had}: raise the limit of open files"
    )


def memory(settings: Globals, share: float = 1.0) -> Budget:
    """Return what the sessions of a process may hold in memory that has a *share* of all; nothing of it is used."""
    return Budget(int(settings.smtp_limits["max-memory"].value * share))
