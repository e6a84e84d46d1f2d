"""The control socket answers those who may ask, and nobody else pays for what one of them does."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from smtpdsl.runtime.control.client import ControlClient
from smtpdsl.runtime.control.commands import Arguments, Commands, ControlError, Handler, Item, rows_of
from smtpdsl.runtime.control.frames import MAX_REQUEST_OCTETS, FrameReader, encode
from smtpdsl.runtime.control.port import MAX_CLIENTS, MODE, ControlPort, control_socket, owners
from smtpdsl.runtime.control.session import ControlSession, Terms
from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.net.acceptor import Credentials
from smtpdsl.runtime.net.unix_socket import unix_socket
from tests.runtime.queue.sample import Journal

PATIENCE_SECONDS = 30
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test on each event loop; whoever waits too long fails."""

    def run_in_time(test: Coroutine[Any, Any, None]) -> None:
        request.param(asyncio.wait_for(test, PATIENCE_SECONDS))

    return run_in_time


class Client:
    """Somebody who has connected, and may send anything."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk over a connection."""
        self._reader = reader
        self._frames = FrameReader(2**24)
        self.writer = writer

    async def next(self) -> object:
        """Return the next object; None at the end of the connection."""
        while (found := self._frames.next()) is None:
            octets = await self._reader.read(65536)
            if not octets:
                return None
            self._frames.feed(octets)
        return found

    async def ask(self, command: str, **arguments: object) -> list[object]:
        """Return what is answered to *command*."""
        self.writer.write(request(command, **arguments))
        found = [await self.next()]
        while isinstance(found[-1], dict) and "item" in found[-1]:
            found.append(await self.next())
        return found


def request(command: str, **arguments: object) -> bytes:
    """Return a request as octets."""
    return encode({"version": 1, "command": command, "arguments": arguments})


class Place:
    """A control socket, and those who come."""

    def __init__(self, path: str, log: Journal, stack: AsyncExitStack) -> None:
        """Be at *path*."""
        self.path = path
        self.log = log
        self._stack = stack

    async def client(self) -> Client:
        """Connect."""
        client = Client(*await asyncio.open_unix_connection(self.path))
        self._stack.push_async_callback(self._leave, client)
        return client

    @staticmethod
    async def _leave(client: Client) -> None:
        client.writer.close()
        with suppress(ConnectionError):
            await client.writer.wait_closed()


@asynccontextmanager
async def listening(folder: Path, commands: Commands, **seconds: float) -> AsyncIterator[Place]:
    """Listen as long as the context lasts."""
    path, log = str(folder / "control.sock"), Journal()
    with unix_socket(path, MODE) as server:
        port = ControlPort(server, Terms(commands, owners(0), log, **seconds))
        port.start()
        try:
            async with AsyncExitStack() as stack:
                yield Place(path, log, stack)
        finally:
            port.close()


def said(arguments: Arguments) -> list[Item]:
    """Return what was said."""
    return [{"said": arguments.text("words")}]


def fails(error: Exception) -> Handler:
    """Return a command that fails."""

    async def command(arguments: Arguments) -> AsyncIterator[Item]:
        arguments.end()
        yield {"begun": True}
        raise error

    return command


COMMANDS = {"say": rows_of(said), "fail": fails(ControlError("no", "why")), "slip": fails(ZeroDivisionError())}


def test_commands_are_answered(tmp_path: Path, run: Run) -> None:
    """One after the other, also if they are asked all at once; who gave them is in the log."""

    async def scenario() -> None:
        async with listening(tmp_path, {**COMMANDS, "store": fails(StorageError("no space"))}) as place:
            client = await place.client()
            assert await client.ask("say", words="hello") == [{"item": {"said": "hello"}}, {"end": True}]
            assert await client.ask("fail") == [{"item": {"begun": True}}, {"error": "no", "kind": "why"}]
            assert (await client.ask("store"))[-1] == {"error": "no space", "kind": "failed"}
            (refused,) = await client.ask("sing")
            assert refused == {"error": 'this server knows no command "sing"', "kind": "unknown-command"}
            client.writer.write(request("say", words="1") + request("say", words="2"))
            assert [await client.next() for _ in range(4)] == [
                {"item": {"said": "1"}},
                {"end": True},
                {"item": {"said": "2"}},
                {"end": True},
            ]
            assert place.log.infos[0].startswith("control: say by user ")
            assert place.log.infos[0].endswith("(words=hello): said=hello")
            await client.ask("sing", ids=["0cdd7502", "5f1e02aa"], states=[], to="", force=True, forced=False)
            assert " (ids=0cdd7502,5f1e02aa force=yes): this server knows" in place.log.infos[-1]
            await client.ask("say", words="")
            assert re.search(r"control: say by user \d+: said=$", place.log.infos[-1])

    run(scenario())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"words": 3}, 'expected a text of at most 1024 characters as "words"'),
        ({"words": "x" * 1025}, 'expected a text of at most 1024 characters as "words"'),
        ({"words": "", "others": []}, 'there is no argument "others"'),
    ],
)
def test_what_a_client_says_is_looked_at(tmp_path: Path, run: Run, arguments: dict[str, object], problem: str) -> None:
    """The answer says what was expected, and the connection goes on."""

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS) as place:
            client = await place.client()
            assert await client.ask("say", **arguments) == [{"error": problem, "kind": "wrong-use"}]
            assert len(await client.ask("say")) == 2

    run(scenario())


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        encode({"version": 1, "command": "say"}),
        encode({"version": True, "command": 1, "arguments": {}}),
        encode({"version": 1, "command": "say", "arguments": {}, "more": 1}),
        (MAX_REQUEST_OCTETS + 1).to_bytes(4),
        b"\0\0\0\x04null",
    ],
)
def test_what_is_no_request_ends_the_connection(tmp_path: Path, run: Run, octets: bytes) -> None:
    """After one answer."""

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS) as place:
            client = await place.client()
            client.writer.write(octets)
            answer = await client.next()
            assert isinstance(answer, dict)
            assert answer["kind"] == "wrong-use"
            assert await client.next() is None

    run(scenario())


def test_another_version_is_told(tmp_path: Path, run: Run) -> None:
    """Who is too old or too new knows what to do."""

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS) as place:
            client = await place.client()
            client.writer.write(encode({"version": 2, "command": "say", "arguments": {}}))
            answer = await client.next()
            assert isinstance(answer, dict)
            assert answer["kind"] == "other-version"

    run(scenario())


def mutated(source: random.Random) -> bytes:
    """Return octets that nobody would send who means well."""
    valid = bytearray(request("say", words="hello") * source.randint(1, 3))
    kind = source.randrange(4)
    if kind == 0:
        return source.randbytes(source.randint(0, 3000))
    if kind == 1:
        return bytes(valid[: source.randrange(len(valid))])
    for _ in range(source.randint(1, 8)):
        valid[source.randrange(len(valid))] = source.randrange(256)
    return bytes(valid) if kind == 2 else len(valid).to_bytes(4) + bytes(valid)


def test_garbage_never_ends_the_server(tmp_path: Path, run: Run) -> None:
    """Hundreds of clients who send anything, and one who is answered all the time; nothing is a fault of ours."""

    async def scenario() -> None:
        source = random.Random(62875)  # noqa: S311 - the same garbage each time
        async with listening(tmp_path, COMMANDS) as place:
            good = await place.client()
            for number in range(400):
                reader, writer = await asyncio.open_unix_connection(place.path)
                writer.write(mutated(source))
                if number % 2:
                    writer.write_eof()
                    # Read what it says, up to the end of the connection.
                    while await reader.read(65536):
                        pass
                writer.close()
                if number % 20 == 0:
                    assert await good.ask("say", words=str(number)) == [{"item": {"said": str(number)}}, {"end": True}]
            assert len(await good.ask("say")) == 2
            assert place.log.warnings == []

    run(scenario())


def test_a_fault_costs_one_answer(tmp_path: Path, run: Run) -> None:
    """Who asked is told that it is not their mistake, and others go on."""

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS) as place:
            client, other = await place.client(), await place.client()
            answer = (await client.ask("slip"))[-1]
            assert answer == {"error": "the server has made a mistake; its log says more", "kind": "fault"}
            assert place.log.warnings[0].startswith("control: fault: ZeroDivisionError")
            assert place.log.infos[0].endswith(": the server has made a mistake")
            assert len(await other.ask("say")) == 2

    run(scenario())


def test_who_does_not_read_costs_nobody_else(tmp_path: Path, run: Run) -> None:
    """The command waits, with a few items on their way, until they read or go away."""

    async def scenario() -> None:
        yielded, ended = 0, asyncio.Event()

        async def endless(arguments: Arguments) -> AsyncIterator[Item]:
            nonlocal yielded
            arguments.end()
            try:
                while True:
                    yielded += 1
                    yield {"filling": "x" * 50_000}
            finally:
                ended.set()

        async with listening(tmp_path, {**COMMANDS, "fill": endless}) as place:
            slow, other = await place.client(), await place.client()
            slow.writer.write(request("fill"))
            for _ in range(50):
                assert len(await other.ask("say")) == 2
            assert 0 < yielded < 200
            slow.writer.transport.abort()
            await ended.wait()

    run(scenario())


def test_there_are_not_too_many(tmp_path: Path, run: Run) -> None:
    """Who comes beyond that is hung up on; when somebody leaves, there is room."""

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS) as place:
            clients = [await place.client() for _ in range(MAX_CLIENTS)]
            for client in clients:
                assert len(await client.ask("say")) == 2
            late = await place.client()
            assert await late.next() is None
            clients[0].writer.write(b"garbage")
            await clients[0].next()
            assert await clients[0].next() is None
            again = await place.client()
            assert len(await again.ask("say")) == 2

    run(scenario())


def test_who_asks_nothing_is_hung_up_on(tmp_path: Path, run: Run) -> None:
    """Half a request is none."""

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS, request_seconds=0.01) as place:
            client = await place.client()
            client.writer.write(request("say")[:-1])
            assert await client.next() is None

    run(scenario())


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and is never rid of it."""

    def __init__(self) -> None:
        """Be open."""
        super().__init__()
        self.written = b""
        self.is_closed = False
        self.aborted = asyncio.Event()
        self.has_resumed = asyncio.Event()
        # How many answers there were whenever reading was resumed.
        self.resumed: list[int] = []

    def write(self, data: object) -> None:
        """Keep it."""
        assert isinstance(data, bytes)
        self.written += data

    def get_write_buffer_size(self) -> int:
        """Return how much is not sent yet."""
        return len(self.written)

    def pause_reading(self) -> None:
        """Whoever writes is not asked."""

    def resume_reading(self) -> None:
        """Remember when."""
        self.resumed.append(self.written.count(b'"end"'))
        self.has_resumed.set()

    def close(self) -> None:
        """Close."""
        self.is_closed = True

    def abort(self) -> None:
        """Close now."""
        self.aborted.set()

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.is_closed


@pytest.mark.parametrize("credentials", [None, Credentials(1, 1234, 1234)])
def test_strangers_are_sent_away(credentials: Credentials | None) -> None:
    """Whatever the mode of the socket says; what they send is not read."""

    async def scenario() -> None:
        ended: list[ControlSession] = []
        wire = Wire()
        session = ControlSession(Terms(COMMANDS, owners(4321), Journal()), credentials, ended.append)
        session.connection_made(wire)
        session.data_received(request("say", words="hello"))
        assert wire.is_closed
        assert b"not permitted" in wire.written
        assert b"hello" not in wire.written
        session.connection_lost(None)
        assert ended == [session]

    asyncio.run(scenario())


def on_a_wire(**seconds: float) -> tuple[ControlSession, Wire]:
    """Begin a session of root."""
    wire = Wire()
    session = ControlSession(
        Terms(COMMANDS, owners(0), Journal(), **seconds), Credentials(1, 0, 0), lambda _: wire.close()
    )
    session.connection_made(wire)
    return session, wire


def test_requests_wait_their_turn(run: Run) -> None:
    """Nothing more is read while there are some: who sends without end would fill the memory."""

    async def scenario() -> None:
        session, wire = on_a_wire()
        for _ in range(3):
            session.data_received(request("say") * 5)
        await wire.has_resumed.wait()
        session.connection_lost(None)
        assert wire.resumed == [15]

    run(scenario())


def test_who_has_read_everything_has_time_for_another_request(run: Run) -> None:
    """And no more than others have: the hour for people who read slowly is over."""

    async def scenario() -> None:
        session, wire = on_a_wire(request_seconds=0)
        session.data_received(request("say"))
        session.pause_writing()
        await wire.has_resumed.wait()
        assert not wire.aborted.is_set()
        session.resume_writing()
        await wire.aborted.wait()
        session.connection_lost(None)

    run(scenario())


def test_a_client_hears_why_its_request_is_not_read(tmp_path: Path, run: Run) -> None:
    """One that is far too long, and still being sent when the server has seen enough."""

    def ask(path: str) -> str:
        with ControlClient(path) as client, pytest.raises(ControlError) as caught:
            list(client.ask("say", {"words": "x" * 4_000_000}))
        return str(caught.value)

    async def scenario() -> None:
        async with listening(tmp_path, COMMANDS) as place:
            assert (await asyncio.to_thread(ask, place.path)).startswith("expected at most 65536 octets, found 4")

    run(scenario())


def test_a_server_that_cannot_make_the_socket_says_so(tmp_path: Path) -> None:
    """And serves mail without it."""
    log = Journal()
    (tmp_path / "var").write_text("a file")
    with ExitStack() as sockets:
        assert control_socket(lambda path: f"{tmp_path}{path}", log, sockets) is None
    (line,) = log.warnings
    assert line.startswith(f"cannot listen on {tmp_path}/var/run/smtpdsl-control.sock: ")
    assert line.endswith(": `smtpdsl ctl` cannot reach this server")


def test_who_may_come() -> None:
    """Root, who runs the server, and who has started it."""
    assert owners(4321)(0)
    assert owners(4321)(4321)
    assert not owners(4321)(4322)
