"""What the tests of the queue share: messages, an agent, a log, a clock that a test moves, and a queue of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import NO_MAIL_OPTIONS, MailOptions
from smtpdsl.runtime.interfaces import (
    Attempt,
    Envelope,
    InlineContent,
    NoReport,
    Notice,
    Outcome,
    QueuedMessage,
    Reporter,
    Result,
    Route,
    StorageError,
    Submission,
)
from smtpdsl.runtime.queue.files import Files
from smtpdsl.runtime.queue.manager import Queue, Settings
from smtpdsl.runtime.queue.sqlite_store import SqliteStore
from smtpdsl.runtime.queue.store import DueBatch, DueQuery

_T = TypeVar("_T")

CREATED = 1_000_000.0
DAY = 86400
TTL = 4 * DAY
SENDER = ReversePath(mailbox=Mailbox(local_part="ann", domain="example.net"))
CLIENT = Client(source="192.0.2.1", rdns="mx.example.net", helo="mx.example.net", tls=True)
BODY = b"Subject: hello\n\nworld\n"

OK = Outcome(Result.OK, "Delivered", "2.0.0")
LATER = Outcome(Result.TEMPORARY, "try again", "4.2.1")
NEVER = Outcome(Result.PERMANENT, "no such mailbox", "5.1.1")

# Makes a spool one of schema 2.
OLDER = """
    DROP INDEX due; DROP INDEX deferred; DROP INDEX sealed;
    ALTER TABLE envelope DROP COLUMN freed; ALTER TABLE envelope DROP COLUMN priority;
    ALTER TABLE message DROP COLUMN digest; ALTER TABLE message DROP COLUMN sealed;
    CREATE INDEX due ON envelope (route, due, lane) WHERE state = 'pending';
    PRAGMA user_version = 2;
"""

# Of a queue that only takes mail.
PAUSED = Settings(paused=frozenset(Route))


def mailbox(text: str) -> Mailbox:
    """Read an address."""
    return Mailbox.parse(text)


def local(user: str = "joe", ttl: int = TTL) -> Envelope:
    """Return an envelope for a user of this host."""
    address = mailbox(f"{user}@example.org")
    return Envelope(Route.LOCAL, "local", address, address, user, ttl=ttl)


def relayed(recipient: str, action: str = "out", ttl: int = TTL) -> Envelope:
    """Return an envelope for another host."""
    return Envelope(Route.RELAY, action, mailbox(recipient), mailbox(recipient), ttl=ttl)


def submission(message_id: int, *envelopes: Envelope, body: bytes = BODY, created: float = CREATED) -> Submission:
    """Return a small message."""
    return Submission(message_id, SENDER, CLIENT, created, InlineContent(body), envelopes or (local(),))


def everything(route: Route = Route.LOCAL) -> DueQuery:
    """Ask for all pending envelopes of *route*."""
    return DueQuery(route, float("-inf"), float("inf"), 100_000, 2**40)


async def stored(store: SqliteStore, route: Route = Route.LOCAL) -> DueBatch:
    """Return all pending envelopes of *route*."""
    return await store.load(everything(route))


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still until a test moves it."""

    now = 5000.0

    def time(self) -> float:
        """Return the moment that the test has chosen."""
        return self.now


def run(coroutine: Coroutine[None, None, _T]) -> _T:
    """Run *coroutine* on a `StillLoop`."""
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(coroutine)


class Journal:
    """A `Log` that remembers its lines."""

    def __init__(self) -> None:
        """Begin with none."""
        self.events: list[tuple[str, str, dict[str, str]]] = []
        self.infos: list[str] = []
        self.warnings: list[str] = []

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Remember an event."""
        self.events.append((subject, name, {key: str(value) for key, value in values.items()}))

    def info(self, text: str) -> None:
        """Remember a line."""
        self.infos.append(text)

    def warn(self, text: str) -> None:
        """Remember a line."""
        self.warnings.append(text)


# An attempt, its record, what its end lets be loaded, and the attempts of that.
_QUIET_ROUNDS = 5

Answer = Callable[[Attempt], Sequence[Outcome]]


class FakeAgent:
    """Remembers attempts, and answers as a test wants; while it `is_slow`, attempts wait for `finish`."""

    def __init__(self) -> None:
        """Deliver everything."""
        self.attempts: list[Attempt] = []
        self.answer: Answer = lambda attempt: [OK] * len(attempt.envelopes)
        # What is done with each attempt as long as there is its content.
        self.look: Callable[[Attempt], None] = lambda _: None
        self.is_slow = False
        self.running: list[Attempt] = []
        self._gates: list[asyncio.Event] = []

    def group(self, envelope: Envelope) -> Hashable | None:
        """Let those of one domain go together that are relayed."""
        return (envelope.action, envelope.dest.domain.lower()) if envelope.route is Route.RELAY else None

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Attempt it."""
        self.attempts.append(attempt)
        self.look(attempt)
        if self.is_slow:
            gate = asyncio.Event()
            self._gates.append(gate)
            self.running.append(attempt)
            try:
                await gate.wait()
            finally:
                self._gates.remove(gate)
                self.running.remove(attempt)
        return self.answer(attempt)

    def always(self, outcome: Outcome) -> None:
        """Answer the same for every envelope."""
        self.answer = lambda attempt: [outcome] * len(attempt.envelopes)

    def finish(self, count: int = 1_000_000) -> None:
        """Let the first *count* of the running attempts end."""
        for gate in self._gates[:count]:
            gate.set()

    def users(self) -> list[str]:
        """Return whose mail was attempted, in order."""
        return [attempt.envelopes[0].user for attempt in self.attempts]


class FakeReporter:
    """Remembers what it was asked, and reports to a user of this host."""

    def __init__(self) -> None:
        """Report on everything."""
        self.asked: list[tuple[QueuedMessage, tuple[Notice, ...]]] = []
        self.refusal: NoReport | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def report(
        self, message: QueuedMessage, notices: Sequence[Notice], message_id: int, moment: float
    ) -> Submission | NoReport:
        """Return a report with the facts in its body."""
        self.asked.append((message, tuple(notices)))
        await self.gate.wait()
        if self.refusal is not None:
            return self.refusal
        told = " ".join(str(each.envelope.recipient) for each in notices)
        content = InlineContent(f"{notices[0].event.value} {told}\n".encode())
        return Submission(message_id, ReversePath(), CLIENT, moment, content, (local("ann"),))

    def told(self) -> list[str]:
        """Return what was to be reported, in order: the event, the status and the recipients."""
        return [
            " ".join([group[0].event.value, group[0].status, *(each.envelope.recipient.local_part for each in group)])
            for _, group in self.asked
        ]


class Post:
    """A queue with fake agents; its wall clock moves with that of the loop."""

    def __init__(
        self,
        folder: Path,
        settings: Settings | None = None,
        *,
        reporter: Reporter | None = None,
        vfs: str | None = None,
        files: Files | None = None,
    ) -> None:
        """Keep mail in *folder*."""
        self.local = FakeAgent()
        self.relay = FakeAgent()
        self.log = Journal()
        # By how much somebody has set the wall clock.
        self.clock_offset = 0.0
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StillLoop), "tests move the clock themselves"
        self.loop = loop
        agents = {Route.LOCAL: self.local, Route.RELAY: self.relay}
        self.queue = Queue(folder, agents, self.log, self.clock, settings, reporter=reporter, vfs=vfs, files=files)

    def clock(self) -> float:
        """Tell the time of day."""
        return CREATED + self.clock_offset + self.loop.now - StillLoop.now

    async def __aenter__(self) -> Self:
        await self.queue.start()
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.queue.stop(0)

    async def submit(
        self,
        *envelopes: Envelope,
        body: bytes = BODY,
        sender: ReversePath = SENDER,
        options: MailOptions = NO_MAIL_OPTIONS,
    ) -> int:
        """Hand a message over, wait until the queue has it, and return its number."""
        number = self.queue.next_message_id()
        message = submission(number, *envelopes, body=body, created=self.clock())
        await self.queue.enqueue(message._replace(reverse_path=sender, options=options))
        return number

    async def submit_large(self, size: int, *envelopes: Envelope) -> int:
        """Hand over a message of *size* octets that is stored in a file."""
        number = self.queue.next_message_id()
        writer = self.queue.open_content(number)
        while size > 0:
            waiting = writer.write(b"x" * min(size, 100_000))
            if waiting is not None:
                await waiting
            size -= 100_000
        message = submission(number, *envelopes, created=self.clock())._replace(content=writer)
        await self.queue.enqueue(message)
        return number

    async def settle(self) -> None:
        """Let everything happen that can happen now.

        Requests are answered in order, so the answer to one says that others are; when several
        rounds have changed nothing, nothing is left to do.
        """
        quiet_rounds, before = 0, self._traces()
        while quiet_rounds < _QUIET_ROUNDS:
            with contextlib.suppress(StorageError):
                await self.queue.summary()
            # Files are looked at in threads.
            await self.queue._spool.content.settle()  # noqa: SLF001 - nobody else waits for them
            quiet_rounds, before, found = quiet_rounds + 1, self._traces(), before
            if found != before:
                quiet_rounds = 0

    def _traces(self) -> tuple[int, ...]:
        """Return what grows whenever something happens."""
        log = self.log
        attempts = (len(self.local.attempts), len(self.relay.attempts))
        return (*attempts, len(log.events), len(log.infos), len(log.warnings))

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.now += seconds
        await self.settle()
