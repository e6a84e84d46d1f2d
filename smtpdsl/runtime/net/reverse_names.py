"""What a client's address is called, and whether the name leads back to it.

    192.0.2.1   PTR mx.example     A 192.0.2.1        ReverseName("mx.example", is_confirmed=True)
    192.0.2.2   PTR other.example  A 198.51.100.7     ReverseName("other.example", is_confirmed=False)
    192.0.2.3   PTR gone.example   no A               ReverseName(None, is_confirmed=False)
    192.0.2.4   no PTR                                the same
    192.0.2.5   nobody answers                        ReverseName(None, is_confirmed=None)

Whoever has an address writes its reverse zone, so only what is a host name is a name, and
of many names the first few are looked at.  The file of hosts goes first; what never leaves
this machine or its link is looked for nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple, Protocol

from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.runtime.net.hosts import HostsFile
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError


class ReverseName(NamedTuple):
    """The name of an address, if it has one; *is_confirmed* is None if nobody could tell."""

    name: str | None
    is_confirmed: bool | None


NO_NAME = ReverseName(None, is_confirmed=False)
UNKNOWN = ReverseName(None, is_confirmed=None)


class Dns(Protocol):
    """Who is asked; `NameServers` is one."""

    async def names(self, address: str) -> Records:
        """Return what the reverse zone has; raises `ResolveError`."""

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Return the addresses of a host; raises `ResolveError`."""


class _Known(NamedTuple):
    found: ReverseName
    until: float


class ReverseNames:
    """Finds names out, and remembers them for a while."""

    # What anybody waits for an answer, in all.
    SECONDS = 3.0
    MAX_KNOWN = 10_000
    # Look-ups at the same time; further ones wait, and that counts.
    MAX_QUESTIONS = 256
    # Of the names of one address.
    MAX_CONFIRMED = 4
    # How long what was found is kept, whatever its zone says, and how long that nothing could be found out.
    MAX_SECONDS_KEPT = 3600.0
    MIN_SECONDS_KEPT = 5.0
    SECONDS_OF_TROUBLE = 15.0

    def __init__(self, dns: Dns, hosts: HostsFile, clock: Callable[[], float], *, seconds: float = SECONDS) -> None:
        """Ask *hosts* and then *dns*, for at most *seconds*; *clock* says when an answer is too old."""
        self._dns = dns
        self._hosts = hosts
        self._clock = clock
        self._seconds = seconds
        self._known: dict[IpAddress, _Known] = {}
        self._questions: dict[IpAddress, asyncio.Task[ReverseName]] = {}
        self._turns = asyncio.Semaphore(self.MAX_QUESTIONS)
        self._is_closed = False

    def find(self, source: str) -> ReverseName | Awaitable[ReverseName]:
        """Return the name of a client whose address is *source*, at once or later.

        Args:
            source: The address as rules compare it; the local socket has no name here.
        """
        address = IpAddress.parse(source.strip("[]"))
        if address is None:
            return NO_NAME
        name = self._hosts.name(address)
        if name is not None:
            return ReverseName(name, is_confirmed=True)
        if address.is_near:
            return NO_NAME
        known = self._known.get(address)
        if known is not None and known.until > self._clock():
            return known.found
        return UNKNOWN if self._is_closed else self._wait(self._question(address, source.strip("[]")))

    async def close(self) -> None:
        """Ask no more; who still waits hears that nobody can tell."""
        self._is_closed = True
        questions = list(self._questions.values())
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    async def _wait(self, question: asyncio.Task[ReverseName]) -> ReverseName:
        """Wait for an answer that others may wait for too: who leaves does not take it from them."""
        try:
            return await asyncio.shield(question)
        except asyncio.CancelledError:
            if question.cancelled():
                # By `close`; who waits is not meant.
                return UNKNOWN
            raise

    def _question(self, address: IpAddress, text: str) -> asyncio.Task[ReverseName]:
        """Return the look-up of *address* that is under way, or begin one."""
        if address not in self._questions:
            self._questions[address] = asyncio.ensure_future(self._find_out(address, text))
        return self._questions[address]

    async def _find_out(self, address: IpAddress, text: str) -> ReverseName:
        deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            found, seconds = await self._ask(address, text, deadline)
        finally:
            del self._questions[address]
        self._keep(address, found, min(max(seconds, self.MIN_SECONDS_KEPT), self.MAX_SECONDS_KEPT))
        return found

    def _keep(self, address: IpAddress, found: ReverseName, seconds: float) -> None:
        self._known.pop(address, None)
        if len(self._known) >= self.MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[address] = _Known(found, self._clock() + seconds)

    # ------------------------------------------------------------ asking

    async def _ask(self, address: IpAddress, text: str, deadline: float) -> tuple[ReverseName, float]:
        """Return the name, and for how many seconds that is so."""
        pointers = await self._records(partial(self._dns.names, text), deadline)
        if pointers is None:
            return UNKNOWN, self.SECONDS_OF_TROUBLE
        names = list(islice(filter(_is_host_name, pointers.values), self.MAX_CONFIRMED))
        follow = (
            self._records(partial(self._dns.addresses, each, is_ipv6=address.is_ipv6), deadline) for each in names
        )
        answers = await asyncio.gather(*follow)
        seconds = min(self.SECONDS_OF_TROUBLE if each is None else each.seconds for each in (pointers, *answers))
        return _judge(address, list(zip(names, answers, strict=True))), seconds

    async def _records(self, ask: Callable[[], Awaitable[Records]], deadline: float) -> Records | None:
        """Return an answer of the DNS, None if there is none in time."""
        try:
            async with asyncio.timeout_at(deadline), self._turns:
                return await ask()
        except (TimeoutError, ResolveError):
            return None


def _judge(address: IpAddress, names: Sequence[tuple[str, Records | None]]) -> ReverseName:
    """Choose among *names*, each with where it leads, None if nobody can tell."""
    for name, records in names:
        if records is not None and address in map(IpAddress.parse, records.values):
            return ReverseName(name, is_confirmed=True)
    if any(records is None for _, records in names):
        return UNKNOWN
    # A name without an address is none, as with OpenSMTPD: a rule that asks for it could relay.
    elsewhere = next((name for name, records in names if records is not None and records.values), None)
    return ReverseName(elsewhere, is_confirmed=False)


def _is_host_name(text: str) -> bool:
    """Whether *text* can be a name; four numbers would look like the address of somebody else."""
    return host_name_problem(text) is None and not text.rpartition(".")[2].isdigit()
