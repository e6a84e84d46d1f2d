"""Where mail for a domain goes (RFC 5321 §5.1).

    example.com  MX 10 a.example.com       a.example.com    192.0.2.1
                 MX 10 b.example.com  ──▶  b.example.com    2001:db8::2, 192.0.2.2
                 MX 20 this.server         and never to ourselves, nor to who comes after us

The best exchangers come first, equal ones in random order.  Who is no exchanger of the
world, such as 127.0.0.1, is never connected to: strangers choose what is in their zone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.mail.address import AddressError
from smtpdsl.mail.idn import ascii_domain, folded_name
from smtpdsl.runtime.net.both_families import AddressDns, both_families
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError
from smtpdsl.runtime.protocol.client_verdicts import LOOP, Verdict, permanent, temporary
from smtpdsl.runtime.relay.listed_exchangers import Exchanger, exchangers_of

# Of one exchanger, in one attempt.
MAX_ADDRESSES = 20
_MAX_KNOWN = 1000
# How long an answer is kept, whatever its zone says.
_MIN_SECONDS, _MAX_SECONDS = 5.0, 3600.0


class Host(NamedTuple):
    """A next hop: its name, which a certificate has to have, and its addresses in the order to be tried.

    Of one that *is_authentic* all has been proven that leads from the domain to its addresses
    (DNSSEC).  *bases* are the names that TLSA records of it may have, the first one first; there
    are none if its addresses have not been proven.  Hosts of one *level* are as good as each other.
    """

    name: str
    addresses: tuple[str, ...]
    is_authentic: bool = False
    bases: tuple[str, ...] = ()
    level: int = 0


class Own(NamedTuple):
    """What this server is: mail that went there would come back."""

    names: frozenset[str] = frozenset()
    addresses: frozenset[IpAddress] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str], addresses: Iterable[str]) -> Own:
        """Read names, and addresses with or without brackets; those of loopback are every server's."""
        parsed = (IpAddress.parse(each.strip("[]").partition("%")[0]) for each in addresses)
        found = frozenset(each for each in parsed if each is not None and not each.is_unroutable)
        return cls(frozenset(map(folded_name, names)), found)


class Dns(AddressDns, Protocol):
    """Who is asked; `NameServers` is one."""

    async def exchangers(self, domain: str) -> Records:
        """Return preferences and names; raises `ResolveError`."""

    async def alias(self, host: str) -> Records:
        """Return what a host is an alias for; raises `ResolveError`."""


class _Candidate(NamedTuple):
    """An exchanger with its addresses; the text says why they are not known, if they are not."""

    preference: int
    host: Host
    seconds: float
    problem: str = ""


class _Known(NamedTuple):
    found: list[_Candidate] | Verdict
    until: float


class Exchangers:
    """Asks the DNS, and remembers what it says."""

    def __init__(
        self,
        dns: Dns,
        own: Own,
        clock: Callable[[], float],
        *,
        shuffle: Callable[[list[Host]], None] = random.shuffle,
        is_usable: Callable[[IpAddress], bool] = lambda address: not address.is_unroutable,
    ) -> None:
        """Ask *dns*.

        Args:
            dns: What is known of domains.
            own: What is never connected to.
            clock: In seconds; it says when an answer is too old.
            shuffle: Changes the order of equal exchangers.
            is_usable: Whether a stranger may name such an address.
        """
        self._dns = dns
        self._own = own
        self._clock = clock
        self._shuffle = shuffle
        self._is_usable = is_usable
        self._known: dict[str, _Known] = {}

    async def find(self, domain: str, backup: str | None = None) -> Sequence[Host] | Verdict:
        """Return the hosts that take mail for *domain*, or why there are none.

        Args:
            domain: As in an address, with U-labels or an address literal.
            backup: Only exchangers better than this one; all if it is none of them.
        """
        if domain.startswith("["):
            return self._literal(domain)
        try:
            name = ascii_domain(domain)
        except AddressError:
            name = ""
        if not name or host_name_problem(name):
            return permanent(f"{ascii(domain)[1:-1]} is no name that a domain can have", "5.1.2")
        found = await self._candidates(name)
        return found if isinstance(found, Verdict) else self._choose(name, found, backup)

    # ------------------------------------------------------------ what is asked

    async def _candidates(self, domain: str) -> list[_Candidate] | Verdict:
        known = self._known.get(folded_name(domain))
        if known is not None and known.until > self._clock():
            return known.found
        try:
            records = await self._dns.exchangers(domain)
        except ResolveError as error:
            return temporary(f"the exchangers of {domain} cannot be found out: {error}", "4.4.3")
        listed = exchangers_of(domain, records)
        if isinstance(listed, Verdict):
            return self._keep(domain, listed, records.seconds)
        candidates = (self._candidate(each, is_authentic=records.is_authentic) for each in listed)
        found = list(await asyncio.gather(*candidates))
        if any(each.problem for each in found):
            return found
        return self._keep(domain, found, min([records.seconds, *(each.seconds for each in found)]))

    def _keep(self, domain: str, found: list[_Candidate] | Verdict, seconds: float) -> list[_Candidate] | Verdict:
        self._known.pop(folded_name(domain), None)
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        until = self._clock() + min(max(seconds, _MIN_SECONDS), _MAX_SECONDS)
        self._known[folded_name(domain)] = _Known(found, until)
        return found

    async def _candidate(self, exchanger: Exchanger, *, is_authentic: bool) -> _Candidate:
        """Find out the addresses of *exchanger*; what one family has is good without the other."""
        records, errors = answers = await both_families(self._dns, exchanger.name)
        problem = f"no addresses of {exchanger.name}: {errors[0]}" if errors else ""
        addresses = tuple(islice(answers.addresses, MAX_ADDRESSES))
        seconds = min((each.seconds for each in records), default=0.0)
        found = [each for each in records if each.values]
        bases = await self._bases(exchanger.name, found, is_wanted=is_authentic)
        host = Host(exchanger.name, addresses, is_authentic and bool(bases), bases)
        return _Candidate(exchanger.preference, host, seconds, problem)

    async def _bases(self, name: str, records: Sequence[Records], *, is_wanted: bool) -> tuple[str, ...]:
        """Return under which names the TLSA records of the host *name* may be (RFC 7672 §2.2.2).

        That is what it is an alias for in the end, then itself; itself alone, if only the first
        alias has been proven, which is asked for if it *is_wanted*.
        """
        targets = [each.target for each in records if each.target]
        if records and all(each.is_authentic for each in records):
            return tuple(dict.fromkeys([*targets[:1], name]))
        try:
            is_authentic = is_wanted and bool(targets) and (await self._dns.alias(name)).is_authentic
        except ResolveError:
            # Its addresses came with it, so it is there; and nobody can say that it is not signed.
            is_authentic = True
        return (name,) if is_authentic else ()

    # ------------------------------------------------------------ what is chosen

    def _choose(self, domain: str, found: list[_Candidate], backup: str | None) -> Sequence[Host] | Verdict:
        limit = min((each.preference for each in found if self._is_own(each.host, backup)), default=None)
        better = [each for each in found if limit is None or each.preference < limit]
        if not better:
            return _loop(domain, is_backup=backup is not None)
        levels: dict[int, list[Host]] = {}
        for each in better:
            usable = tuple(filter(self._may_be_named, each.host.addresses))
            if usable:
                levels.setdefault(each.preference, []).append(each.host._replace(addresses=usable))
        for level in levels.values():
            self._shuffle(level)
        ranks = enumerate(sorted(levels))
        hosts = [host._replace(level=rank) for rank, preference in ranks for host in levels[preference]]
        return hosts or _no_address(domain, better)

    def _is_own(self, host: Host, backup: str | None) -> bool:
        name = folded_name(host.name)
        if name in self._own.names or (backup is not None and name == folded_name(backup)):
            return True
        return any(IpAddress.parse(each) in self._own.addresses for each in host.addresses)

    def _may_be_named(self, address: str) -> bool:
        parsed = IpAddress.parse(address)
        return parsed is not None and self._is_usable(parsed)

    def _literal(self, domain: str) -> Sequence[Host] | Verdict:
        text = domain[1:-1]
        text = text[5:] if text[:5].lower() == "ipv6:" else text
        address = IpAddress.parse(text)
        if address is None:
            return permanent(f"{ascii(domain)[1:-1]} is no address of a host", "5.1.2")
        if address in self._own.addresses or not self._is_usable(address):
            return permanent(f"{domain} is this server, or nothing that mail could be sent to", "5.4.6")
        return [Host(text, (text,))]


def _loop(domain: str, *, is_backup: bool) -> Verdict:
    if is_backup:
        # Whoever mends the zone frees the mail: it was taken because this server is a backup.
        return temporary(f"no exchanger of {domain} is better than this server, which is only a backup", LOOP)
    text = f"the best exchanger of {domain} is this server: sent there, the message would come back"
    return permanent(text, "5.4.6")


def _no_address(domain: str, found: Sequence[_Candidate]) -> Verdict:
    problem = next((each.problem for each in found if each.problem), "")
    if problem:
        return temporary(f"no exchanger of {domain} can be found: {problem}", "4.4.3")
    unusable = sorted({address for each in found for address in each.host.addresses})
    why = f": {', '.join(unusable)} is none" if unusable else ""
    return temporary(f"no exchanger of {domain} has an address that mail could be sent to{why}", "4.4.4")
