"""An SMTP process as the queue process sees it: it gets what it may have, and whoever wants more is cut off."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import (
    CommandWork,
    ContentWriter,
    Identity,
    InlineContent,
    LocalWork,
    StorageError,
    StorageFullError,
    Submission,
)
from smtpdsl.runtime.net.gate import TOO_MANY, GateLimits
from smtpdsl.runtime.roles import backlog, given_numbers
from smtpdsl.runtime.roles.messages import (
    ToQueue,
    ToSmtp,
    Tried,
    block_of,
    decode_admission,
    decode_refusal,
    encode_counts,
    encode_tried,
    number,
    numbered,
    numbers_of,
    pair,
    paired,
)
from smtpdsl.runtime.roles.smtp_peer import SmtpPeer
from smtpdsl.runtime.roles.submissions import encode_submission
from smtpdsl.runtime.supervisor.batches import decode_answers, encode_questions
from smtpdsl.runtime.supervisor.questions import (
    RIGHT,
    Answer,
    AnswerError,
    CheckPassword,
    Question,
    ReadFile,
    ReadForward,
    refused,
)
from smtpdsl.runtime.supervisor.wire import encode_work
from tests.runtime.net.places import PATIENCE_SECONDS
from tests.runtime.queue.sample import local, submission
from tests.runtime.roles.house import BLOCK, FakeHouse, Process, Spool

JOE, ANN = (Identity(name, uid, uid, f"/home/{name}") for uid, name in enumerate(("joe", "ann"), 1000))
Scene = Callable[[FakeHouse, SmtpPeer, Process], Coroutine[None, None, None]]


def play(scene: Scene, house: Callable[[], FakeHouse] = FakeHouse, clients: int = 2) -> FakeHouse:
    """Play *scene* with a process that has *clients*; whatever it does, nothing is left of it in the end."""
    faults: list[dict[str, Any]] = []

    async def main() -> FakeHouse:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        found = house()
        peer, process = await found.connect(clients)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await scene(found, peer, process)
            process.end()
            await peer.ended
        assert (found.gate.connections, peer.connections, len(found.ended)) == (0, 0, 1)
        return found

    found = asyncio.run(main())
    assert faults == []
    return found


def message(message_id: int) -> bytes:
    """Return the payload of a small message."""
    return b"".join(encode_submission(submission(message_id)))


def facts(message_id: int, **changes: str) -> bytes:
    """Return the payload of a message that is written; its envelope has *changes*."""
    return encode_submission(submission(message_id, local()._replace(**changes)))[0]  # type: ignore[arg-type]


# ---------------------------------------------------------------- what a process may have


def test_a_message_is_stored_and_acknowledged() -> None:
    """Small or large; with the number that it was given."""

    async def scene(house: FakeHouse, _: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.SUBMIT, message(100))
        assert numbered(await process.hear(ToSmtp.TAKEN)) == (100, b"")
        for piece in (b"Subject: y\n\n", b"y\n"):
            process.say(ToQueue.WRITE, number(109), piece)
            assert paired(await process.hear(ToSmtp.ROOM)) == (109, len(piece))
        process.say(ToQueue.SUBMIT_WRITTEN, facts(109))
        assert numbered(await process.hear(ToSmtp.TAKEN)) == (109, b"")
        # When it is stored it is no business of the process any more.
        process.say(ToQueue.DISCARD, number(109))
        await process.be_understood()
        assert [each.message_id for each in house.spool.submissions] == [100, 109]
        (writer,) = house.spool.writers
        assert (writer.octets, writer.is_discarded) == (b"Subject: y\n\ny\n", False)

    play(scene)


@pytest.mark.parametrize("error", [StorageError("trouble"), StorageFullError("no room")])
def test_what_cannot_be_stored_is_refused(error: StorageError) -> None:
    """With the reason."""

    async def scene(house: FakeHouse, _: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.SUBMIT, message(100))
        message_id, found = decode_refusal(await process.hear(ToSmtp.REFUSED))
        assert (message_id, type(found), str(found)) == (100, type(error), str(error))
        assert house.ended == []

    play(scene, lambda: FakeHouse(Spool(error)))


def test_numbers_are_given_when_they_are_wanted() -> None:
    """Each of them once; of a store that fails, none."""

    async def scene(_: FakeHouse, __: SmtpPeer, process: Process) -> None:
        for start in (200, 300):
            process.say(ToQueue.WANTS)
            assert block_of(await process.hear(ToSmtp.NUMBERS)) == (start, start + BLOCK)
        for message_id in (300, 109, 209):
            process.say(ToQueue.SUBMIT, message(message_id))
            assert numbered(await process.hear(ToSmtp.TAKEN)) == (message_id, b"")

    async def failing(_: FakeHouse, __: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.WANTS)
        assert await process.hear(ToSmtp.NUMBERS) == pair(0, 0)

    play(scene)
    play(failing, lambda: FakeHouse(Spool(has_numbers=False)))


def test_no_command_of_its_own() -> None:
    """What would run in the name of a user has to be what the configuration makes of the recipient."""

    async def scene(house: FakeHouse, _: SmtpPeer, process: Process) -> None:
        for message_id, changes in ((100, {"target": "rm -r /"}), (101, {"file": "/home/ann/.profile"})):
            process.say(ToQueue.SUBMIT, facts(message_id, **changes), b"x")
            assert decode_refusal(await process.hear(ToSmtp.REFUSED))[0] == message_id
        process.say(ToQueue.WRITE, number(102), b"x")
        process.say(ToQueue.SUBMIT_WRITTEN, facts(102, target="rm -r /"))
        assert decode_refusal(await process.hear(ToSmtp.REFUSED))[0] == 102
        assert house.spool.submissions == []
        assert [each.is_discarded for each in house.spool.writers] == [True]

    play(scene)


def test_the_gate_counts_for_all_processes() -> None:
    """Whoever comes through a proxy is counted when that has named it."""

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        house.gate.limits = GateLimits(connections=20, of_source=2)
        for _ in range(3):
            assert house.gate.admit(None, 0) is None
            peer.arrive(None)
            process.say(ToQueue.LEFT, b"")
        process.say(ToQueue.ADMIT, number(7), b"192.0.2.1")
        assert await process.hear(ToSmtp.ADMITTED) == number(7) + str(TOO_MANY).encode()
        process.say(ToQueue.LEFT, b"192.0.2.1")
        process.say(ToQueue.ADMIT, number(8), b"192.0.2.1")
        ask, reply = numbered(await process.hear(ToSmtp.ADMITTED))
        assert (ask, decode_admission(reply)) == (8, None)
        process.say(ToQueue.ADMIT, number(9), b"")
        assert await process.hear(ToSmtp.ADMITTED) == number(9)
        assert (peer.connections, house.gate.connections, house.gate.connections_of("192.0.2.1")) == (3, 3, 2)

    play(scene)


class FakeRoot:
    """Answers that everything is right, or fails."""

    def __init__(self, error: AnswerError | None = None) -> None:
        """Fail with *error*, if there is one."""
        self.asked: list[Question] = []
        self._error = error

    async def ask(self, question: Question) -> Answer:
        """Answer."""
        return (await self.ask_all((question,)))[0]

    async def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer each."""
        self.asked += questions
        if self._error is not None:
            raise self._error
        return [RIGHT] * len(questions)


@pytest.mark.parametrize(
    ("root", "answer"),
    [
        (FakeRoot(), RIGHT),
        (FakeRoot(AnswerError("no time")), refused("no time")),
        (None, refused("there is nobody to ask")),
    ],
)
def test_root_is_asked(root: FakeRoot | None, answer: Answer) -> None:
    """And there is an answer for each question, whatever happens."""
    questions = [ReadFile(0), ReadFile(1)]

    async def scene(_: FakeHouse, __: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.ASK, number(5), encode_questions(questions))
        ask, octets = numbered(await process.hear(ToSmtp.ANSWERS))
        assert (ask, decode_answers(octets)) == (5, [answer, answer])

    play(scene, lambda: FakeHouse(root=root))


def test_logins_and_counters_are_passed_on() -> None:
    """Two who ask for counters at a time get the same; whoever asks when it is gone gets those that it told last."""
    tried = Tried("192.0.2.1", "ann", is_right=False)

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.TRIED, encode_tried(tried))
        asked = [asyncio.ensure_future(peer.counts()) for _ in range(2)]
        await process.hear(ToSmtp.COUNT)
        process.say(ToQueue.COUNTS, encode_counts({"smtp.session": 3}))
        assert await asyncio.gather(*asked) == [{"smtp.session": 3}] * 2
        assert house.told == [tried]
        late = asyncio.ensure_future(peer.counts())
        await process.hear(ToSmtp.COUNT)
        process.end()
        assert (await late, await peer.counts()) == ({"smtp.session": 3}, {"smtp.session": 3})

    play(scene)


def test_whether_it_is_ready() -> None:
    """It says so, or why not; one that ends instead is not."""

    async def right(_: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.READY, number(4711))
        assert await peer.ready == 4711

    async def wrong(_: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.FAILED, b"no key")
        assert await peer.ready == "no key"

    async def gone(_: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        process.end()
        assert await peer.ready == "an SMTP process ended before it was ready"

    for scene in (right, wrong, gone):
        play(scene)


def test_its_end_is_that_of_its_clients() -> None:
    """The gate counts them no more, and messages that were not whole are forgotten; those of others stay."""

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        other, other_process = await house.connect(clients=1)
        for each, message_id in ((process, 100), (other_process, 200)):
            each.say(ToQueue.WRITE, number(message_id), b"x")
            await each.hear(ToSmtp.ROOM)
        process.end()
        await peer.ended
        assert (house.gate.connections, other.connections) == (1, 1)
        assert [each.is_discarded for each in house.spool.writers] == [True, False]
        other_process.end()
        await other.ended
        house.ended.pop()

    play(scene)


# ---------------------------------------------------------------- what it may not


class NoRoom(Spool):
    """A spool on a disk that does nothing."""

    def open_content(self, message_id: int) -> ContentWriter:
        """Open a file that is never written."""
        del message_id

        class Stuck:
            is_discarded = False
            octets = b""

            def write(self, octets: bytes) -> Awaitable[None]:
                self.octets += octets
                return asyncio.get_running_loop().create_future()

            def discard(self) -> None:
                self.is_discarded = True

        self.writers.append(Stuck())  # type: ignore[arg-type]  # as far as it goes
        return self.writers[-1]


WORK = encode_work(LocalWork(JOE, CommandWork("id", ()), b"", InlineContent(b"x"), 9.0))
MEBIOCTET = b"x" * 1024 * 1024
FRAMES: list[tuple[str, list[tuple[int, bytes]]]] = [
    ("a frame of the kind 0", [(0, b"")]),
    ("a frame of the kind 13", [(13, b"")]),
    ("the number 0 of a process", [(ToQueue.READY, number(0))]),
    ("the number 1 of a process", [(ToQueue.READY, number(1))]),
    ("the number 4194305 of a process", [(ToQueue.READY, number(2**22 + 1))]),
    ("a frame without its number", [(ToQueue.READY, b"1234567")]),
    ("a number that is none", [(ToQueue.DISCARD, b"\xff" * 8)]),
    ("a message with the number 99, which it was not given", [(ToQueue.SUBMIT, message(99))]),
    ("a message with the number 110, which it was not given", [(ToQueue.SUBMIT, message(110))]),
    ("a message with the number 200, which it was not given", [(ToQueue.WRITE, number(200) + b"x")]),
    ("a message without its content", [(ToQueue.SUBMIT_WRITTEN, facts(100))]),
    ("a second message with the number 101", [(ToQueue.WRITE, number(101) + b"x"), (ToQueue.SUBMIT, message(101))]),
    ("more large messages at a time than it has clients", [(ToQueue.WRITE, number(100 + each)) for each in range(3)]),
    ("more of a message than there is room for", [(ToQueue.WRITE, number(100) + MEBIOCTET)] * 5),
    ("a submission that is none", [(ToQueue.SUBMIT, facts(100)[1:])]),
    ("the end of a connection that it does not have", [(ToQueue.LEFT, b"192.0.2.2")]),
    ("the end of a connection that it does not have", [(ToQueue.LEFT, b"")]),
    ("the end of a connection that it does not have", [(ToQueue.LEFT, b"192.0.2.1")] * 3),
    ("a client whom no proxy has brought", [(ToQueue.ADMIT, number(1) + b"192.0.2.1")]),
    ("an address that is none", [(ToQueue.ADMIT, number(1) + b"1" * 300)]),
    ("a question that is none: expected more octets, found something else", [(ToQueue.ASK, number(1) + b"x")]),
    ("a question that is none: expected a question, found something else", [(ToQueue.ASK, number(1) + WORK)]),
    ("questions that do not go together", [(ToQueue.ASK, number(1))]),
    (
        "questions that do not go together",
        [(ToQueue.ASK, number(1) + encode_questions([ReadForward(JOE), ReadForward(ANN)]))],
    ),
    (
        "questions that do not go together",
        [(ToQueue.ASK, number(1) + encode_questions([ReadForward(JOE), CheckPassword("joe", Secret(b"x"))]))],
    ),
    ("a login that is none", [(ToQueue.TRIED, b"[]")]),
]


@pytest.mark.parametrize(("why", "frames"), FRAMES)
def test_whoever_takes_what_is_not_its_own_is_cut_off(why: str, frames: list[tuple[int, bytes]]) -> None:
    """At once: nothing is stored or answered, its large messages are forgotten, and its connections are over."""

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        for kind, payload in frames:
            process.say(kind, payload)
        # What it says behind that is not heard any more.
        process.say(ToQueue.SUBMIT, message(109))
        await peer.ended
        assert house.ended == [f"it has sent {why}"]
        assert (house.spool.submissions, house.told) == ([], [])
        assert all(each.is_discarded for each in house.spool.writers)

    play(scene, lambda: FakeHouse(NoRoom(), FakeRoot()))


class SlowSpool(Spool):
    """A store that takes its time."""

    def __init__(self) -> None:
        """Have nothing yet."""
        super().__init__()
        self.waiting: list[asyncio.Future[None]] = []

    async def enqueue(self, submission: Submission) -> None:
        """Take a message when the test lets it."""
        self.submissions.append(submission)
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]


def test_whoever_brings_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is read before some of it is stored, and in the end everything is; it is not taken for dead."""
    monkeypatch.setattr(backlog, "_MOST_OCTETS", 1024 * 1024)
    monkeypatch.setattr("tests.runtime.roles.house.BLOCK", 100)
    message_octets = 300_000

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        spool = cast("SlowSpool", house.spool)
        for number_of_message in range(100, 130):
            process.say(ToQueue.SUBMIT, facts(number_of_message), b"x" * message_octets)
        stored = 0
        while stored < 30:
            while len(spool.submissions) == stored:  # noqa: ASYNC110 - a list is no event
                await asyncio.sleep(0)
            # As much as there is room for, and what came with it: a reader takes 256 KiB at a time.
            assert (len(spool.submissions) - stored) * message_octets <= 1024 * 1024 + 2 * message_octets
            if (len(spool.submissions) - stored) * message_octets > 1024 * 1024:
                assert max(peer.look_for() for _ in range(9)) < 1
            stored += 1
            spool.waiting[stored - 1].set_result(None)
            assert numbers_of(await process.hear(ToSmtp.TAKEN)) == (99 + stored,)
        assert house.ended == []

    play(scene, lambda: FakeHouse(SlowSpool()))


def test_whoever_does_not_listen_is_not_heard() -> None:
    """Its answers would need more and more room; when it listens again, it gets all of them."""
    pieces = 60_000

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        piece = struct.pack("!IBQ", 9, ToQueue.WRITE, 100) + b"x"
        process.write(piece * pieces)
        while not peer.link.is_full:  # noqa: ASYNC110 - a link has no event
            await asyncio.sleep(0)
        for _ in range(99):
            await asyncio.sleep(0)
        (writer,) = house.spool.writers
        assert len(writer.octets) < pieces
        for _ in range(pieces):
            assert paired(await process.hear(ToSmtp.ROOM)) == (100, 1)
        await process.be_understood()
        assert not peer.link.is_full
        assert house.ended == []

    play(scene)


def test_a_number_that_was_given_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its message is refused, large or small, and the client tries again; nothing else follows."""
    monkeypatch.setattr(given_numbers, "MOST_BLOCKS", 1)

    async def scene(house: FakeHouse, _: SmtpPeer, process: Process) -> None:
        process.say(ToQueue.WANTS)
        await process.hear(ToSmtp.NUMBERS)
        process.say(ToQueue.SUBMIT, message(100))
        process.say(ToQueue.WRITE, number(101), b"x")
        assert paired(await process.hear(ToSmtp.ROOM)) == (101, 1)
        process.say(ToQueue.SUBMIT_WRITTEN, facts(101))
        process.say(ToQueue.SUBMIT, message(200))
        assert numbered(await process.hear(ToSmtp.TAKEN)) == (200, b"")
        assert [each.message_id for each in house.spool.submissions] == [200]
        assert (house.spool.writers, house.ended) == ([], [])

    play(scene)


def test_counters_that_are_none() -> None:
    """Whoever has asked gets none."""

    async def scene(house: FakeHouse, peer: SmtpPeer, process: Process) -> None:
        asked = asyncio.ensure_future(peer.counts())
        await process.hear(ToSmtp.COUNT)
        process.say(ToQueue.COUNTS, b"{]")
        assert await asked == {}
        assert house.ended == ["it has sent JSON that is none"]

    play(scene)


@given(octets=st.binary(min_size=1, max_size=100))
def test_garbage(octets: bytes) -> None:
    """No octets make the queue process raise anything, store anything or count anything wrong."""

    async def scene(_: FakeHouse, __: SmtpPeer, process: Process) -> None:
        process.write(octets)

    assert play(scene).spool.submissions == []


@given(
    frames=st.lists(
        st.tuples(st.sampled_from(ToQueue), st.binary(max_size=30) | st.integers(95, 115).map(number)), max_size=5
    )
)
def test_frames_of_garbage(frames: list[tuple[ToQueue, bytes]]) -> None:
    """Nor do frames of the right form."""

    async def scene(_: FakeHouse, __: SmtpPeer, process: Process) -> None:
        for kind, payload in frames:
            process.say(kind, payload)

    found = play(scene, lambda: FakeHouse(root=FakeRoot()))
    assert found.spool.submissions == []
