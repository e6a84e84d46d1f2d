"""What `mta limit` says of connections and sessions with other servers, for everybody and for one domain.

mta limit inet4 session-keepalive 5              example.com   Politeness(IPv4 alone, 100 messages, 5 seconds, …)
mta limit for domain example.net inet6           example.net   Politeness(IPv6 alone, 100 messages, 5 seconds, …)

OpenSMTPD waits for five seconds between two connections on one route, and so on, also where nobody has asked for
that.  Here a server is tried with one connection, and then it decides itself how fast more of them follow: see
`destinations`.  A delay that somebody has written is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Globals, Setting
from smtpdsl.ir.syntax import Word

# What connections are counted for, by its word in the language.
COUNTED = ("host", "route", "source", "connector", "relay", "domain")


class Pace(NamedTuple):
    """How many connections there may be at a time, and how many seconds after one the next may begin."""

    most: int
    delay: float = 0.0


class Politeness(NamedTuple):
    """How mail for a domain is sent.

    Over which family (None for both).  A session has so many *messages*, *pause* seconds between them, and so many
    refused recipients in a row (*failures*); it waits *waiting* seconds for another message.  The paces are those
    of connections: with an address, from an address of ours to one (a *route*, and another connection begins
    *reconnect* seconds after the last one has ended), from an address of ours, from one for a relay (a
    *connector*), for a relay, and for a domain.  A relay is an action with a next hop.  So many messages are
    handed over by the queue at a time (*ready*).
    """

    is_ipv6: bool | None = None
    messages: int = 100
    waiting: float = 10.0
    pause: float = 0.0
    failures: int = 25
    host: Pace = Pace(10)
    route: Pace = Pace(5)
    source: Pace = Pace(100)
    connector: Pace = Pace(20)
    relay: Pace = Pace(100)
    domain: Pace = Pace(100)
    reconnect: float = 0.0
    mails_per_minute: int = 0
    ready: int = 50


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

    @property
    def ready(self) -> int:
        """Return how many messages of a domain are handed over at a time."""
        return self._default.ready

    def ready_of_domains(self) -> dict[str, int]:
        """Return the same of the domains that have limits of their own."""
        return {domain: politeness.ready for domain, politeness in self._of_domains.items()}

    def of(self, domain: str) -> Politeness:
        """Return what holds for mail to *domain*."""
        return self._of_domains.get(fold(domain), self._default)


def _politeness(limits: Mapping[str, Setting[int]], families: tuple[Word, ...]) -> Politeness:
    paces = {
        name: Pace(_at_least_one(limits, f"max-conn-per-{name}"), _delay(limits, f"conn-delay-{name}"))
        for name in COUNTED
    }
    return Politeness(
        is_ipv6=families[-1].text == "inet6" if families else None,
        messages=_at_least_one(limits, "session-mail-max"),
        waiting=limits["session-keepalive"].value,
        pause=limits["session-transaction-delay"].value,
        failures=_at_least_one(limits, "max-failures-per-session"),
        reconnect=_delay(limits, "reconn-delay-route"),
        mails_per_minute=limits["max-mails-per-minute"].value,
        ready=_at_least_one(limits, "task-hiwat"),
        **paces,
    )


def _at_least_one(limits: Mapping[str, Setting[int]], name: str) -> int:
    """Return a limit that lets something through: `check` has told whoever wrote zero."""
    return max(1, limits[name].value)


def _delay(limits: Mapping[str, Setting[int]], name: str) -> float:
    """Return a delay that somebody has asked for."""
    return limits[name].value if limits[name].span is not None else 0.0
