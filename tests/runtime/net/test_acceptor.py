"""Who comes is let in, or told why not; over real sockets, on both event loops."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from smtpdsl.runtime.net.acceptor import Acceptor, Arrival, Credentials, Terms, source_of, welcomed_by
from smtpdsl.runtime.net.gate import Gate, GateLimits

PATIENCE_SECONDS = 30
ROOMY = GateLimits(connections=100, of_source=100)
PLAIN = Terms()
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test on each event loop; whoever waits too long fails."""

    def run_in_time(test: Coroutine[Any, Any, None]) -> None:
        request.param(asyncio.wait_for(test, PATIENCE_SECONDS))

    return run_in_time


class Warnings:
    """A log that keeps what an administrator should look at."""

    def __init__(self) -> None:
        """Be empty."""
        self.lines: list[str] = []

    def event(self, subject: str, name: str, values: object) -> None:
        """Keep nothing."""

    def info(self, text: str) -> None:
        """Keep nothing."""

    def warn(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


class Greeter(asyncio.Protocol):
    """A session that greets, and leaves when its client does."""

    def __init__(self, door: Door, arrival: Arrival) -> None:
        """Serve one client of *door*."""
        self.door = door
        self.arrival = arrival
        door.arrivals.append(arrival)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        cast("asyncio.Transport", transport).write(b"220 welcome\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        del exc
        self.door.gate.leave(self.arrival.counted)
        self.door.left.set()


class Door:
    """A socket that is accepted from."""

    def __init__(self, server: socket.socket, limits: GateLimits, terms: Terms) -> None:
        """Let in whom *limits* allow."""
        self.server = server
        self.gate = Gate(limits)
        self.log = Warnings()
        self.arrivals: list[Arrival] = []
        self.left = asyncio.Event()
        self.mistake: Exception | None = None
        self.acceptor = Acceptor(server, terms, self.gate, welcomed_by(self._welcome), self.log)

    def _welcome(self, arrival: Arrival) -> asyncio.Protocol:
        if self.mistake is not None:
            raise self.mistake
        return Greeter(self, arrival)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Come in, or not."""
        if self.server.family == socket.AF_UNIX:
            return await asyncio.open_unix_connection(self.server.getsockname())
        return await asyncio.open_connection(*self.server.getsockname()[:2])

    async def hear(self) -> bytes:
        """Connect, and return the first line; then leave."""
        reader, writer = await self.connect()
        line = await reader.readline()
        await bye(writer)
        return line


@contextmanager
def door(
    limits: GateLimits = ROOMY,
    terms: Terms = PLAIN,
    server: socket.socket | None = None,
) -> Iterator[Door]:
    """Open a door, by default at a port of loopback."""
    with server or socket.create_server(("127.0.0.1", 0)) as bound:
        bound.setblocking(False)  # noqa: FBT003 - as the socket module has it
        opened = Door(bound, limits, terms)
        opened.acceptor.start()
        yield opened
        opened.acceptor.close()


async def bye(writer: asyncio.StreamWriter) -> None:
    """Leave."""
    writer.close()
    await writer.wait_closed()


def test_who_is_let_in_is_served_and_counted(run: Run) -> None:
    """From the first moment to the last."""

    async def visit() -> None:
        with door() as opened:
            reader, writer = await opened.connect()
            assert await reader.readline() == b"220 welcome\r\n"
            assert opened.gate.connections_of("127.0.0.1") == opened.gate.connections == 1
            await bye(writer)
            await opened.left.wait()
            assert opened.gate.connections == 0
            assert opened.arrivals == [Arrival("127.0.0.1", "127.0.0.1")]

    run(visit())


def test_who_is_too_many_is_told(run: Run) -> None:
    """By 421, and finds the connection closed; all of a second are one line of the log."""

    async def visit() -> None:
        with door(GateLimits(connections=1, of_source=1)) as opened:
            reader, writer = await opened.connect()
            await reader.readline()
            for _ in range(3):
                assert await opened.hear() == b"421 4.3.2 Too many connections, try again later\r\n"
            assert len(opened.arrivals) == 1
            await bye(writer)
            await opened.left.wait()
            assert await opened.hear() == b"220 welcome\r\n"
            first = "refused a connection from 127.0.0.1: 421 4.3.2 Too many connections, try again later"
            assert opened.log.lines == [first]
        assert opened.log.lines[1:] == [
            "refused 2 connections, the last from 127.0.0.1: 421 4.3.2 Too many connections, try again later"
        ]

    run(visit())


def test_a_session_that_cannot_be_made_is_not_counted(run: Run) -> None:
    """A mistake of ours costs one connection, and no place; the loop tells of it."""

    async def visit() -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context.get("exception")))
        with door() as opened:
            opened.mistake = LookupError("no such session")
            assert await opened.hear() == b""
            while not faults:
                gc.collect()
                await asyncio.sleep(0)
            assert [repr(each) for each in faults] == ["LookupError('no such session')"]
            assert opened.gate.connections == 0

    run(visit())


def test_a_handshake_is_not_answered_in_words(run: Run) -> None:
    """Where TLS begins at once, the connection is closed."""

    async def visit() -> None:
        with door(GateLimits(connections=0, of_source=1), Terms(is_secure=True)) as opened:
            assert await opened.hear() == b""

    run(visit())


def test_a_proxy_is_not_counted_as_a_source(run: Run) -> None:
    """It comes for many, whom it names later."""

    async def visit() -> None:
        limits = GateLimits(connections=9, of_source=1, of_source_holds_for_loopback=True)
        with door(limits, Terms(is_proxied=True)) as opened:
            visits = [await opened.connect() for _ in range(3)]
            assert [await reader.readline() for reader, _ in visits] == [b"220 welcome\r\n"] * 3
            assert (opened.gate.connections, opened.gate.connections_of("127.0.0.1")) == (3, 0)
            assert opened.arrivals[0] == Arrival("127.0.0.1", None)
            for _, writer in visits:
                await bye(writer)

    run(visit())


def test_the_local_socket_tells_who_comes(run: Run, tmp_path: Path) -> None:
    """By the word of the kernel; limits for a source mean nothing there."""

    async def visit() -> None:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "sock"))
        server.listen()
        limits = GateLimits(9, 1, 1, of_source_holds_for_loopback=True, per_minute_holds_for_loopback=True)
        with door(limits, server=server) as opened:
            for _ in range(3):
                assert await opened.hear() == b"220 welcome\r\n"
            own = Credentials(os.getpid(), os.getuid(), os.getgid())
            assert opened.arrivals[2] == Arrival(None, None, own)

    run(visit())


class Exhausted(socket.socket):
    """A socket of a process that has no descriptor left, until it *has room*."""

    tries = 0
    has_room = False

    def __init__(self) -> None:
        """Have nobody waiting."""
        super().__init__(socket.AF_INET)
        self.was_asked = asyncio.Event()

    def accept(self) -> tuple[socket.socket, Any]:
        """Fail as the system call does."""
        self.tries += 1
        self.was_asked.set()
        if not self.has_room:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_without_descriptors_the_server_rests(run: Run) -> None:
    """It neither turns in circles nor fills the log, and goes on when there are some."""

    async def visit() -> None:
        server = Exhausted()
        server.bind(("127.0.0.1", 0))
        server.listen()
        with door(server=server) as opened:
            visits = [asyncio.create_task(opened.hear()) for _ in range(3)]
            await server.was_asked.wait()
            for _ in range(100):
                await asyncio.sleep(0)
            assert server.tries == 1
            assert opened.log.lines == ["no connection can be accepted for a second: too many open files"]
            server.has_room = True
            opened.acceptor.start()
            assert await asyncio.gather(*visits) == [b"220 welcome\r\n"] * 3

    run(visit())


def test_a_connection_that_is_gone_disturbs_nobody(run: Run) -> None:
    """Reset before it was looked at, it is counted no longer than it is there."""

    async def visit() -> None:
        with door() as opened:
            for _ in range(50):
                with socket.create_connection(opened.server.getsockname()) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert await opened.hear() == b"220 welcome\r\n"
            while opened.gate.connections:
                opened.left.clear()
                await opened.left.wait()

    run(visit())


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("2001:db8::1", 1, 0, 0), "[2001:db8::1]"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("::ffff:1", 1, 0, 0), "[::ffff:1]"),
        (None, "0.0.0.0"),  # noqa: S104 - compared, not bound
    ],
)
def test_a_source_is_written_as_rules_have_it(peer: object, source: str) -> None:
    """In brackets if it is IPv6, and of IPv4 if it is that at heart."""
    assert source_of(peer) == source
