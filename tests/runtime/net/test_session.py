"""A session over a real socket: what asyncio adds to the core and the policy."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from smtpdsl.runtime.interfaces import ContentWriter, InlineContent, StorageError, StorageFullError, Submission
from smtpdsl.runtime.net.service import Service, Sessions
from smtpdsl.runtime.net.session import Session
from smtpdsl.runtime.protocol.server import Limits
from tests.runtime.dialogue import dialogue_files, parse_dialogue, take_replies
from tests.runtime.policies import policy_of
from tests.worlds import ruleset_of

TOWN = """listen on 127.0.0.1 port 2525 hostname mx.test tag inside
table users { "alice" = "1000:1000:/home/alice", "bob" = "1000:1000:/home/bob", "o'brien" = "1000:1000:/home/o",
  "root" = "0:0:/root", "postmaster" = "1000:1000:/home/postmaster" }
action "in" maildir userbase <users>
match from any for domain { "mx.test", "local.test", "kiosk.test" } action "in"
"""
PATIENCE_SECONDS = 30


class Notes:
    """A log that is kept."""

    def __init__(self) -> None:
        """Be empty."""
        self.events: list[tuple[str, dict[str, object]]] = []

    def event(self, subject: str, name: str, values: Any) -> None:  # noqa: ANN401 - as in Log
        """Keep an event."""
        assert re.fullmatch("[0-9]+", subject)
        self.events.append((name, dict(values)))

    def info(self, text: str) -> None:
        """Keep nothing."""

    def warn(self, text: str) -> None:
        """Keep nothing."""

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
    """A server on a port of its own, and its parts."""

    def __init__(self, intake: Intake, *, idle_seconds: float = PATIENCE_SECONDS) -> None:
        """Serve the town."""
        self.intake = intake
        self.log = Notes()
        self.sessions = Sessions()
        ids = map(str, itertools.count(1))
        self.service = Service(
            listener=ruleset_of(TOWN).listeners[0],
            server_name="mx.test",
            configuration="c0ffee00",
            policy=policy_of(TOWN),
            intake=intake,
            log=self.log,
            clock=lambda: 1_795_351_597.5,
            next_session_id=ids.__next__,
            limits=Limits(max_message_octets=1024 * 1024, max_recipients=100),
            sessions=self.sessions,
            idle_seconds=idle_seconds,
        )

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Session(self.service), "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every session, and listen no more."""
        self._server.close()
        self.sessions.abort()
        await self.sessions.wait_until_none()


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

    async def rest(self) -> bytes:
        """Return everything that the server says until it ends the connection."""
        return await self.reader.read()

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


Scene = Callable[[Place, Client], Coroutine[None, None, None]]


def play(scene: Scene, error: StorageError | None = None, *, holds: bool = False, idle_seconds: float = 30) -> Place:
    """Play *scene* with a client who has been greeted."""

    async def main() -> Place:
        place = Place(Intake(error, holds=holds), idle_seconds=idle_seconds)
        await place.open()
        client = Client(*await asyncio.open_connection("127.0.0.1", place.port))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await client.say()
                await scene(place, client)
        finally:
            await client.close()
            await place.close()
        return place

    return asyncio.run(main())


ENVELOPE = "EHLO c.test\r\nMAIL FROM:<eve@away.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n"
MESSAGE = "Subject: x\r\n\r\nbody\r\n.\r\n"


@pytest.mark.parametrize("path", dialogue_files(), ids=lambda path: path.stem)
def test_dialogue(path: Path) -> None:
    """The server answers as written, over a socket too."""
    dialogue = parse_dialogue(path.read_text(encoding="utf-8"), path.name)
    first, *others = dialogue.exchanges

    async def scene(_: Place, client: Client) -> None:
        for exchange in others:
            answers = await client.say(exchange.octets.decode("latin-1"), count=len(exchange.replies))
            problems = [reply.mismatch(lines) for reply, lines in zip(exchange.replies, answers, strict=True)]
            assert not any(problems), problems
        if dialogue.closes:
            assert await client.rest() == b""

    assert len(first.replies) == 1, "the greeting"
    play(scene)


def test_a_message_is_handed_to_the_queue() -> None:
    """With its trace field, its envelopes, and what is known of its client."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.codes(ENVELOPE, count=4) == ["250", "250", "250", "354"]
        assert await client.say(MESSAGE) == [["250 2.0.0 9e3779b1 Message accepted for delivery"]]

    place = play(scene)
    (submission,) = place.intake.submissions
    assert isinstance(submission.content, InlineContent)
    assert submission.content.octets.startswith(
        b"Received: from c.test (<unknown> [127.0.0.1])\n\tby mx.test (smtpdsl)"
    )
    assert submission.content.octets.endswith(b"\nSubject: x\n\nbody\n")
    assert [(each.user, str(each.dest)) for each in submission.envelopes] == [("alice", "alice@local.test")]
    assert (submission.client.helo, submission.client.tag, submission.client.source) == (
        "c.test",
        "inside",
        "127.0.0.1",
    )
    assert [values["msgid"] for values in place.log.named("smtp message")] == ["9e3779b1"]
    assert [values["to"] for values in place.log.named("smtp envelope")] == ["<alice@local.test>"]


@pytest.mark.parametrize(
    ("error", "reply"),
    [(StorageFullError("no room on the disk"), "452 4.3.1 "), (StorageError("the disk fails"), "451 4.3.0 ")],
)
def test_a_message_that_cannot_be_stored_stays_with_the_client(error: StorageError, reply: str) -> None:
    """The reply is temporary, the log has the reason, and the session goes on."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        ((answer,),) = await client.say(MESSAGE)
        assert answer.startswith(reply)
        assert await client.codes("NOOP\r\n") == ["250"]

    place = play(scene, error)
    assert str(place.log.named("smtp failed-command")[-1]["why"]) == str(error)
    assert place.log.named("smtp message") == []


def test_nothing_is_answered_before_it_is_stored() -> None:
    """What the client has sent ahead waits for the 250, which waits for the queue."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        answers = asyncio.ensure_future(client.codes(MESSAGE + "NOOP\r\nQUIT\r\n", count=3))
        await place.intake.asked.wait()
        assert not answers.done()
        place.intake.release.set()
        assert await answers == ["250", "250", "221"]

    play(scene, holds=True)


def test_a_message_whose_client_has_gone_is_kept_all_the_same() -> None:
    """The queue had it; whether the client heard of that is another question."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        client.writer.write(MESSAGE.encode())
        await place.intake.asked.wait()
        client.writer.transport.abort()
        await place.sessions.wait_until_none()
        place.intake.release.set()

    place = play(scene, holds=True)
    assert len(place.intake.submissions) == 1
    assert len(place.log.named("smtp message")) == 1


def test_a_large_message_is_never_held_as_a_whole() -> None:
    """It goes to the spool while it comes in; the client waits for the disk."""
    line = "x" * 998 + "\r\n"

    async def scene(_: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        assert await client.codes("Subject: x\r\n\r\n" + line * 1000 + ".\r\n") == ["250"]

    place = play(scene)
    (submission,) = place.intake.submissions
    (writer,) = place.intake.writers
    assert submission.content == writer
    assert writer.octets.endswith(b"\nSubject: x\n\n" + line.replace("\r\n", "\n").encode() * 1000)
    assert not writer.is_discarded


@pytest.mark.parametrize(
    "said",
    [
        "",
        "EHLO c.te",
        "EHLO c.test\r\n",
        ENVELOPE[:40],
        ENVELOPE[:-6],
        ENVELOPE,
        ENVELOPE + "Subject: x\r\n",
        ENVELOPE + "Subject: x\r\n\r\n" + "y" * 70 + "\r\n" * 40_000,
        ENVELOPE + MESSAGE[:-2],
    ],
    ids=["greeting", "verb", "ehlo", "mail", "rcpt", "data", "header", "spooled", "end of data"],
)
@pytest.mark.parametrize("how", ["end of stream", "reset"])
def test_a_client_may_leave_at_any_time(said: str, how: str) -> None:
    """Nothing of its message is kept, and the server goes on."""

    async def scene(place: Place, client: Client) -> None:
        client.writer.write(said.encode())
        if how == "reset":
            await client.writer.drain()
            client.writer.transport.abort()
        else:
            client.writer.write_eof()
            await client.rest()
        await place.sessions.wait_until_none()
        other = Client(*await asyncio.open_connection("127.0.0.1", place.port))
        assert await other.codes(ENVELOPE, count=5) == ["220", "250", "250", "250", "354"]
        assert await other.codes(MESSAGE) == ["250"]
        await other.close()

    place = play(scene)
    assert len(place.intake.submissions) == 1
    assert all(writer.is_discarded for writer in place.intake.writers)


def test_a_client_that_says_nothing_is_told_and_left() -> None:
    """RFC 5321 §4.5.3.2.7; the log names the reason."""

    async def scene(_: Place, client: Client) -> None:
        assert (await client.rest()).startswith(b"421 4.4.2 ")

    place = play(scene, idle_seconds=0.05)
    assert place.log.named("smtp disconnected") == [{"reason": "timeout"}]


def test_a_client_that_reads_nothing_costs_no_memory() -> None:
    """The server stops to work for it, and leaves it when its time is over."""

    async def scene(place: Place, client: Client) -> None:
        flood = "HELP\r\n" * 10_000
        while not place.log.named("smtp disconnected"):
            client.writer.write(flood.encode())
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(0.05):
                    await client.writer.drain()

    place = play(scene, idle_seconds=0.3)
    assert place.log.named("smtp disconnected") == [{"reason": "timeout"}]


def test_garbage_ends_in_a_refusal() -> None:
    """And never in a message."""

    async def scene(_: Place, client: Client) -> None:
        client.writer.write(bytes(range(256)) * 300)
        answer = await client.rest()
        assert answer.startswith(b"500 5.5.2 ")

    place = play(scene)
    assert place.intake.submissions == []
    assert place.log.named("smtp disconnected") == [{"reason": "quit"}]


def test_a_server_that_stops_lets_a_transaction_end() -> None:
    """Then it says goodbye; who has none open hears it at once."""

    async def scene(place: Place, client: Client) -> None:
        idle = Client(*await asyncio.open_connection("127.0.0.1", place.port))
        await idle.say()
        await client.say(ENVELOPE, count=4)
        place.sessions.drain()
        assert (await idle.rest()).startswith(b"421 4.3.2 ")
        assert await client.codes(MESSAGE, count=2) == ["250", "421"]
        await idle.close()

    assert len(play(scene).intake.submissions) == 1


def test_a_refusal_is_logged_with_its_reason() -> None:
    """Command, reply, rule, why, and the configuration that said so; one line of the log each."""

    async def scene(_: Place, client: Client) -> None:
        await client.say("EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@local.test>\r\nBOGUS\r\n", count=4)

    refusals = play(scene).log.named("smtp failed-command")
    assert refusals == [
        {
            "command": "RCPT TO:<nobody@local.test>",
            "result": "550 5.1.1 Invalid recipient: <nobody@local.test>",
            "rule": "smtpd.conf:5",
            "why": 'no user "nobody" in <users>',
            "config": "c0ffee00",
        },
        {"command": "BOGUS", "result": refusals[1]["result"], "config": "c0ffee00"},
    ]
