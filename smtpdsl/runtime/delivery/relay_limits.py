"""What `mta limit` says of sessions with other servers, for everybody and for one domain.

mta limit inet4 session-keepalive 5              example.com   Politeness(IPv4 alone, 100 messages, 5 seconds)
mta limit for domain example.net inet6           example.net   Politeness(IPv6 alone, 100 messages, 5 seconds)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Globals, Setting
from smtpdsl.ir.syntax import Word

# The limits that are kept, by their word in the language.
MESSAGES, WAITING = "session-mail-max", "session-keepalive"


class Politeness(NamedTuple):
    """How a session may be used: over which family (None for both), for how many messages, and for how long.

    *waiting* is how many seconds one waits for another message.
    """

    is_ipv6: bool | None = None
    messages: int = 100
    waiting: float = 10.0


class RelayLimits:
    """The limits of all domains."""

    def __init__(self, settings: Globals | None = None) -> None:
        """Read *settings*; without them everybody has the defaults of the language."""
        self._default = Politeness()
        self._of_domains: dict[str, Politeness] = {}
        if settings is not None:
            self._default = _politeness(settings.mta_limits, settings.mta_families)
            for each in settings.mta_domain_limits:
                self._of_domains[fold(each.domain)] = _politeness(each.limits, each.families)

    def of(self, domain: str) -> Politeness:
        """Return what holds for mail to *domain*."""
        return self._of_domains.get(fold(domain), self._default)


def _politeness(limits: Mapping[str, Setting[int]], families: tuple[Word, ...]) -> Politeness:
    is_ipv6 = families[-1].text == "inet6" if families else None
    return Politeness(is_ipv6, max(1, limits[MESSAGES].value), limits[WAITING].value)
