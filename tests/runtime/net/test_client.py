"""Connections to other mail servers, over sockets of loopback and to a server that behaves badly."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.interfaces import Content, InlineContent, SpooledContent
from smtpdsl.runtime.net.client import Connection, PhaseLimits, speak
from smtpdsl.runtime.net.outgoing import BLOCK_OCTETS, Measure, measure
from smtpdsl.runtime.net.racing import Race, Target
from smtpdsl.runtime.protocol.client import ClientSession, Transaction, Verdict
from smtpdsl.runtime.protocol.client_verdicts import Judgement
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script

PATIENT = PhaseLimits()
CONTENT = InlineContent(b"Subject: hi\n\n.dot\n")
CHUNKING = {**GOOD, "EHLO": {"reply": "250-peer.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}}
TRANSACTION = Transaction(ReversePath.parse("<a@b.example>"), (Mailbox.parse("x@y.example"),), size=20)
OK, TEMPORARY, PERMANENT = Judgement.ACCEPTED, Judgement.TEMPORARY, Judgement.PERMANENT


async def open_session(peer: BadPeer, limits: PhaseLimits = PATIENT) -> Connection:
    """Connect to *peer*."""
    reached = await Race([Target("127.0.0.1", peer.port)], limits.connect).winner()
    assert reached is not None, "it listens"
    return await speak(ClientSession("peer", "client.example", "server.example"), reached.socket, limits)


async def send_one(peer: BadPeer, limits: PhaseLimits, content: Content) -> Verdict:
    """Send one message to *peer*, and return what became of it."""
    connection = await open_session(peer, limits)
    try:
        problem = await connection.ready()
        if problem is not None:
            return problem
        # Its length is what is told before, and decides whether anybody waits for the recipients.
        [verdict] = await connection.send(TRANSACTION._replace(size=content.size), content)
        return verdict
    finally:
        connection.leave()
        await connection.wait_closed()


def deliver(script: Script, limits: PhaseLimits = PATIENT, content: Content = CONTENT) -> tuple[Verdict, BadPeer]:
    """Send one message to a server that follows *script*, and return what became of it, and the server."""

    async def run() -> tuple[Verdict, BadPeer]:
        async with BadPeer(script) as peer:
            return await send_one(peer, limits, content), peer

    return asyncio.run(run())


def spooled(folder: Path, octets: bytes) -> SpooledContent:
    """Write *octets* to a file, as the spool has it."""
    path = folder / "message"
    path.write_bytes(octets)
    return SpooledContent(str(path), len(octets))


# ---------------------------------------------------------------- a message


@pytest.mark.parametrize("ehlo", ["250 peer.example\r\n", "250-peer.example\r\n250 PIPELINING\r\n"])
def test_a_message_arrives_as_it_was(ehlo: str) -> None:
    """The server gets line ends and doubled dots, and the client its answer."""
    verdict, peer = deliver(GOOD | {"EHLO": {"reply": ehlo}})

    assert verdict == Verdict(OK, "250 2.0.0 queued as X", "2.0.0")
    assert peer.messages == [b"Subject: hi\r\n\r\n..dot\r\n"]
    assert peer.lines == [
        b"EHLO client.example",
        b"MAIL FROM:<a@b.example>",
        b"RCPT TO:<x@y.example>",
        b"DATA",
        b"QUIT",
    ]


def test_a_short_message_goes_in_one_chunk() -> None:
    """With its dots as they are."""
    verdict, peer = deliver(CHUNKING)

    assert verdict == Verdict(OK, "250 2.0.0 queued as X", "2.0.0")
    assert peer.messages == [b"Subject: hi\r\n\r\n.dot\r\n"]
    assert [line.split(b" ")[0] for line in peer.lines] == [b"EHLO", b"MAIL", b"RCPT", b"BDAT", b"QUIT"]


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_message_of_the_spool_is_sent_in_chunks(tmp_path: Path, *, is_whole: bool) -> None:
    """Each is as long as its block, and the first one waits for a recipient."""
    octets = (b"." * 61 + b"\n") * 5000 + (b"" if is_whole else b".end")

    verdict, peer = deliver(CHUNKING, content=spooled(tmp_path, octets))

    assert verdict.judgement is OK
    assert peer.messages == [(b"." * 61 + b"\r\n") * 5000 + (b"" if is_whole else b".end\r\n")]
    assert [line for line in peer.lines if line.startswith(b"BDAT")][-1].endswith(b" LAST")
    assert peer.verbs.count("BDAT") == 3


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_message_of_the_spool_is_sent_in_blocks(tmp_path: Path, *, is_whole: bool) -> None:
    """Where a block ends is not seen in what arrives, and a last line without an end gets one."""
    octets = (b"." * 61 + b"\n") * 5000 + (b"" if is_whole else b".end")
    assert len(octets) > 2 * BLOCK_OCTETS

    verdict, peer = deliver(GOOD, content=spooled(tmp_path, octets))

    assert verdict.judgement is OK
    assert peer.messages == [(b"." * 62 + b"\r\n") * 5000 + (b"" if is_whole else b"..end\r\n")]


def test_several_messages_go_over_one_connection() -> None:
    """Each has its own transaction."""

    async def run() -> list[Judgement]:
        async with BadPeer(
            GOOD | {"MAIL": [{"reply": "250 ok\r\n"}, {"reply": "450 no\r\n"}, {"reply": "250 ok\r\n"}]}
        ) as peer:
            connection = await open_session(peer)
            assert await connection.ready() is None
            found = [(await connection.send(TRANSACTION, CONTENT))[0].judgement for _ in range(3)]
            connection.leave()
            await connection.wait_closed()
            assert (peer.connections, len(peer.messages), connection.source) == (1, 2, "127.0.0.1")
        return found

    assert asyncio.run(run()) == [OK, TEMPORARY, OK]


# ---------------------------------------------------------------- a server that behaves badly


ANSWERING = ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."]
# What a server that offers CHUNKING answers, and how long the message is then.
CHUNKED = [("MAIL", 9), ("RCPT", 9), ("LAST", 9), ("RCPT", 300_000), ("BDAT", 300_000), ("LAST", 300_000)]
NONSENSE = pytest.mark.parametrize(
    "step",
    [
        {"close": True},
        {"reply": "25", "close": True},
        {"reply": "\x16\x03\x01 garbage\r\n"},
        {"reply": "GET / HTTP/1.1\r\n\r\n"},
        {"reply": "x" * 5000},
        {"reply": "250-more\r\n", "n": 100_000},
        {"reply": "354-more\r\n", "n": 100_000},
        {"reply": "250 ok\n"},
        {"reply": "999 ok\r\n"},
        {"reply": "421 4.3.2 bye\r\n"},
    ],
    ids=["close", "half", "octets", "http", "line", "lines", "data", "lf", "code", "421"],
)


@pytest.mark.parametrize("verb", ANSWERING)
@NONSENSE
def test_nonsense_is_temporary_in_each_phase(verb: str, step: dict[str, Any]) -> None:
    """The message stays in the queue, and nothing is sent that the server might take for a message."""
    verdict, peer = deliver(GOOD | {verb: step})

    assert verdict.judgement is TEMPORARY
    assert verdict.text.isascii()
    assert verdict.text.isprintable()
    assert len(verdict.text) < 200
    assert len(peer.messages) == (verb == ".")


@pytest.mark.parametrize(("verb", "octets"), CHUNKED)
@NONSENSE
def test_nonsense_among_chunks_is_temporary(tmp_path: Path, verb: str, octets: int, step: dict[str, Any]) -> None:
    """So too where the message is sent before anything is answered."""
    verdict, peer = deliver(CHUNKING | {verb: step}, content=spooled(tmp_path, b"x" * octets))

    assert verdict.judgement is TEMPORARY
    assert len(verdict.text) < 200
    # What was sent ahead is there already, and this server takes it whatever it has said before.
    assert peer.messages == [] or (verb, octets) != ("RCPT", 300_000)


@pytest.mark.parametrize("code", ["450", "550"])
@pytest.mark.parametrize(("verb", "octets"), CHUNKED)
def test_a_refusal_among_chunks(tmp_path: Path, verb: str, octets: int, code: str) -> None:
    """It is what the code says, and the session goes on."""
    # What was sent ahead has no transaction any more.
    late = ("RCPT", "LAST") if verb == "MAIL" else ("LAST",)
    refusals = {**{each: {"reply": "503 no\r\n"} for each in late}, verb: {"reply": f"{code} 5.7.1 no\r\n"}}
    verdict, peer = deliver(CHUNKING | refusals, content=spooled(tmp_path, b"x" * octets))

    assert verdict.judgement is (PERMANENT if code == "550" else TEMPORARY)
    assert verdict.text.startswith(f"{code} ")
    assert peer.verbs[-1] == "QUIT"


@pytest.mark.parametrize("code", ["450", "550"])
@pytest.mark.parametrize("verb", ANSWERING)
def test_a_refusal_in_each_phase(verb: str, code: str) -> None:
    """What is said of the server is temporary, what is said of the message or the recipient is what the code says."""
    verdict, peer = deliver(GOOD | {verb: {"reply": f"{code} 5.7.1 no\r\n"}, "HELO": {"reply": "550 no\r\n"}})

    is_for_good = code == "550" and verb not in {"connect", "EHLO"}
    assert verdict.judgement is (PERMANENT if is_for_good else TEMPORARY)
    assert verdict.text.startswith(f"{code} ")
    assert peer.verbs[-1:] == (
        [] if verb == "connect" else ["HELO" if code == "550" else "EHLO"] if verb == "EHLO" else ["QUIT"]
    )


LIMITED = [
    ("connect", "greeting", "no greeting of peer within 0.05 seconds"),
    ("EHLO", "greeting", "no answer of peer to EHLO within 0.05 seconds"),
    ("MAIL", "mail", "no answer of peer to MAIL within 0.05 seconds"),
    ("RCPT", "rcpt", "no answer of peer to RCPT within 0.05 seconds"),
    ("DATA", "data", "no answer of peer to DATA within 0.05 seconds"),
    (".", "end", "no answer of peer to the message within 0.05 seconds: the message may have arrived"),
]


@pytest.mark.parametrize(("verb", "limit", "text"), LIMITED)
@pytest.mark.parametrize("rest", [{"delay": 700}, {"reply": "250-slow\r\n", "n": 2, "delay": 700}])
def test_each_phase_has_its_own_time_limit(verb: str, limit: str, text: str, rest: dict[str, Any]) -> None:
    """A server that says nothing, or only begins to, is given up, and the text says what was waited for."""
    verdict, _ = deliver(GOOD | {verb: rest}, PATIENT._replace(**{limit: 0.05}))

    assert verdict == Verdict(TEMPORARY, text, "4.4.2")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (GOOD, "peer took nothing of the message for 0.1 seconds"),
        (CHUNKING, "no answer of peer to BDAT within 0.1 seconds"),
    ],
)
def test_a_server_that_takes_nothing_of_the_message_is_given_up(tmp_path: Path, script: Script, text: str) -> None:
    """The limit is for one block: a slow server may take its time for the whole message."""
    content = spooled(tmp_path, b"x" * 76 * 100_000)

    verdict, peer = deliver({**script, "body": {"stall": True}}, PATIENT._replace(block=0.1), content)

    assert verdict == Verdict(TEMPORARY, text, "4.4.2")
    assert peer.messages == []


def test_a_server_that_is_given_up_in_the_message_takes_no_more_of_it(tmp_path: Path) -> None:
    """A server that closes while it gets a message has none."""
    verdict, peer = deliver(GOOD | {"body": {"close": True}}, content=spooled(tmp_path, b"x\n" * 4_000_000))

    assert verdict.judgement is TEMPORARY
    assert verdict.text.startswith("the connection to peer was lost while the message was sent")
    assert peer.messages == []


def test_an_answer_to_half_a_message_ends_it(tmp_path: Path) -> None:
    """A server that has enough is not sent the rest, and not one that pretends to have all."""
    for reply in ("250 ok\r\n", "552 too big\r\n"):
        verdict, peer = deliver(GOOD | {"body": {"reply": reply}}, content=spooled(tmp_path, b"x\n" * 4_000_000))

        assert verdict.judgement is TEMPORARY
        assert reply.strip() in verdict.text or "sent more than its answer to DATA" in verdict.text
        assert peer.messages == []


def test_quit_is_not_waited_for_long() -> None:
    """The verdict is there before, and a server that does not answer is left alone."""
    verdict, peer = deliver(GOOD | {"QUIT": {"delay": 700}}, PATIENT._replace(quit=0.01))

    assert verdict.judgement is OK
    assert peer.verbs[-1] == "QUIT"


def test_whoever_gives_up_leaves_no_message_behind() -> None:
    """A delivery that is cancelled ends its connection; half a message is none."""

    async def run() -> list[bytes]:
        async with BadPeer(GOOD | {"DATA": {"delay": 700}}) as peer:
            delivery = asyncio.ensure_future(send_one(peer, PATIENT, CONTENT))
            await peer.hear("DATA")
            delivery.cancel()
            with pytest.raises(asyncio.CancelledError):
                await delivery
            return peer.messages

    assert asyncio.run(run()) == []


# ---------------------------------------------------------------- mail data


def test_a_file_that_is_gone_is_temporary(tmp_path: Path) -> None:
    """The server gets no dot, and so no message."""
    verdict, peer = deliver(GOOD, content=SpooledContent(str(tmp_path / "gone"), 9))

    text = "the message cannot be read from the queue: No such file or directory"
    assert verdict == Verdict(TEMPORARY, text, "4.3.0")
    assert peer.messages == []


@pytest.mark.parametrize("script", [GOOD, CHUNKING])
@pytest.mark.parametrize("size", [3, 300_000])
def test_a_file_of_another_size_is_never_completed(tmp_path: Path, size: int, script: Script) -> None:
    """Whatever happened to it, it is not what was accepted."""
    content = spooled(tmp_path, b"x\n" * 100_000)._replace(size=size)

    verdict, peer = deliver(script, content=content)

    assert (verdict.judgement, peer.messages) == (TEMPORARY, [])
    assert f"the file has not the {size} octets that it had" in verdict.text


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"", Measure(0, is_8bit=False)),
        (b"a\nb\n", Measure(6, is_8bit=False)),
        (b"a\nb", Measure(6, is_8bit=False)),
        (b".\n", Measure(3, is_8bit=False)),
        ("ä\n".encode(), Measure(4, is_8bit=True, has_8bit_header=True)),
        ("A: b\n\nä\n".encode(), Measure(12, is_8bit=True)),
        (b"x\n" * BLOCK_OCTETS, Measure(3 * BLOCK_OCTETS, is_8bit=False)),
        (b"\xff" + b"x" * BLOCK_OCTETS, Measure(BLOCK_OCTETS + 3, is_8bit=True, has_8bit_header=True)),
    ],
)
def test_a_message_is_measured_as_it_is_sent(tmp_path: Path, octets: bytes, found: Measure) -> None:
    """RFC 1870 §3: with CR LF at the ends of its lines, and without the dots that are doubled."""

    async def run(contents: Sequence[Content]) -> list[Measure]:
        return [await measure(content) for content in contents]

    assert asyncio.run(run([InlineContent(octets), spooled(tmp_path, octets)])) == [found, found]


class SlowTransport(asyncio.Transport):
    """A transport that is full after each write, until it is told otherwise."""

    def __init__(self, connection: Connection) -> None:
        """Write for *connection*."""
        super().__init__({"sockname": ("127.0.0.1", 1)})
        self.connection = connection
        self.octets = self.writes = 0
        self.written = asyncio.Event()
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Count, and be full."""
        self.octets += len(data)
        self.writes += 1
        self.written.set()
        self.connection.pause_writing()

    async def next_write(self) -> None:
        """Wait for a write."""
        await self.written.wait()
        self.written.clear()

    def is_closing(self) -> bool:
        """Say whether it was aborted."""
        return self.closing

    def abort(self) -> None:
        """Be gone."""
        self.closing = True
        self.connection.connection_lost(None)


def test_a_short_message_and_its_envelope_are_one_write() -> None:
    """The second one would wait for the answer to the first, and that is what chunks are to save."""

    async def run() -> None:
        connection = Connection(ClientSession("peer", "c", "s"), PATIENT)
        transport = SlowTransport(connection)
        connection.connection_made(transport)
        connection.data_received(b"220 peer\r\n")
        connection.data_received(b"250-peer\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
        await connection.ready()
        transport.octets = transport.writes = 0
        transport.written.clear()
        sending = asyncio.ensure_future(connection.send(TRANSACTION, CONTENT))
        await transport.next_write()
        said = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nBDAT 21 LAST\r\nSubject: hi\r\n\r\n.dot\r\n"
        assert (transport.octets, transport.writes) == (len(said), 1)
        connection.data_received(b"250 ok\r\n250 ok\r\n250 ok\r\n")
        assert (await sending)[0].judgement is OK
        connection.abort()
        await connection.wait_closed()

    asyncio.run(run())


def test_a_slow_server_gets_a_block_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a message is, little of it is in memory, and the time is for each block."""
    content = spooled(tmp_path, b"x" * 64 * BLOCK_OCTETS)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        start = now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: now)
        connection = Connection(ClientSession("peer", "c", "s"), PATIENT)
        transport = SlowTransport(connection)
        connection.connection_made(transport)
        for reply in (b"220 peer\r\n", b"250-peer\r\n250 PIPELINING\r\n"):
            connection.data_received(reply)
        await connection.ready()
        sending = asyncio.ensure_future(connection.send(TRANSACTION, content))
        await asyncio.sleep(0)
        connection.data_received(b"250 ok\r\n250 ok\r\n354 go\r\n")
        connection.resume_writing()
        transport.written.clear()
        transport.octets = 0
        tracemalloc.start()
        for block in range(1, 65):
            await transport.next_write()
            assert transport.octets == block * BLOCK_OCTETS
            now += PATIENT.block - 1
            connection.resume_writing()
        assert tracemalloc.get_traced_memory()[1] < 10 * BLOCK_OCTETS
        tracemalloc.stop()
        await transport.next_write()
        connection.data_received(b"250 ok\r\n")
        assert (await sending)[0].judgement is OK
        assert now - start > 10 * (PATIENT.block + PATIENT.end)
        connection.abort()
        await connection.wait_closed()

    asyncio.run(run())
