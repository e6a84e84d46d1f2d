"""A server on a port of its own, made of the parts of the real one; and a client who talks to it."""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from smtpdsl.ir.answers import Site
from smtpdsl.ir.resolved import ListenerTls
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.filters.program import FilterTerms
from smtpdsl.runtime.filters.programs import filter_programs
from smtpdsl.runtime.interfaces import ContentWriter, StorageError, Submission
from smtpdsl.runtime.net.acceptor import Acceptor, Terms, welcomed_by
from smtpdsl.runtime.net.budget import Budget
from smtpdsl.runtime.net.deadlines import Timeouts
from smtpdsl.runtime.net.gate import Gate
from smtpdsl.runtime.net.limits import gate_limits
from smtpdsl.runtime.net.reverse_names import NO_NAME
from smtpdsl.runtime.net.service import Sessions, Shared
from smtpdsl.runtime.net.session import Session
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.programs.starting import OwnStarter
from smtpdsl.runtime.protocol.server import Limits
from smtpdsl.runtime.sasl.throttle import Throttle
from smtpdsl.runtime.services import Services
from tests.runtime.dialogue import take_replies
from tests.runtime.policies import Outside
from tests.runtime.programs import program_of

TOWN = """listen on 127.0.0.1 port 2525 hostname mx.test tag inside
table users { "alice" = "1000:1000:/home/alice", "bob" = "1000:1000:/home/bob", "o'brien" = "1000:1000:/home/o",
  "root" = "0:0:/root", "postmaster" = "1000:1000:/home/postmaster" }
action "in" maildir userbase <users>
match from any for domain { "mx.test", "local.test", "kiosk.test" } action "in"
"""
NOWHERE = Path("/nonexistent")
PATIENCE_SECONDS = 30
PATIENT = Timeouts(idle=PATIENCE_SECONDS)
TERMS = FilterTerms("mx.test", PATIENCE_SECONDS, time.time)


class Notes:
    """A log that is kept."""

    def __init__(self) -> None:
        """Be empty."""
        self.events: list[tuple[str, dict[str, object]]] = []
        self.warnings: list[str] = []

    def event(self, subject: str, name: str, values: Any) -> None:  # noqa: ANN401 - as in Log
        """Keep an event."""
        assert re.fullmatch("[0-9]+", subject)
        self.events.append((name, dict(values)))

    def info(self, text: str) -> None:
        """Keep nothing."""

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.warnings.append(text)

    def named(self, name: str) -> list[dict[str, object]]:
        """Return the values of each event *name*."""
        return [values for each, values in self.events if each == name]


class Writer:
    """A file of the spool that is slow: each write has to be waited for."""

    def __init__(self) -> None:
        """Be empty."""
        self.octets = b""
        self.is_discarded = False

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Append, and let the client wait until the loop comes round."""
        self.octets += octets
        return asyncio.sleep(0)

    def discard(self) -> None:
        """Remember it."""
        self.is_discarded = True


class Intake:
    """A queue that keeps what it gets, or fails, or waits for `release`."""

    def __init__(self, error: StorageError | None = None, *, holds: bool = False) -> None:
        """Fail with *error*, if there is one."""
        self.submissions: list[Submission] = []
        self.writers: list[Writer] = []
        self.asked = asyncio.Event()
        self.release = asyncio.Event()
        self._error = error
        self._numbers = itertools.count(1)
        if not holds:
            self.release.set()

    def next_message_id(self) -> int:
        """Count."""
        return next(self._numbers)

    def open_content(self, message_id: int) -> ContentWriter:
        """Open a slow file."""
        del message_id
        self.writers.append(Writer())
        return self.writers[-1]

    async def enqueue(self, submission: Submission) -> None:
        """Keep it."""
        self.asked.set()
        await self.release.wait()
        if self._error is not None:
            raise self._error
        self.submissions.append(submission)


class Place:
    """The first listener of a configuration on a port of its own, and its parts; limits are those of the vectors."""

    def __init__(
        self,
        intake: Intake,
        text: str = TOWN,
        root: Path = NOWHERE,
        timeouts: Timeouts = PATIENT,
        terms: FilterTerms = TERMS,
    ) -> None:
        """Serve *text*, whose files are under *root*; *terms* are those of filters that are programs."""
        self.intake = intake
        self.log = Notes()
        self.sessions = Sessions()
        program = program_of(text, root)
        site = Site(server_name=program.server_name, addresses=("127.0.0.1",), delimiter="+")
        self._directory = Directory(TableIndex())
        ids = map("{:016}".format, itertools.count(1))
        self.gate = Gate(gate_limits(program.settings, descriptors=1024))
        self.shared = Shared(
            configuration="c0ffee00",
            policy=Policy(program, site, Outside()),
            intake=intake,
            log=self.log,
            clock=lambda: 1_795_351_597.5,
            next_session_id=ids.__next__,
            find_name=lambda _: NO_NAME,
            sessions=self.sessions,
            gate=self.gate,
            budget=Budget(64 * 1024 * 1024),
            limits=Limits(max_message_octets=1024 * 1024, max_recipients=100, max_commands=10_000_000),
            timeouts=timeouts,
        )
        listener = program.listeners[0]
        self.programs = filter_programs(program, None, OwnStarter(), self.log, terms)
        services = Services(
            program, self.shared, self._directory, Throttle(), lambda path: f"{root}{path}", programs=self.programs
        )
        self.service = services.service(listener, listener.endpoints[0])
        self._terms = Terms(is_proxied=bool(listener.proxy_versions), is_secure=listener.tls is ListenerTls.IMPLICIT)

    def open(self) -> None:
        """Listen."""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._socket.setblocking(False)  # noqa: FBT003 - as the socket module has it
        self.port: int = self._socket.getsockname()[1]
        begin = welcomed_by(functools.partial(Session, self.service))
        self._acceptor = Acceptor(self._socket, self._terms, self.gate, begin, self.log)
        self._acceptor.start()

    async def close(self) -> None:
        """End every session, and listen no more; nothing is left that was counted."""
        self._acceptor.close()
        self._socket.close()
        self.sessions.abort()
        await self.sessions.wait_until_none()
        self._directory.close()
        assert (self.gate.connections, self.shared.budget.used) == (0, 0)

    async def client(self) -> Client:
        """Return a client who has connected, and heard nothing yet."""
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))


class Client:
    """A connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be connected."""
        self.reader = reader
        self.writer = writer

    async def say(self, text: str = "", *, count: int = 1) -> list[list[str]]:
        """Write *text*, and return the next *count* replies."""
        self.writer.write(text.encode("latin-1"))
        octets = b""
        for _ in range(count):
            while True:
                line = await self.reader.readline()
                octets += line
                if line[3:4] != b"-":
                    break
        return take_replies(octets)

    async def codes(self, text: str, *, count: int = 1) -> list[str]:
        """Write *text*, and return the codes of the next *count* replies."""
        return [reply[-1][:3] for reply in await self.say(text, count=count)]

    async def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        await self.writer.start_tls(context)

    async def rest(self) -> bytes:
        """Return everything that the server says until it ends the connection."""
        return await self.reader.read()

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


Scene = Callable[[Place, Client], Coroutine[None, None, None]]


def play(
    scene: Scene,
    error: StorageError | None = None,
    *,
    holds: bool = False,
    text: str = TOWN,
    root: Path = NOWHERE,
    timeouts: Timeouts = PATIENT,
    is_greeted: bool = True,
) -> Place:
    """Play *scene* with a client who has been greeted, unless it has to do something for that first."""

    async def main() -> Place:
        place = Place(Intake(error, holds=holds), text, root, timeouts)
        place.open()
        client = await place.client()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if is_greeted:
                    await client.say()
                await scene(place, client)
        finally:
            await client.close()
            await place.close()
        return place

    return asyncio.run(main())
