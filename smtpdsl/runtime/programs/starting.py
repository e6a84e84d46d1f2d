"""How programs are started, by whoever may: this process, or the one that acts for root.

start(command) ──▶ Started(stream, errors, life)      both sockets are ours, and do not block
life.ended ──▶ "exited with status 1"                 life.kill() brings that about
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from typing import NamedTuple, Protocol

from smtpdsl.runtime.programs.child import Child
from smtpdsl.runtime.programs.command import ProgramCommand


class Life(Protocol):
    """A process that runs.

    Attributes:
        ended: How it ended, when it has: a clause for the log.
    """

    ended: asyncio.Future[str]

    def kill(self) -> None:
        """End it now; called again, or when it has ended, this does nothing."""


class Started(NamedTuple):
    """A program that runs: our ends of its standard input and output, and of its standard error."""

    stream: socket.socket
    errors: socket.socket
    life: Life


class Starter(Protocol):
    """Starts programs."""

    async def start(self, command: ProgramCommand) -> Started:
        """Start *command*.

        Raises:
            ProgramError: It cannot be started.
        """


class Sockets:
    """The two connections to a program, while it is started: ours stay if it can be, theirs are its own then."""

    def __init__(self, stack: ExitStack) -> None:
        """Make them; *stack* closes all of them in the end."""
        self.stream, self.their_stream = map(stack.enter_context, socket.socketpair())
        self.errors, self.their_errors = map(stack.enter_context, socket.socketpair())

    def ours(self) -> tuple[socket.socket, socket.socket]:
        """Return copies of our ends, which do not block."""
        stream, errors = self.stream.dup(), self.errors.dup()
        stream.setblocking(False)  # noqa: FBT003 - as the socket module has it
        errors.setblocking(False)  # noqa: FBT003 - as above
        return stream, errors


class OwnStarter:
    """Starts programs with the rights of this process, whatever user they name."""

    async def start(self, command: ProgramCommand) -> Started:
        """Start *command*.

        Raises:
            ProgramError: It cannot be started.
        """
        with ExitStack() as stack:
            sockets = Sockets(stack)
            child = Child(command.command, sockets.their_stream.fileno(), sockets.their_errors.fileno())
            return Started(*sockets.ours(), _OwnLife(child))


class _OwnLife:
    """Implements `Life` for a child of this process."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._loop.add_reader(child.fileno(), self.kill)

    def kill(self) -> None:
        if self.ended.done():
            return
        self._loop.remove_reader(self._child.fileno())
        self.ended.set_result(self._child.end())
