"""A session over a real socket: what asyncio adds to the core and the policy."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import InlineContent, StorageError, StorageFullError
from smtpdsl.runtime.net.acceptor import Arrival
from smtpdsl.runtime.net.deadlines import Timeouts
from smtpdsl.runtime.net.session import Session
from tests.runtime.dialogue import dialogue_files, parse_dialogue
from tests.runtime.net.places import PATIENCE_SECONDS, Client, Intake, Place, play

ENVELOPE = "EHLO c.test\r\nMAIL FROM:<eve@away.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n"
# Complete: a listener on loopback adds what is missing.
HEADER = "Subject: x\r\nDate: Sun, 22 Nov 2026 12:46:37 +0000\r\nMessage-ID: <1@away.test>\r\n\r\n"
MESSAGE = HEADER + "body\r\n.\r\n"


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
    assert submission.content.octets.endswith(f"\n{HEADER}body\n".replace("\r", "").encode())
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
        place.intake.release.set()
        await place.sessions.wait_until_none()

    place = play(scene, holds=True)
    assert len(place.intake.submissions) == 1
    assert len(place.log.named("smtp message")) == 1


def test_a_client_that_has_said_all_gets_its_answers() -> None:
    """It ends its side behind its last command, and hears what became of the message."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        client.writer.write(MESSAGE.encode())
        client.writer.write_eof()
        await place.intake.asked.wait()
        place.intake.release.set()
        assert (await client.reader.readline()).startswith(b"250 2.0.0 ")
        assert await client.reader.read() == b""

    assert len(play(scene, holds=True).log.named("smtp message")) == 1


def test_a_large_message_is_never_held_as_a_whole() -> None:
    """It goes to the spool while it comes in; the client waits for the disk."""
    line = "x" * 998 + "\r\n"

    async def scene(_: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        assert await client.codes(HEADER + line * 1000 + ".\r\n") == ["250"]

    place = play(scene)
    (submission,) = place.intake.submissions
    (writer,) = place.intake.writers
    assert submission.content == writer
    assert writer.octets.endswith(f"\n{HEADER}{line * 1000}".replace("\r", "").encode())
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
        other = await place.client()
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

    place = play(scene, timeouts=Timeouts(idle=0.05))
    assert place.log.named("smtp disconnected") == [{"reason": "timeout", "why": "idle for too long"}]


def test_a_client_that_reads_nothing_costs_no_memory() -> None:
    """The server stops to work for it, and leaves it when its time is over."""

    async def scene(place: Place, client: Client) -> None:
        flood = "HELP\r\n" * 10_000
        while not place.log.named("smtp disconnected"):
            client.writer.write(flood.encode())
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(0.05):
                    await client.writer.drain()

    place = play(scene, timeouts=Timeouts(command=0.3))
    assert place.log.named("smtp disconnected") == [{"reason": "timeout", "why": "replies not read in time"}]


class Recorder(asyncio.Transport):
    """A connection without a network."""

    def __init__(self) -> None:
        """Have written nothing."""
        super().__init__()
        self.octets = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.octets += bytes(data)

    def is_closing(self) -> bool:
        """Stay open."""
        return False


def test_a_client_that_sends_ahead_does_not_keep_the_others_waiting() -> None:
    """What it has sent at once is worked on in turns, and the loop comes round in between."""

    async def scene(place: Place, client: Client) -> None:
        del client
        transport = Recorder()
        assert place.gate.admit("192.0.2.1", 0) is None
        session = Session(place.service, Arrival("192.0.2.1", "192.0.2.1"))
        session.connection_made(transport)
        session.data_received(b"NOOP\r\n" * 900)
        assert transport.octets.count(b"250 ") < 200
        for _ in range(900):
            await asyncio.sleep(0)
        assert transport.octets.count(b"250 ") == 900
        session.connection_lost(None)

    play(scene)


def test_what_a_client_sends_while_it_waits_is_counted() -> None:
    """As what all of them together may have in memory; nothing of it is lost."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        client.writer.write(MESSAGE.encode())
        await place.intake.asked.wait()
        client.writer.write(b"NOOP\r\n" * 1000)
        while place.shared.budget.used < 6000:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
        place.intake.release.set()
        assert await client.codes("", count=1001) == ["250"] * 1001

    play(scene, holds=True)


def test_nothing_is_read_for_which_there_is_no_memory() -> None:
    """A client that waits hears of it when it is its turn."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=4)
        client.writer.write(MESSAGE.encode())
        await place.intake.asked.wait()
        rest = place.shared.budget.most - place.shared.budget.used
        assert place.shared.budget.take(rest)
        client.writer.write(b"NOOP\r\n" * 1000)
        place.intake.release.set()
        replies = await client.rest()
        place.shared.budget.give(rest)
        assert replies.startswith(b"250 2.0.0 ")
        assert b"\r\n421 4.3.1 " in replies

    play(scene, holds=True)


class Deaf(Recorder):
    """A connection whose other end reads nothing."""

    def __init__(self) -> None:
        """Be open."""
        super().__init__()
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        """Say that something always waits."""
        return 1

    def close(self) -> None:
        """Wait until it is read."""

    def abort(self) -> None:
        """Wait no more."""
        self.aborted.set()


def test_who_does_not_read_the_goodbye_is_left() -> None:
    """It has as long for that as for any other reply."""

    async def scene(place: Place, client: Client) -> None:
        del client
        transport = Deaf()
        assert place.gate.admit("192.0.2.1", 0) is None
        session = Session(place.service, Arrival("192.0.2.1", "192.0.2.1"))
        session.connection_made(transport)
        session.data_received(b"QUIT\r\n")
        assert not transport.aborted.is_set()
        try:
            await transport.aborted.wait()
        finally:
            session.connection_lost(None)

    play(scene, timeouts=Timeouts(idle=PATIENCE_SECONDS, command=0.05))


def test_garbage_ends_in_a_refusal() -> None:
    """And never in a message."""

    async def scene(_: Place, client: Client) -> None:
        client.writer.write(bytes(range(256)) * 300)
        answer = await client.rest()
        assert answer.startswith(b"500 5.5.2 ")

    place = play(scene)
    assert place.intake.submissions == []
    (end,) = place.log.named("smtp disconnected")
    assert end["reason"] == "quit"
    assert "closing the connection" in str(end["why"])


def test_a_server_that_stops_lets_a_transaction_end() -> None:
    """Then it says goodbye; who has none open hears it at once."""

    async def scene(place: Place, client: Client) -> None:
        idle = await place.client()
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


class Transport(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        """Be open."""
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep *data*."""
        self.written += data

    def is_closing(self) -> bool:
        """Be open for ever."""
        return False


def test_a_session_that_is_over_is_gone() -> None:
    """None of its parts holds it, so that its memory does not wait for a collector."""

    async def main() -> None:
        place = Place(Intake())
        place.open()
        place.gate.admit("127.0.0.1", 0)
        session, transport = Session(place.service, Arrival("127.0.0.1", "127.0.0.1")), Transport()
        session.connection_made(transport)
        session.data_received(ENVELOPE.encode())
        assert b"\r\n354 " in transport.written
        session.connection_lost(None)
        left = weakref.ref(session)
        del session
        assert left() is None
        await place.close()

    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()
