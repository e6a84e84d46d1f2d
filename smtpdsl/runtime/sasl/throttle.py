"""Who guesses passwords waits longer and longer, and then is not asked any more.

    failures of a source      1     2     3     4     5 …     10
    answered after          0.5 s   1 s   2 s   4 s   8 s     421, and the connection is closed

A failure is forgotten after a minute, so a source can go on guessing at one a minute.
Sources are single addresses of IPv4 and networks /64 of IPv6, which one subscriber has.

Guessers have many sources.  So the failures of each login count too, existing or not: at
50 it is refused (454), and a failure of it is forgotten each minute.  That would lock its
owner out, wherefore a source from which this login has succeeded within 30 days is not
refused because of what others do.

A guess counts when it has failed, and a source has a few passwords checked at a time
(`sasl.turns`): so many more guesses than these it may have, once.

Pure: the time is an argument.  Bounded: the least recently seen make room for others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, TypeVar

from smtpdsl.ir.matching import fold
from smtpdsl.mail.ip import ipv6_value

K = TypeVar("K")
V = TypeVar("V")

_IPV6_BITS = 128
_IPV4_BITS = 32
_MAPPED = 0xFFFF
# Doubled more often than this, a delay is longer than any limit.
_MANY = 64


class Limits(NamedTuple):
    """How much guessing is borne; each default is explained above."""

    source_failures: int = 10
    login_failures: int = 50
    seconds_to_forget: float = 60.0
    first_delay: float = 0.5
    longest_delay: float = 8.0
    seconds_known: float = 30 * 86400.0
    prefix_bits: int = 64
    entries: int = 16384


DEFAULTS = Limits()


class Ruling(Enum):
    """Whether somebody may try."""

    TRY = "try"
    SOURCE_REFUSED = "too many failed logins from there"
    LOGIN_REFUSED = "too many failed logins with this name"


class _Level(NamedTuple):
    """A bucket with a leak: how many failures it holds, and since when."""

    failures: float
    since: float


class Remembered(NamedTuple):
    """What a throttle remembers, for another one: failures of sources and of logins, and from where these are used.

    Each has its place, how many failures there are, and of how many seconds ago that is.
    """

    sources: Sequence[tuple[str, float, float]]
    logins: Sequence[tuple[str, float, float]]
    known: Sequence[tuple[str, str, float]]


class Throttle:
    """What is remembered of failures, for all listeners of a server."""

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        """Remember nothing yet."""
        self._limits = limits
        self._sources: OrderedDict[str, _Level] = OrderedDict()
        self._logins: OrderedDict[str, _Level] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    def judge_source(self, now: float, source: str) -> Ruling:
        """Say whether *source* may try anything at all."""
        if self._level(self._sources, now, self.network(source)) >= self._limits.source_failures:
            return Ruling.SOURCE_REFUSED
        return Ruling.TRY

    def judge_login(self, now: float, source: str, login: str) -> Ruling:
        """Say whether *source* may try *login*."""
        name = fold(login)
        if self._level(self._logins, now, name) < self._limits.login_failures:
            return Ruling.TRY
        since = self._known.get((self.network(source), name))
        is_known = since is not None and now - since <= self._limits.seconds_known
        return Ruling.TRY if is_known else Ruling.LOGIN_REFUSED

    def failed(self, now: float, source: str, login: str) -> float:
        """Remember a failure, and return after how many seconds it is to be answered."""
        failures = self._raise(self._sources, now, self.network(source))
        self._raise(self._logins, now, fold(login))
        return min(self._limits.longest_delay, self._limits.first_delay * 2 ** (min(failures, _MANY) - 1))

    def succeeded(self, now: float, source: str, login: str) -> None:
        """Remember from where *login* is used; failures stay, because a guesser may have a login of its own."""
        _put(self._known, (self.network(source), fold(login)), now, self._limits.entries)

    def remembered(self, now: float) -> Remembered:
        """Return what is remembered; the least recently seen comes first."""
        return Remembered(
            [(key, each.failures, now - each.since) for key, each in self._sources.items()],
            [(key, each.failures, now - each.since) for key, each in self._logins.items()],
            [(*key, now - since) for key, since in self._known.items()],
        )

    def remember(self, now: float, others: Remembered) -> None:
        """Remember what another throttle does, which knows more than this one."""
        for levels, found in ((self._sources, others.sources), (self._logins, others.logins)):
            for key, failures, seconds in found:
                _put(levels, key, _Level(failures, now - seconds), self._limits.entries)
        for network, login, seconds in others.known:
            _put(self._known, (network, login), now - seconds, self._limits.entries)

    def network(self, source: str) -> str:
        """Return the IPv6 network of *source*; other addresses stand for themselves."""
        value = ipv6_value(source.strip("[]").partition("%")[0])
        # Addresses of IPv4 in the form of IPv6 are all in one network.
        if value is None or value >> _IPV4_BITS == _MAPPED:
            return source
        return f"{value >> _IPV6_BITS - self._limits.prefix_bits:x}/{self._limits.prefix_bits}"

    def _level(self, levels: OrderedDict[str, _Level], now: float, key: str) -> float:
        level = levels.get(key)
        if level is None:
            return 0.0
        # A clock that was set back forgets nothing, and remembers no more than it did.
        return max(0.0, level.failures - max(0.0, now - level.since) / self._limits.seconds_to_forget)

    def _raise(self, levels: OrderedDict[str, _Level], now: float, key: str) -> float:
        failures = self._level(levels, now, key) + 1
        _put(levels, key, _Level(failures, now), self._limits.entries)
        return failures


def _put(entries: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Enter *value* as the latest; the oldest goes if there are too many."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > most:
        entries.popitem(last=False)
