"""Names and addresses of other hosts.

mx.example   ──Resolver.addresses──▶   192.0.2.1, 2001:db8::1
192.0.2.1    ──Resolver.name───────▶   mx.example
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from smtpdsl.ir.host_name import host_name_problem


class ResolveError(Exception):
    """A name without addresses, for now or for good; the text says which, in the words of the system."""


class Resolver(Protocol):
    """Knows names and addresses; tests bring their own."""

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of *host*, without brackets and in the order in which they are to be tried.

        Raises:
            ResolveError: There are none.
        """

    async def name(self, address: str) -> str | None:
        """Return the name of *address*, if it has one."""


class SystemResolver:
    """Asks as every program of this system does, which includes its file of hosts."""

    # A server of names that does not answer holds a thread for each question, and only threads of ours.
    MAX_THREADS = 16

    def __init__(self) -> None:
        """Start no thread yet."""
        self._threads = ThreadPoolExecutor(self.MAX_THREADS, thread_name_prefix="resolver")

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of *host*; their order is that of RFC 6724.

        Raises:
            ResolveError: There are none.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, _addresses, host)
        except OSError as error:
            raise ResolveError(error.strerror or str(error)) from None
        except UnicodeError:
            # What the codec `idna` says of labels that are too long.
            message = "not a host name"
            raise ResolveError(message) from None

    async def name(self, address: str) -> str | None:
        """Return the name of *address*; what is no host name counts as none, since strangers choose it."""
        loop = asyncio.get_running_loop()
        try:
            name = await loop.run_in_executor(self._threads, _name, address)
        except OSError:
            return None
        return None if host_name_problem(name) else name

    def close(self) -> None:
        """Ask no more; who still waits for an answer gets a `CancelledError`."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    internet = [address for family, _, _, _, address in found if family in {socket.AF_INET, socket.AF_INET6}]
    return list(dict.fromkeys(str(address[0]) for address in internet))


def _name(address: str) -> str:
    return socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]


class _Known(NamedTuple):
    name: str | None
    until: float


class NameCache:
    """Names of addresses for those who would like to know them, but never wait."""

    # Where nobody answers, no more questions are lined up than these.
    MAX_QUESTIONS = 2
    MAX_NAMES = 1024
    SECONDS = 600.0

    def __init__(self, resolver: Resolver, clock: Callable[[], float]) -> None:
        """Ask *resolver*; *clock* gives seconds, and says when an answer is too old."""
        self._resolver = resolver
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._questions: dict[str, asyncio.Task[None]] = {}

    def prepare(self, address: str) -> None:
        """Begin to find out the name of *address*."""
        known = self._known.get(address)
        if (known is not None and known.until > self._clock()) or address in self._questions:
            return
        if len(self._questions) < self.MAX_QUESTIONS:
            self._questions[address] = asyncio.ensure_future(self._ask(address))

    def name(self, address: str) -> str | None:
        """Return the name of *address*, if it is known by now."""
        known = self._known.get(address)
        return known.name if known else None

    async def close(self) -> None:
        """Ask no more."""
        questions = list(self._questions.values())
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    async def _ask(self, address: str) -> None:
        try:
            name = await self._resolver.name(address)
        finally:
            del self._questions[address]
        if len(self._known) >= self.MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known[address] = _Known(name, self._clock() + self.SECONDS)
