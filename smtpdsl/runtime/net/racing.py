"""Connecting to a host that has several addresses, or to several hosts: the next one does not wait for the last.

2001:db8::1   ──SYN──▶ ...                 nothing comes back
192.0.2.1     ── 0.25 s later ──▶ taken    and the first one is given up (RFC 8305)
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import takewhile
from typing import NamedTuple

# RFC 8305 §5: the Connection Attempt Delay.
DELAY_SECONDS = 0.25


class Start(Enum):
    """Whether a connection may begin."""

    NOW = "it begins"
    LATER = "there is a better time, and no sense in waiting for somebody who does not answer"
    NEVER = "nobody is missed"


class Target(NamedTuple):
    """Where a connection leads, and from which address; without one the system chooses.

    The one before it is waited for so many seconds (*delay*); *host* is whose address it is.
    """

    address: str
    port: int
    source: str | None = None
    delay: float = DELAY_SECONDS
    host: str = ""


class Reached(NamedTuple):
    """A target that has taken the connection."""

    target: Target
    socket: socket.socket

    @property
    def address(self) -> str:
        """Where it is."""
        return self.target.address


class Failure(NamedTuple):
    """A target that has not."""

    target: Target
    error: OSError

    @property
    def address(self) -> str:
        """Where it is."""
        return self.target.address


class Race:
    """Targets, each of which is connected to once."""

    def __init__(
        self,
        targets: Iterable[Target],
        seconds: float,
        *,
        begin: Callable[[Target], Start] = lambda _: Start.NOW,
        end: Callable[[Target], None] = lambda _: None,
    ) -> None:
        """Prepare to connect.

        Args:
            targets: In the order in which they are tried.
            seconds: How long each may take.
            begin: Asked before a connection begins, whether it may.
            end: Told that one has come to nothing which has begun.
        """
        self._left = deque(targets)
        self._seconds = seconds
        self._begin = begin
        self._ended = end
        self._failures: list[Failure] = []
        self._has_missed = False

    def failures(self) -> Sequence[Failure]:
        """Return what has failed since this was asked last."""
        failures, self._failures = self._failures, []
        return failures

    async def winner(self) -> Reached | None:
        """Return a connection to the target that takes it first; None if none of those that are left does.

        What was under way to others is ended, and tried again when somebody asks once more.  Where one may begin
        only later, those who do not answer in time are not waited for.
        """
        running: dict[asyncio.Task[socket.socket], Target] = {}
        try:
            while self._start(running) or running:
                delay = self._left[0].delay if self._left else DELAY_SECONDS if self._has_missed else None
                done, _ = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
                if not done and not self._left and self._has_missed:
                    self._overtake(running.values())
                    return None
                for task in done:
                    before = list(takewhile(lambda other: other is not task, running))  # noqa: B023 - read at once
                    reached = self._result(task, running.pop(task))
                    if reached is not None:
                        self._overtake(running[other] for other in before)
                        return reached
        finally:
            self._give_up(running)
        return None

    def _start(self, running: dict[asyncio.Task[socket.socket], Target]) -> bool:
        """Connect to the next target that may be connected to, and say whether there is one."""
        while self._left:
            target = self._left.popleft()
            start = self._begin(target)
            self._has_missed |= start is Start.LATER
            if start is Start.NOW:
                running[asyncio.ensure_future(self._connect(target))] = target
                return True
        return False

    def _result(self, task: asyncio.Task[socket.socket], target: Target) -> Reached | None:
        error = task.exception()
        if error is None:
            return Reached(target, task.result())
        self._ended(target)
        if not isinstance(error, OSError):
            raise error
        self._failures.append(Failure(target, error))
        return None

    def _overtake(self, others: Iterable[Target]) -> None:
        """Note that *others*, who had a start, did not answer in time."""
        self._failures += [Failure(each, TimeoutError("no answer before another one's")) for each in others]

    def _give_up(self, running: dict[asyncio.Task[socket.socket], Target]) -> None:
        """Give up those that are *running*; they are the next ones, should anybody need them.

        They end by themselves, and soon: whoever waited for that here, and was cancelled, would lose
        the connection that has won.
        """
        for task, target in running.items():
            task.add_done_callback(_close)
            task.cancel()
            self._ended(target)
        self._left.extendleft(reversed(running.values()))

    async def _connect(self, target: Target) -> socket.socket:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(0)
            if target.source is not None:
                connection.bind((target.source, 0))
            async with asyncio.timeout(self._seconds):
                await loop.sock_connect(connection, _socket_address(family, target.address, target.port))
        except TimeoutError as error:
            connection.close()
            # The kernel gives up, too, and then there is a number to say so.
            raise error if error.errno else TimeoutError(f"no answer within {self._seconds:g} seconds") from None
        except BaseException:
            connection.close()
            raise
        return connection


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close the connection of a *task* that was given up, if it has come about all the same."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _socket_address(family: int, address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return what the system wants to know; a scope is the name or the number of an interface."""
    if family == socket.AF_INET:
        return address, port
    host, _, scope = address.partition("%")
    if not scope:
        return host, port, 0, 0
    return host, port, 0, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
