"""Connecting to a host that has several addresses: the next one does not wait for the last (RFC 8305).

2001:db8::1   ──SYN──▶ ...                 nothing comes back
192.0.2.1     ── 0.25 s later ──▶ taken    and the first one is given up
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

# RFC 8305 §5: the Connection Attempt Delay.
DELAY_SECONDS = 0.25


class Reached(NamedTuple):
    """An address that has taken the connection."""

    address: str
    socket: socket.socket


class Failure(NamedTuple):
    """An address that has not."""

    address: str
    error: OSError


class Race:
    """The addresses of one host, each of which is connected to once."""

    def __init__(
        self,
        addresses: Iterable[str],
        port: int,
        seconds: float,
        source_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Prepare to connect.

        Args:
            addresses: Without brackets, in the order in which they are tried.
            port: The same for all.
            seconds: How long each may take.
            source_of: Returns the address to connect from; None leaves it to the system.
        """
        self._left = deque(addresses)
        self._port = port
        self._seconds = seconds
        self._source_of = source_of
        self._failures: list[Failure] = []

    def failures(self) -> Sequence[Failure]:
        """Return what has failed since this was asked last."""
        failures, self._failures = self._failures, []
        return failures

    async def winner(self) -> Reached | None:
        """Return a connection to the address that takes it first; None if none of those that are left does.

        What was under way to others is ended, and tried again when somebody asks once more.
        """
        running: dict[asyncio.Task[socket.socket], str] = {}
        try:
            while self._left or running:
                if self._left:
                    address = self._left.popleft()
                    running[asyncio.ensure_future(self._connect(address))] = address
                delay = DELAY_SECONDS if self._left else None
                done, _ = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    reached = self._result(task, running.pop(task))
                    if reached is not None:
                        return reached
        finally:
            await self._end(running)
        return None

    def _result(self, task: asyncio.Task[socket.socket], address: str) -> Reached | None:
        error = task.exception()
        if error is None:
            return Reached(address, task.result())
        if not isinstance(error, OSError):
            raise error
        self._failures.append(Failure(address, error))
        return None

    async def _end(self, running: dict[asyncio.Task[socket.socket], str]) -> None:
        """Give up those that are *running*; they are the next ones, should anybody need them."""
        for task in running:
            task.cancel()
        for found in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(found, socket.socket):
                found.close()
        self._left.extendleft(reversed(running.values()))

    async def _connect(self, address: str) -> socket.socket:
        loop = asyncio.get_running_loop()
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.settimeout(0)
            source = self._source_of(address)
            if source is not None:
                connection.bind((source, 0))
            async with asyncio.timeout(self._seconds):
                await loop.sock_connect(connection, _socket_address(connection.family, address, self._port))
        except TimeoutError as error:
            connection.close()
            # The kernel gives up, too, and then there is a number to say so.
            raise error if error.errno else TimeoutError(f"no answer within {self._seconds:g} seconds") from None
        except BaseException:
            connection.close()
            raise
        return connection


def _socket_address(family: int, address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return what the system wants to know; a scope is the name or the number of an interface."""
    if family == socket.AF_INET:
        return address, port
    host, _, scope = address.partition("%")
    if not scope:
        return host, port, 0, 0
    return host, port, 0, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
