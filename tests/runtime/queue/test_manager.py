"""The queue delivers what it has taken, whatever is paused, stopped and started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.interfaces import (
    InlineContent,
    Route,
    StorageError,
)
from smtpdsl.runtime.queue import SpoolError
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.store import Summary
from tests.runtime.queue.sample import (
    BODY,
    CLIENT,
    CREATED,
    DAY,
    LATER,
    NEVER,
    OK,
    SENDER,
    Post,
    local,
    relayed,
    run,
)


def held(folder: Path) -> list[tuple[str, str]]:
    """Return the errors of what is held in the spool at *folder*, which nobody uses."""
    connection = apsw.Connection(str(folder / "queue.db"))
    rows = connection.execute("SELECT last_error, last_status FROM envelope WHERE state = 'held'").fetchall()
    connection.close()
    return [(str(error), str(status)) for error, status in rows]


def test_a_message_is_attempted_at_once(tmp_path: Path) -> None:
    """As it came in, without being read back; when it is delivered nothing is left of it."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            number = await post.submit(local("joe"))
            await post.settle()
            (attempt,) = post.local.attempts
            assert attempt.message[:4] == (number, SENDER, CLIENT, CREATED)
            assert attempt.message.content == InlineContent(BODY)
            assert isinstance(attempt.message.content, InlineContent)
            assert attempt.message.content.octets is BODY
            assert not attempt.message.was_tried
            assert attempt.envelopes == (local("joe"),)
            assert attempt.envelope_ids == (envelope_hex(envelope_number(number, 1)),)
            assert await post.queue.summary() == Summary()
            ((subject, name, values),) = post.log.events
            assert (subject, name, values["result"]) == (attempt.envelope_ids[0], "mda delivery", "Ok")

    run(scenario())


def test_who_has_brought_messages_has_a_head_start(tmp_path: Path) -> None:
    """Then all of them are attempted; those for which the server stops too soon, after the next start."""

    async def scenario(*, is_stopped: bool) -> None:
        async with Post(tmp_path, Settings(head_start=0.5)) as post:
            for user in ("joe", "ann"):
                await post.submit(local(user))
            await post.advance(0.4)
            assert post.local.attempts == []
            if not is_stopped:
                await post.advance(0.2)
                assert len(post.local.attempts) == 2
                await post.submit(local("joe"))
        await post.advance(1)
        assert len(post.local.attempts) == (0 if is_stopped else 2)

    async def later(count: int) -> None:
        async with Post(tmp_path) as post:
            await post.advance(1)
            assert len(post.local.attempts) == count

    for is_stopped, count in ((False, 1), (True, 2)):
        run(scenario(is_stopped=is_stopped))
        run(later(count))


def test_a_failed_attempt_is_repeated(tmp_path: Path) -> None:
    """By the schedule of the route, and then it says that there was another one."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(LATER)
            await post.submit(local("joe"))
            await post.settle()
            counts = [len(post.local.attempts)]
            for _ in range(100):
                await post.advance(1)
                counts.append(len(post.local.attempts))
            assert [second for second in range(1, 101) if counts[second] > counts[second - 1]] == [10, 40, 90]
            assert counts[-1] == 4
            assert [attempt.message.was_tried for attempt in post.local.attempts] == [False, True, True, True]
            post.local.always(OK)
            await post.advance(61)
            assert len(post.local.attempts) == 5
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_an_old_envelope_expires(tmp_path: Path) -> None:
    """In time, also between two tries; it is held with its last error."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.always(LATER)
            await post.submit(relayed("sue@example.com", ttl=500))
            await post.settle()
            await post.advance(499)
            assert len(post.relay.attempts) == 2
            assert (await post.queue.summary()).pending == 1
            await post.advance(1)
            assert len(post.relay.attempts) == 2
            assert await post.queue.summary() == Summary(messages=1, held=1)
            assert post.log.infos[0].startswith("relay: Expire for ")
            assert "delay=8m20s" in post.log.infos[0]
            await post.advance(10 * DAY)
            assert len(post.relay.attempts) == 2

    run(scenario())

    assert held(tmp_path) == [("Envelope expired, the last error was: try again", "5.4.7")]


def test_what_fails_for_good_is_held(tmp_path: Path) -> None:
    """It is never dropped, and never attempted again, also not by the next server."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(NEVER)
            await post.submit(local("joe"))
            await post.advance(10 * DAY)
            assert len(post.local.attempts) == 1
            assert post.log.infos[0].startswith("delivery: Hold for ")
        async with Post(tmp_path) as post:
            await post.advance(10 * DAY)
            assert post.local.attempts == []
            assert await post.queue.summary() == Summary(messages=1, held=1)

    run(scenario())

    assert held(tmp_path) == [("no such mailbox", "5.1.1")]


def test_envelopes_of_one_message_have_their_own_fates(tmp_path: Path) -> None:
    """What is relayed together may end differently; the message stays for those that are left."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.answer = lambda attempt: [OK, LATER, NEVER] if len(attempt.envelopes) > 1 else [OK]
            recipients = [relayed(f"{name}@example.com") for name in ("a", "b", "c")]
            await post.submit(local("joe"), *recipients, relayed("d@example.net"))
            await post.settle()
            assert [len(attempt.envelopes) for attempt in post.relay.attempts] == [3, 1]
            assert await post.queue.summary() == Summary(messages=1, pending=1, held=1)
            await post.advance(400)
            assert post.relay.attempts[2].envelopes == (recipients[1],)
            assert await post.queue.summary() == Summary(messages=1, held=1)

    run(scenario())


def test_a_paused_route_attempts_nothing(tmp_path: Path) -> None:
    """And holds nothing in memory; the other one goes on."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(paused=frozenset({Route.LOCAL}))) as post:
            for _ in range(3):
                await post.submit(local("joe"), relayed("sue@example.com"))
            await post.advance(DAY)
            assert (len(post.local.attempts), len(post.relay.attempts)) == (0, 3)
            assert len(post.queue._routes[Route.LOCAL].memory) == 0  # noqa: SLF001 - what nobody sees
            post.queue.resume(Route.LOCAL)
            await post.settle()
            assert len(post.local.attempts) == 3
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_pausing_lets_attempts_end(tmp_path: Path) -> None:
    """And starts no others until it is resumed."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(local=Limits(2, 2))) as post:
            post.local.is_slow = True
            for _ in range(5):
                await post.submit(local("joe"))
            await post.settle()
            post.queue.pause(Route.LOCAL)
            post.local.finish()
            await post.advance(DAY)
            assert len(post.local.attempts) == 2
            assert (await post.queue.summary()).pending == 3
            post.local.is_slow = False
            post.queue.resume(Route.LOCAL)
            await post.settle()
            assert len(post.local.attempts) == 5

    run(scenario())


def test_a_route_without_an_agent_waits(tmp_path: Path) -> None:
    """Its mail is kept for a server that has one."""

    async def scenario() -> None:
        post = Post(tmp_path)
        del post.queue._agents[Route.RELAY]  # type: ignore[attr-defined]  # noqa: SLF001 - as in a server without it
        async with post:
            await post.submit(relayed("sue@example.com"))
            await post.settle()
        async with Post(tmp_path) as post:
            assert len(post.relay.attempts) == 1

    run(scenario())


def test_the_next_server_goes_on(tmp_path: Path) -> None:
    """With what is due now, and later with the rest; it knows that others may have tried."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(LATER)
            await post.submit(local("joe"))
            await post.settle()
            post.queue.pause(Route.LOCAL)
            await post.submit(local("bob"))
        async with Post(tmp_path) as post:
            assert post.local.users() == ["bob"]
            assert post.local.attempts[0].message.content == InlineContent(BODY)
            await post.advance(10)
            assert post.local.users() == ["bob", "joe"]
            assert all(attempt.message.was_tried for attempt in post.local.attempts)
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_stopping_waits_for_attempts(tmp_path: Path) -> None:
    """What ends in time is recorded, and nothing else begins."""

    async def scenario() -> None:
        post = Post(tmp_path, Settings(local=Limits(1, 1)))
        await post.queue.start()
        post.local.is_slow = True
        await post.submit(local("joe"))
        await post.submit(local("joe"))
        stopping = asyncio.ensure_future(post.queue.stop(60))
        await post.settle()
        assert not stopping.done()
        post.local.finish()
        await stopping
        assert len(post.local.attempts) == 1
        with pytest.raises(StorageError):
            await post.submit(local("joe"))
        async with Post(tmp_path) as post:
            assert len(post.local.attempts) == 1

    run(scenario())


def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    """What takes too long is cancelled, and the next server tries it, without counting this as a failure."""

    async def scenario() -> None:
        post = Post(tmp_path)
        await post.queue.start()
        post.local.is_slow = True
        await post.submit(local("joe", ttl=1))
        stopping = asyncio.ensure_future(post.queue.stop(60))
        await post.settle()
        await post.advance(60)
        await stopping
        assert post.local.running == []
        assert (post.log.events, post.log.warnings) == ([], [])
        async with Post(tmp_path) as post:
            assert post.local.attempts[0].message.was_tried
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_a_spool_can_be_used_again_after_the_end(tmp_path: Path) -> None:
    """And by nobody else before."""

    async def scenario() -> None:
        async with Post(tmp_path):
            other = Post(tmp_path)
            with pytest.raises(SpoolError, match="is in use by process"):
                await other.queue.start()
        async with Post(tmp_path):
            pass

    run(scenario())
