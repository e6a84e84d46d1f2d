"""How many connections a destination gets, and what was heard of it last.

    messages sent   1   6   12  …             each adds 1/w, so that w connections grow by one when all have sent one
    window          5   6    7  …  100        it begins small, and `mta limit max-conn-per-relay` is its end
    refused 4yz     7 → 3                     each trouble halves it, and those who were under way change nothing more

A destination is where a way of an action leads: a domain, or a host.  Two messages have a connection each; of more,
two share one.  The last free connections of an address of ours are for those who have few: whoever is slow, and
keeps them busy, gets no more of them than are left for everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.permits import Limit, Permits

FIRST_WINDOW = 5.0
_RESERVE = 8
# As many messages as these have a connection each.
_FEW = 2
# What is not used for so long is new again.
_SECONDS_KNOWN = 3600.0
_MAX_KNOWN = 1000
# For so long what was heard of a domain is told, as OpenSMTPD does it.
_SECONDS_OF_STATS = 4 * 3600.0


class Destination:
    """What is known of one."""

    def __init__(self, key: Hashable, shown: str, domain: str) -> None:
        """Begin with a small window; the log and lists call it *shown*, and *domain* is counted for, too."""
        self.key = key
        self.shown = shown
        self.domain = domain
        self.window = FIRST_WINDOW
        self.used = 0.0
        # Messages that wait for one of its connections.
        self.waiting = 0
        self._journeys: set[object] = set()
        self._troubled = -1.0

    @property
    def messages(self) -> int:
        """How many are on their way."""
        return len(self._journeys)

    def enter(self, journey: object) -> None:
        """Count a message that may come here; once is enough."""
        self._journeys.add(journey)

    def leave(self, journey: object) -> None:
        """Count it no more."""
        self._journeys.discard(journey)

    def limits(self, permits: Permits, source: str, politeness: Politeness) -> list[Limit]:
        """Return what a connection from *source* counts for."""
        most = politeness.source.most
        # No more than are left for the others, and the last eighth is for those who have none.
        left = most - permits.of(("source", source)).connections
        share = max(1, left + 1 - most // _RESERVE)
        return [
            Limit(
                ("relay", self.key),
                min(int(self.window), self._needed(), politeness.relay.most),
                politeness.relay.delay,
            ),
            Limit(("domain", self.domain), *politeness.domain),
            Limit(("source", source), *politeness.source),
            Limit(("connector", self.key, source), min(politeness.connector.most, share), politeness.connector.delay),
        ]

    def _needed(self) -> int:
        messages = len(self._journeys)
        return messages if messages <= _FEW else max(_FEW, messages // 2)

    def flowed(self, most: int) -> bool:
        """Take note that a message was taken; says whether there may be another connection now."""
        before = int(self.window)
        self.window = min(self.window + 1 / self.window, max(float(most), 1.0))
        return int(self.window) > before

    def stumbled(self, began: float, now: float) -> None:
        """Take note of trouble with what *began* at that moment; only what began after the last one counts."""
        if began > self._troubled:
            self.window = max(1.0, self.window / 2)
            self._troubled = now


class Heard(NamedTuple):
    """What was heard last of a domain: when (seconds since 1970), and how many failures to reach it came before."""

    moment: float
    text: str
    unreached: int = 0


class Destinations:
    """All of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know of none; *clock* gives seconds."""
        self._clock = clock
        self._known: dict[Hashable, Destination] = {}

    def of(self, key: Hashable, shown: Callable[[], str], domain: str) -> Destination:
        """Return the destination *key*; one that is not known yet is called as *shown* says."""
        now = self._clock()
        known = self._known.pop(key, None)
        if known is None or (not known.messages and known.used + _SECONDS_KNOWN < now):
            known = Destination(key, shown(), domain)
        self._known[key] = known
        known.used = now
        if len(self._known) > _MAX_KNOWN:
            self._forget()
        return known

    def __iter__(self) -> Iterator[Destination]:
        return iter(list(self._known.values()))

    def _forget(self) -> None:
        """Forget the older half of what has no messages."""
        idle = [key for key, known in self._known.items() if not known.messages]
        for key in idle[: len(idle) // 2]:
            del self._known[key]


class HostStats:
    """What was heard of domains lately, and who is told that one is alive again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know nothing; *clock* gives seconds since 1970."""
        self.when_alive: Callable[[str], None] = lambda _: None
        self.most = 100
        self._clock = clock
        self._known: dict[str, Heard] = {}

    def heard(self, domain: str, text: str, *, is_reached: bool, is_success: bool) -> None:
        """Take note of the *text* of an outcome for *domain*; tell of a success after it could not be reached."""
        before = self._known.pop(domain, None)
        unreached = before.unreached if before is not None else 0
        if not is_reached:
            unreached += 1
        elif is_success and unreached:
            # Those who are told try so many envelopes again; further ones follow with the next success.
            unreached = max(0, unreached - self.most)
            self.when_alive(domain)
        self._known[domain] = Heard(self._clock(), text, unreached)
        if len(self._known) > _MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def __iter__(self) -> Iterator[tuple[str, Heard]]:
        """Yield what was heard within four hours."""
        oldest = self._clock() - _SECONDS_OF_STATS
        return iter([(domain, heard) for domain, heard in self._known.items() if heard.moment >= oldest])
