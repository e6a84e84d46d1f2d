"""Who may come in: how many connections at once, and how often; pure, the time is an argument.

    admit(source) ──None──▶ a session ──▶ leave(source)
                  ──Reply─▶ told 421, closed

A source is an IPv4 address, or the /64 of an IPv6 address: the least that one subscriber
gets.  Programs of this machine are no strangers: limits for a source do not hold for
loopback, unless they are written in the configuration.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeAlias

from smtpdsl.mail.ip import ipv4_value, ipv6_value, is_loopback
from smtpdsl.mail.reply import Reply

_MINUTE = 60.0
# Sources whose rate is remembered; 100 octets each, and the one that came last longest ago is forgotten first.
_REMEMBERED = 65_536
# Seconds that sixty divided by a rate may be wrong by.
_ROUNDING = 1e-6

FULL = Reply(code=421, enhanced_status="4.3.2", lines=("Too many connections, try again later",))
TOO_MANY = Reply(code=421, enhanced_status="4.7.0", lines=("Too many connections from your address, try again later",))
TOO_OFTEN = Reply(code=421, enhanced_status="4.7.0", lines=("You connect too often, try again later",))

# An IPv4 address and its bits, or the first half of an IPv6 address and its bits; the text of what is neither.
Source: TypeAlias = tuple[int, int] | str


class GateLimits(NamedTuple):
    """How many connections may be open at once and of one source, and how many of it may begin in a minute.

    A rate of 0 is no limit.  A limit that *holds for loopback* was written by somebody who
    wants it for everybody.
    """

    connections: int
    of_source: int
    of_source_per_minute: int = 0
    of_source_holds_for_loopback: bool = False
    per_minute_holds_for_loopback: bool = False


class Gate:
    """Counts connections.

    Invariant: what was admitted and has not left, is counted; nothing else is.
    """

    def __init__(self, limits: GateLimits) -> None:
        """Let nobody in yet."""
        self.limits = limits
        self.connections = 0
        self._of_source: Counter[Source] = Counter()
        # When a source that connects evenly would have made as many connections as it did.
        self._even: dict[Source, float] = {}

    def admit(self, source: str | None, now: float) -> Reply | None:
        """Count a connection that begins, and return None; or return the reply to refuse it with.

        Args:
            source: The client's address as rules compare it.  None where a limit for a source
                makes no sense: the local socket, or a proxy that has not said yet for whom it
                comes (it leaves, and its client is asked for admission).
            now: Seconds, of any clock that only goes forward.
        """
        if self.connections >= self.limits.connections:
            return FULL
        if source is not None and (refused := self._admit_source(source, now)):
            return refused
        self.connections += 1
        return None

    def leave(self, source: str | None) -> None:
        """Count no more a connection of *source* that was admitted."""
        self.connections -= 1
        if source is None:
            return
        key = source_of(source)
        self._of_source[key] -= 1
        assert self._of_source[key] >= 0, "only who came in can leave"
        if not self._of_source[key]:
            del self._of_source[key]

    @property
    def remembered(self) -> int:
        """How many sources something is kept about."""
        return len(self._even.keys() | self._of_source.keys())

    def connections_of(self, source: str) -> int:
        """How many connections of *source*, and whoever shares its prefix, are open."""
        return self._of_source[source_of(source)]

    def _admit_source(self, address: str, now: float) -> Reply | None:
        limits, source = self.limits, source_of(address)
        is_near = is_loopback(address)
        is_counted = limits.of_source_holds_for_loopback or not is_near
        if is_counted and self._of_source[source] >= limits.of_source:
            return TOO_MANY
        is_timed = limits.per_minute_holds_for_loopback or not is_near
        if limits.of_source_per_minute and is_timed and not self._is_in_rate(source, now):
            return TOO_OFTEN
        self._of_source[source] += 1
        return None

    def _is_in_rate(self, source: Source, now: float) -> bool:
        """Count one more beginning of *source*, unless there were too many of late.

        One number tells: a minute's worth may come at once, and from then on as many as fit.
        """
        step = _MINUTE / self.limits.of_source_per_minute
        even = max(self._even.pop(source, now), now)
        # What was refused is no beginning, or a client that tries on would never get in again.
        is_in_rate = even + step <= now + _MINUTE + _ROUNDING
        self._even[source] = even + step if is_in_rate else even
        self._forget(now)
        return is_in_rate

    def _forget(self, now: float) -> None:
        """Forget the source that was heard of longest ago, if it has nothing to make up for, or if there are too many.

        At most two go for one that comes, so there is no moment at which thousands do.
        """
        for _ in range(2):
            oldest = next(iter(self._even), None)
            if oldest is None or (self._even[oldest] > now and len(self._even) <= _REMEMBERED):
                return
            del self._even[oldest]


def source_of(address: str) -> Source:
    """Return what limits for a source are counted by.

    Args:
        address: A client's, as rules compare it: ``192.0.2.1`` or ``[2001:db8::1]``.
    """
    if not address.startswith("["):
        value = ipv4_value(address)
        return address if value is None else (value, 32)
    value = ipv6_value(address[1:-1].partition("%")[0])
    return address if value is None else (value >> 64, 64)
