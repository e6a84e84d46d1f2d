"""The addresses of a host in both families, asked for at once; what one of them has is good without the other.

mx.example    AAAA  2001:db8::1, 2001:db8::2        2001:db8::1, 192.0.2.1, 2001:db8::2
              A     192.0.2.1                 ──▶   where the DNS fails for one, the other is left
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple, Protocol

from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError


class AddressDns(Protocol):
    """Who knows addresses; `NameServers` is one."""

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Return the addresses of one family; raises `ResolveError`."""


class BothFamilies(NamedTuple):
    """What was answered, IPv6 first, and what failed."""

    records: Sequence[Records]
    errors: Sequence[ResolveError]

    @property
    def addresses(self) -> Iterable[str]:
        """The addresses, as they are tried: the families take turns (RFC 8305 §4)."""
        turns = zip_longest(*(each.values for each in self.records))
        return (address for turn in turns for address in turn if address is not None)


async def both_families(dns: AddressDns, host: str) -> BothFamilies:
    """Ask *dns* for the addresses of *host*."""
    questions = [dns.addresses(host, is_ipv6=is_ipv6) for is_ipv6 in (True, False)]
    answers = await asyncio.gather(*questions, return_exceptions=True)
    if stranger := next((each for each in answers if not isinstance(each, Records | ResolveError)), None):
        raise stranger
    return BothFamilies(
        [each for each in answers if isinstance(each, Records)],
        [each for each in answers if isinstance(each, ResolveError)],
    )
