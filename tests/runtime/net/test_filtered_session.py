"""Built-in filters over a real socket: what clients hear, and what becomes of their mail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smtpdsl.runtime.interfaces import InlineContent
from smtpdsl.runtime.net.reverse_names import NO_NAME, UNKNOWN, ReverseName
from tests.runtime.net.places import PATIENCE_SECONDS, TOWN, Client, Intake, Place, Scene

CONFIRMED = ReverseName("mx.client.test", is_confirmed=True)
GREETING, HELLO = "", "EHLO c.test\r\n"
MAIL, RCPT = "MAIL FROM:<eve@away.test>\r\n", "RCPT TO:<alice@local.test>\r\n"
MESSAGE = "Subject: x\r\n\r\nbody\r\n.\r\n"
WHOLE = MAIL + RCPT + "DATA\r\n"
FindName = Callable[[str], ReverseName | Awaitable[ReverseName]]


def play(filters: str, scene: Scene, find_name: FindName = lambda _: CONFIRMED) -> Place:
    """Play *scene*, with a client who has heard nothing yet, where *filters* (a line each) are asked in this order."""
    lines = filters.strip().splitlines()
    declared = "".join(f"filter f{number} {line}\n" for number, line in enumerate(lines))
    names = ", ".join(f"f{number}" for number in range(len(lines)))
    text = declared + TOWN.replace("tag inside", f"filter {{ {names} }}")

    async def main() -> Place:
        place = Place(Intake(), text)
        place.service = place.service._replace(shared=place.shared._replace(find_name=find_name))
        place.open()
        client = await place.client()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scene(place, client)
        finally:
            await client.close()
            await place.close()
        return place

    return asyncio.run(main())


def contents(place: Place) -> list[str]:
    """Return what was handed to the queue."""
    found = [each.content for each in place.intake.submissions]
    return [each.octets.decode() for each in found if isinstance(each, InlineContent)]


# ---------------------------------------------------------------- the beginning


def test_a_refusal_takes_the_place_of_the_greeting() -> None:
    """RFC 5321 §3.1: the client may only say QUIT then."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.say(GREETING) == [["550 5.7.1 go away"]]
        assert await client.codes(HELLO) == ["503"]
        assert await client.codes("QUIT\r\n") == ["221"]
        assert await client.rest() == b""

    place = play('phase connect match src 127.0.0.1 reject "550 5.7.1 go away"', scene)
    (first, _) = place.log.named("smtp failed-command")
    assert (first["result"], first["filter"], first["rule"]) == ("550 5.7.1 go away", "f0", "smtpd.conf:1")


def test_a_client_may_be_left_at_once() -> None:
    """With the reply that the author wrote."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.rest() == b"554 5.7.1 bye\r\n"

    play('phase connect match rdns "*.client.test" disconnect "554 5.7.1 bye"', scene)


@pytest.mark.parametrize(
    ("name", "answer"),
    [(CONFIRMED, "220"), (CONFIRMED._replace(is_confirmed=False), "550"), (NO_NAME, "550"), (UNKNOWN, "421")],
)
def test_the_name_of_a_client_is_waited_for(name: ReverseName, answer: str) -> None:
    """Whoever has none is refused for good, whoever cannot be told is refused for now."""
    known = asyncio.Event()

    async def find(source: str) -> ReverseName:
        assert source == "127.0.0.1"
        await known.wait()
        return name

    async def scene(_: Place, client: Client) -> None:
        greeting = asyncio.ensure_future(client.codes(GREETING))
        await asyncio.sleep(0)
        assert not greeting.done()
        known.set()
        assert await greeting == [answer]

    play('phase connect match !fcrdns reject "550 5.7.25 no name"', scene, find)


def test_who_leaves_before_its_name_is_known_never_came() -> None:
    """The log says that it has gone, and nothing behind that."""
    known = asyncio.Event()
    was_told = asyncio.Event()

    async def find(_: str) -> ReverseName:
        await known.wait()
        asyncio.get_running_loop().call_later(0, was_told.set)
        return CONFIRMED

    async def scene(place: Place, client: Client) -> None:
        await client.close()
        await place.sessions.wait_until_none()
        known.set()
        await was_told.wait()

    place = play('phase connect match !fcrdns reject "550 5.7.25 no name"', scene, find)
    assert [name for name, _ in place.log.events] == ["smtp disconnected"]


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("phase", "before", "refused", "others"),
    [
        ("helo", "", "HELO bad.test\r\n", HELLO + WHOLE),
        ("ehlo", "", "EHLO bad.test\r\n", HELLO + WHOLE),
        ("mail-from", "EHLO bad.test\r\n", MAIL, HELLO + WHOLE),
        ("rcpt-to", "EHLO bad.test\r\n" + MAIL, RCPT, HELLO + WHOLE),
        ("data", "EHLO bad.test\r\n" + MAIL + RCPT, "DATA\r\n", HELLO + WHOLE),
    ],
)
def test_a_refused_command_has_not_happened(phase: str, before: str, refused: str, others: str) -> None:
    """What was said before stands, and the session goes on."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        assert set(await client.codes(before, count=before.count("\n"))) <= {"250"}
        assert await client.say(refused) == [["550 5.7.1 no"]]
        assert await client.codes(others, count=others.count("\n")) == ["250"] * (others.count("\n") - 1) + ["354"]
        assert await client.codes(MESSAGE) == ["250"]

    place = play(f'phase {phase} match helo "bad.test" reject "550 5.7.1 no"', scene)
    assert len(place.intake.submissions) == 1


def test_what_comes_behind_an_end_is_not_heard() -> None:
    """Though the client has sent it already."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        client.writer.write((HELLO + MAIL + RCPT + "RCPT TO:<bob@local.test>\r\nNOOP\r\n").encode())
        assert (await client.rest()).endswith(b"\r\n550 5.7.1 no\r\n")

    place = play('phase rcpt-to match rcpt-to "alice@local.test" disconnect "550 5.7.1 no"', scene)
    assert len(place.log.named("smtp failed-command")) == 1


def test_what_a_filter_writes_is_what_was_said() -> None:
    """Names, senders and recipients; parameters stay."""
    filters = """
    phase ehlo match helo "c.test" rewrite "d.test"
    phase mail-from match mail-from "eve@away.test" rewrite "<adam@away.test>"
    phase rcpt-to match rcpt-to "alice@local.test" rewrite "<bob@local.test>"
    """

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        commands = HELLO + MAIL.replace(">", "> BODY=8BITMIME") + RCPT + "DATA\r\n"
        assert await client.codes(commands, count=4) == ["250", "250", "250", "354"]
        await client.say(MESSAGE)

    place = play(filters, scene)
    (submission,) = place.intake.submissions
    assert str(submission.reverse_path) == "<adam@away.test>"
    assert [str(each.recipient) for each in submission.envelopes] == ["bob@local.test"]
    assert submission.client.helo == "d.test"
    assert contents(place)[0].startswith("Received: from d.test (mx.client.test [127.0.0.1])")
    assert [each["decision"] for each in place.log.named("smtp filter")] == ["rewrite"] * 3


def test_what_cannot_stand_there_is_refused_for_now() -> None:
    """The log has the reason, and the client has none."""

    async def scene(place: Place, client: Client) -> None:
        del place
        await client.say(GREETING)
        _, reply = await client.say(HELLO + MAIL, count=2)
        assert reply == ["451 4.3.5 Temporary failure: this server is not configured right"]
        assert await client.codes(MAIL.replace("eve", "adam")) == ["250"]

    place = play('phase mail-from match mail-from "eve@away.test" rewrite "<x@y.test> MAGIC=1"', scene)
    (refused,) = place.log.named("smtp failed-command")
    assert (refused["filter"], refused["rule"]) == ("f0", "smtpd.conf:1")
    assert "MAGIC" in str(refused["why"])


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize("data", ["DATA\r\n" + MESSAGE, "BDAT 17 LAST\r\n" + MESSAGE[:17]])
def test_a_message_that_is_complete_may_be_refused(data: str) -> None:
    """Nothing of it is kept, and the transaction is over."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        count = 5 if data.startswith("DATA") else 4
        assert (await client.codes("EHLO bad.test\r\n" + MAIL + RCPT + data, count=count))[-1] == "554"
        assert await client.codes("DATA\r\n") == ["503"]
        await client.say(HELLO + WHOLE, count=4)
        assert await client.codes(MESSAGE) == ["250"]

    place = play('phase commit match helo "bad.test" reject "554 5.7.1 no"', scene)
    assert [each.client.helo for each in place.intake.submissions] == ["c.test"]


def test_a_message_is_marked_and_the_next_one_is_not() -> None:
    """Before everything else that stands in it."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        for recipient in ("bob", "alice", "bob"):
            await client.say(HELLO + WHOLE.replace("alice", recipient), count=4)
            assert await client.codes(MESSAGE) == ["250"]

    place = play('phase rcpt-to match rcpt-to "alice@local.test" junk', scene)
    assert [each.startswith("X-Spam: Yes\n") for each in contents(place)] == [False, True, False]


def test_a_session_that_is_let_pass_is_asked_nothing_more() -> None:
    """Nor do others profit."""
    filters = """
    phase ehlo match helo "friend.test" bypass
    phase mail-from match src 127.0.0.1 reject "550 5.7.1 no"
    """

    async def scene(place: Place, client: Client) -> None:
        await client.say(GREETING)
        assert await client.codes("EHLO friend.test\r\n" + WHOLE, count=4) == ["250", "250", "250", "354"]
        other = await place.client()
        assert (await other.codes(HELLO + MAIL, count=3))[-1] == "550"
        await other.close()

    play(filters, scene)
