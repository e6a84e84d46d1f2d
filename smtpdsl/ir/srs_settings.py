"""From the settings `srs key`, `srs key backup` and `srs ttl` to what they are for."""

from __future__ import annotations

from smtpdsl.ir.resolved import Globals
from smtpdsl.mail.srs import Srs

_DAY = 24 * 3600


def srs_of(settings: Globals) -> Srs | None:
    """Return how senders are rewritten and read; None without a key."""
    if settings.srs_key.value is None:
        return None
    return Srs(key=settings.srs_key.value, backup=settings.srs_key_backup.value, days=settings.srs_ttl.value // _DAY)
