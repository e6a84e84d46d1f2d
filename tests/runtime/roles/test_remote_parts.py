"""The gate, root and the memory of failed logins, as an SMTP process sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.net.gate import FULL, TOO_MANY
from smtpdsl.runtime.roles.messages import ToQueue, decode_tried, numbered, text_of
from smtpdsl.runtime.roles.remote_parts import RemoteGate, RemoteRoot, SharedThrottle
from smtpdsl.runtime.sasl.throttle import Ruling
from smtpdsl.runtime.supervisor.batches import decode_questions, encode_answers
from smtpdsl.runtime.supervisor.questions import RIGHT, WRONG, AnswerError, CheckPassword, ReadFile
from tests.runtime.net.places import PATIENCE_SECONDS, TOWN, Client, Intake, Place
from tests.runtime.roles.test_remote_queue import Sent

PROXIED = TOWN.replace("port 2525", "port 2525 proxy-v1", 1)
QUESTIONS = (CheckPassword("ann", Secret(b"x")), CheckPassword("ben", Secret(b"y")))


def play(scene: Callable[[Sent], Coroutine[None, None, None]]) -> None:
    """Play *scene*, which sends frames."""

    async def main() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await scene(Sent())

    asyncio.run(main())


def test_the_gate_is_asked() -> None:
    """Several may wait; each gets its own answer, and one that nobody waits for is none."""

    async def scene(sent: Sent) -> None:
        gate = RemoteGate(sent)
        first, second = gate.admit("192.0.2.1", 0), gate.admit(None, 0)
        asks = [numbered(payload) for _, payload in sent]
        assert [source for _, source in asks] == [b"192.0.2.1", b""]
        gate.admitted(asks[1][0], None)
        gate.admitted(asks[0][0], TOO_MANY)
        gate.admitted(asks[0][0], None)
        gate.admitted(99, None)
        assert (await first, await second) == (TOO_MANY, None)
        assert sent.kinds() == [ToQueue.ADMIT, ToQueue.ADMIT]

    play(scene)


def test_nobody_waits_for_a_gate_that_is_gone() -> None:
    """Neither who has asked, nor who asks."""

    async def scene(sent: Sent) -> None:
        gate = RemoteGate(sent)
        asked = gate.admit("192.0.2.1", 0)
        gate.lose()
        assert await asked is FULL
        assert await gate.admit("192.0.2.1", 0) is FULL

    play(scene)


def test_root_is_asked() -> None:
    """Questions go and answers come in one piece."""

    async def scene(sent: Sent) -> None:
        root = RemoteRoot(sent)
        asked = asyncio.ensure_future(root.ask_all(QUESTIONS))
        await asyncio.sleep(0)
        ((kind, payload),) = sent
        ask, octets = numbered(payload)
        assert (kind, decode_questions(octets)) == (ToQueue.ASK, list(QUESTIONS))
        root.answered(ask + 1, encode_answers([WRONG]))
        root.answered(ask, encode_answers([RIGHT, WRONG]))
        assert await asked == [RIGHT, WRONG]
        root.answered(ask, encode_answers([WRONG, WRONG]))

    play(scene)


@pytest.mark.parametrize("octets", [b"", b"garbage and more of it", encode_answers([RIGHT])])
def test_what_is_no_answer_lets_nobody_in(octets: bytes) -> None:
    """Nor do too few of them."""

    async def scene(sent: Sent) -> None:
        root = RemoteRoot(sent)
        asked = asyncio.ensure_future(root.ask_all(QUESTIONS))
        await asyncio.sleep(0)
        root.answered(1, octets)
        with pytest.raises(AnswerError):
            await asked

    play(scene)


def test_nobody_waits_for_root_that_is_gone() -> None:
    """Neither who has asked, nor who asks."""

    async def scene(sent: Sent) -> None:
        root = RemoteRoot(sent)
        asked = asyncio.ensure_future(root.ask(ReadFile(0)))
        await asyncio.sleep(0)
        root.lose()
        for question in (asked, root.ask(ReadFile(0))):
            with pytest.raises(AnswerError, match="cannot be reached"):
                await question

    play(scene)


def test_failures_count_in_every_process() -> None:
    """What is heard of another process counts as if it had been here, and is not told again."""
    sent, other_sent = Sent(), Sent()
    here, there = SharedThrottle(sent), SharedThrottle(other_sent)
    for _ in range(5):
        here.failed(0.0, "192.0.2.1", "ann")
        there.failed(0.0, "192.0.2.1", "ann")
    for kind, payload in sent:
        assert kind == ToQueue.TRIED
        there.heard(0.0, decode_tried(payload))

    assert there.judge_source(0.0, "192.0.2.1") is Ruling.SOURCE_REFUSED
    assert here.judge_source(0.0, "192.0.2.1") is Ruling.TRY
    assert len(other_sent) == 5


def test_a_success_counts_in_every_process() -> None:
    """An owner is not locked out where others guess."""
    sent = Sent()
    here, there = SharedThrottle(sent), SharedThrottle(Sent())
    here.succeeded(0.0, "198.51.100.7", "ann")
    there.heard(0.0, decode_tried(sent[0][1]))
    for guesser in range(50):
        there.failed(0.0, f"192.0.2.{guesser}", "ann")

    assert there.judge_login(0.0, "203.0.113.1", "ann") is Ruling.LOGIN_REFUSED
    assert there.judge_login(0.0, "198.51.100.7", "ann") is Ruling.TRY


# ---------------------------------------------------------------- a session behind a proxy


class SlowDoor:
    """A gate that answers when a test wants, and remembers who came and left."""

    def __init__(self) -> None:
        """Nobody has come."""
        self.sent = Sent()
        self.remote = RemoteGate(self.sent)
        self.asked = asyncio.Event()

    def admit(self, source: str | None, now: float) -> Awaitable[Reply | None]:
        """Let it wait."""
        self.asked.set()
        return self.remote.admit(source, now)

    def leave(self, source: str | None) -> None:
        """Remember it."""
        self.remote.leave(source)

    def left(self) -> list[str]:
        """Return who has left."""
        return [text_of(payload) for kind, payload in self.sent if kind == ToQueue.LEFT]


def play_proxied(scene: Callable[[Place, Client, SlowDoor], Coroutine[None, None, None]]) -> None:
    """Play *scene* with a client who comes through a proxy, and whom the gate was asked about."""

    async def main() -> None:
        place = Place(Intake(), PROXIED)
        door = SlowDoor()
        place.service = place.service._replace(shared=place.service.shared._replace(gate=door))
        place.open()
        client = await place.client()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                client.writer.write(b"PROXY TCP4 192.0.2.9 127.0.0.1 4000 25\r\n")
                await door.asked.wait()
                await scene(place, client, door)
        finally:
            await client.close()
            # It has let the proxy in, and the door was told that it has left.
            place.gate.leave(None)
            await place.close()

    asyncio.run(main())


def test_a_client_behind_a_proxy_waits_for_the_gate() -> None:
    """What it says meanwhile is answered afterwards, and it leaves once."""

    async def scene(place: Place, client: Client, door: SlowDoor) -> None:
        client.writer.write(b"EHLO client.example\r\n")
        assert door.left() == [""]
        door.remote.admitted(1, None)
        assert await client.codes("QUIT\r\n", count=3) == ["220", "250", "221"]
        await client.rest()
        await place.sessions.wait_until_none()
        assert door.left() == ["", "192.0.2.9"]

    play_proxied(scene)


def test_a_client_behind_a_proxy_is_turned_away() -> None:
    """And was never counted."""

    async def scene(place: Place, client: Client, door: SlowDoor) -> None:
        door.remote.admitted(1, TOO_MANY)
        assert (await client.rest()).decode() == f"{TOO_MANY}\r\n"
        await place.sessions.wait_until_none()
        assert door.left() == [""]

    play_proxied(scene)


@pytest.mark.parametrize(("answer", "left"), [(None, ["", "192.0.2.9"]), (TOO_MANY, [""])])
def test_a_client_that_has_left_while_it_waited_is_counted_no_more(answer: Reply | None, left: list[str]) -> None:
    """The gate is left as often as it was passed."""

    async def scene(place: Place, client: Client, door: SlowDoor) -> None:
        client.writer.transport.abort()
        await place.sessions.wait_until_none()
        assert door.left() == [""]
        door.remote.admitted(1, answer)
        # The answer is taken in the next turn, or the one after it.
        for _ in range(5):
            await asyncio.sleep(0)
        assert door.left() == left
        assert [name for name, _ in place.log.events if name == "smtp connected"] == []

    play_proxied(scene)


def test_a_server_that_stops_sends_away_who_waits() -> None:
    """When the gate has answered, or is gone."""

    async def scene(place: Place, client: Client, door: SlowDoor) -> None:
        place.sessions.drain()
        door.remote.admitted(1, None)
        assert (await client.rest())[:3] in {b"421", b"220"}
        await place.sessions.wait_until_none()
        assert door.left() == ["", "192.0.2.9"]

    play_proxied(scene)
