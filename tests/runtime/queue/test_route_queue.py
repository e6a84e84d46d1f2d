"""A route: what is due is loaded and attempted, within limits, when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.interfaces import (
    Attempt,
    Outcome,
    Route,
    StorageError,
)
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.store import DueBatch, DueQuery, StoredEnvelope, Summary
from tests.runtime.queue.sample import (
    BODY,
    CREATED,
    LATER,
    OK,
    PAUSED,
    Answer,
    Post,
    local,
    relayed,
    run,
)


def watch_reads(post: Post) -> list[DueQuery]:
    """Return a list that has what *post* asks of its store from now on."""
    store = post.queue._spool.store  # noqa: SLF001 - nobody else sees it
    load = store.load
    reads: list[DueQuery] = []

    def watched(query: DueQuery) -> asyncio.Future[DueBatch]:
        reads.append(query)
        return load(query)

    store.load = watched  # type: ignore[method-assign]
    return reads


def answers_nonsense(_: Attempt) -> Sequence[Outcome]:
    """Forget an outcome."""
    return []


def answers_nothing(_: Attempt) -> Sequence[Outcome]:
    """Forget all of them."""
    return None  # type: ignore[return-value]


def raises(_: Attempt) -> Sequence[Outcome]:
    """Break the promise to raise nothing."""
    message = "a bug\nof ours"
    raise RuntimeError(message)


def is_cancelled(_: Attempt) -> Sequence[Outcome]:
    """Give up without having been asked to."""
    raise asyncio.CancelledError


def test_local_deliveries_have_limits(tmp_path: Path) -> None:
    """To a user, and in all; the next one begins when one ends."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(local=Limits(at_once=5, per_lane=2))) as post:
            post.local.is_slow = True
            for user in ("a", "a", "a", "b", "b", "b", "c"):
                await post.submit(local(user))
            await post.settle()
            assert sorted(attempt.envelopes[0].user for attempt in post.local.running) == ["a", "a", "b", "b", "c"]
            post.local.finish(1)
            await post.settle()
            assert len(post.local.running) == 5
            assert post.local.users().count("a") == 3
            post.local.is_slow = False
            post.local.finish()
            await post.settle()
            assert len(post.local.attempts) == 7
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_memory_is_bounded(tmp_path: Path) -> None:
    """What has no room stays in the store, and its turn comes; nothing is attempted twice."""
    settings = Settings(local=Limits(at_once=3, per_lane=3), max_inflight=20, max_content_octets=40 * len(BODY))

    async def scenario() -> None:
        async with Post(tmp_path, settings) as post:
            memory = post.queue._routes[Route.LOCAL].memory  # noqa: SLF001 - what nobody may see grow
            post.local.is_slow = True
            numbers = [await post.submit(local(f"user{position % 7}")) for position in range(100)]
            numbers.append(await post.submit(*(local(f"user{position}") for position in range(50))))
            while post.local.running:
                assert len(memory) <= 10
                assert memory.octets <= 20 * len(BODY)
                post.local.finish()
                await post.settle()
            delivered = [shown for attempt in post.local.attempts for shown in attempt.envelope_ids]
            assert len(delivered) == len(set(delivered)) == 150
            assert {attempt.message.message_id for attempt in post.local.attempts} == set(numbers)
            assert await post.queue.summary() == Summary()
            assert (len(memory), memory.octets) == (0, 0)

    run(scenario())


def test_content_has_a_bound_of_its_own(tmp_path: Path) -> None:
    """Messages that are larger than all of it are attempted one after the other."""
    settings = Settings(local=Limits(9, 9), max_content_octets=1000)

    async def scenario() -> None:
        async with Post(tmp_path, settings) as post:
            post.local.is_slow = True
            for _ in range(5):
                await post.submit(local("joe"), body=bytes(4000))
            for _ in range(5):
                assert len(post.local.running) == 1
                post.local.finish()
                await post.settle()
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_a_message_that_does_not_fit_yet(tmp_path: Path) -> None:
    """It is not read again and again, and is attempted as soon as there is room for it."""
    settings = Settings(max_content_octets=2 * 10_000)

    async def scenario() -> None:
        async with Post(tmp_path, settings) as post:
            post.local.is_slow = True
            for user, size in (("ann", 2000), ("joe", 2000), ("sue", 7000)):
                await post.submit(local(user), body=bytes(size))
            await post.settle()
            reads = watch_reads(post)
            post.queue._routes[Route.LOCAL]._loading.look()  # noqa: SLF001 - something makes it look
            await post.settle()
            assert post.local.users() == ["ann", "joe"]
            assert len(reads) == 1
            post.local.finish(1)
            await post.settle()
            assert post.local.users() == ["ann", "joe", "sue"]
            assert len(post.local.running) == 2

    run(scenario())


def test_what_is_offered_twice_is_attempted_once(tmp_path: Path) -> None:
    """A message that comes in while the store is read may be found there, too."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.is_slow = True
            number = await post.submit(local("joe"))
            await post.settle()
            route = post.queue._routes[Route.LOCAL]  # noqa: SLF001 - no test can hit that moment
            envelope = StoredEnvelope(envelope_number(number, 1), local("joe"), "joe", CREATED)
            route.offer(post.local.attempts[0].message, [envelope])
            await post.settle()
            assert len(post.local.attempts) == 1

    run(scenario())


def test_a_user_with_much_mail_delays_nobody(tmp_path: Path) -> None:
    """The mail of one who takes a long time fills neither the places nor the memory; later it is delivered, too."""
    settings = Settings(local=Limits(at_once=4, per_lane=2), max_inflight=40, max_per_lane=4)

    async def scenario() -> None:
        async with Post(tmp_path, settings) as post:
            post.local.is_slow = True
            for _ in range(30):
                await post.submit(local("busy"))
            await post.settle()
            post.local.is_slow = False
            await post.submit(local("quick"))
            await post.settle()
            assert post.local.users() == ["busy", "busy", "quick"]
            post.local.finish()
            await post.settle()
            assert post.local.users().count("busy") == 30
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_mail_of_earlier_days_takes_turns_too(tmp_path: Path) -> None:
    """Also what is loaded leaves room for others."""
    settings = Settings(local=Limits(at_once=4, per_lane=2), max_inflight=40, max_per_lane=4)

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            for _ in range(30):
                await post.submit(local("busy"))
            await post.submit(local("quick"))
        post = Post(tmp_path, settings)
        post.local.is_slow = True
        async with post:
            assert sorted(post.local.users()) == ["busy", "busy", "quick"]
            post.local.is_slow = False
            post.local.finish()
            await post.settle()
            assert post.local.users().count("busy") == 30
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_one_route_delays_nothing_of_the_other(tmp_path: Path) -> None:
    """However much waits for it."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(max_inflight=8)) as post:
            post.relay.is_slow = True
            for position in range(30):
                await post.submit(relayed(f"user@host{position}.example"))
            await post.submit(local("joe"))
            await post.settle()
            assert post.local.users() == ["joe"]

    run(scenario())


def test_a_queue_without_work_sleeps(tmp_path: Path) -> None:
    """Nothing is read while nothing is due; what is due far away is looked for again in case the clock was set."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(LATER)
            await post.submit(local("joe"))
            await post.settle()
            reads = watch_reads(post)
            await post.advance(9)
            assert reads == []
            await post.advance(1)
            assert len(reads) == 1

    run(scenario())


def test_a_clock_that_is_set_is_noticed(tmp_path: Path) -> None:
    """Mail that is due by the new time does not wait for the old one."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.always(LATER)
            for _ in range(5):
                await post.submit(relayed("sue@example.com"))
            await post.settle()
            await post.advance(400)
            assert len(post.relay.attempts) == 10
            post.clock_offset = 3600.0
            await post.advance(599)
            assert len(post.relay.attempts) == 10
            await post.advance(1)
            assert len(post.relay.attempts) == 15

    run(scenario())


def test_a_queue_that_cannot_be_read_is_read_later(tmp_path: Path) -> None:
    """Trouble that passes delays mail, and loses none."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(LATER)
            await post.submit(local("joe"))
            await post.settle()
            store = post.queue._spool.store  # noqa: SLF001 - to see what is asked of it
            load = store.load

            def fail(_: object) -> asyncio.Future[object]:
                future = post.loop.create_future()
                future.set_exception(StorageError("the disk is ill"))
                return future

            store.load = fail  # type: ignore[method-assign,assignment]
            await post.advance(10)
            assert post.log.warnings == ["the queue cannot be read, and is read again later: the disk is ill"]
            store.load = load  # type: ignore[method-assign]
            await post.advance(4)
            assert len(post.local.attempts) == 1
            await post.advance(1)
            assert len(post.local.attempts) == 2

    run(scenario())


@pytest.mark.parametrize("answer", [answers_nonsense, answers_nothing, raises, is_cancelled])
def test_an_agent_that_breaks_its_promise_loses_nothing(tmp_path: Path, answer: Answer) -> None:
    """Its attempts are repeated, and the log has a warning that says what happened."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.answer = answer
            number = await post.submit(local("joe"))
            await post.settle()
            shown = envelope_hex(envelope_number(number, 1))
            assert post.log.warnings[0].startswith(f"the agent for mda failed to deliver {shown}: ")
            assert post.log.events[0][2]["result"] == "TempFail"
            post.local.always(OK)
            await post.advance(10)
            assert post.local.attempts[1].message.was_tried
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_a_warning_names_the_place(tmp_path: Path) -> None:
    """So that whoever mends the agent knows where to look."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.answer = raises
            await post.submit(local("joe"))
            await post.settle()
            assert "RuntimeError: " in post.log.warnings[0]
            assert " in test_route_queue.py, line " in post.log.warnings[0]

    run(scenario())


def test_a_damaged_envelope_is_told_of(tmp_path: Path) -> None:
    """It is kept, and the others are delivered."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            first = await post.submit(local("joe"))
            await post.submit(local("bob"))
        connection = apsw.Connection(str(tmp_path / "queue.db"))
        connection.execute("UPDATE envelope SET facts = '[]' WHERE id = ?", (envelope_number(first, 1),))
        connection.close()
        async with Post(tmp_path) as post:
            assert post.local.users() == ["bob"]
            shown = envelope_hex(envelope_number(first, 1))
            problem = "its facts cannot be read: it was altered: its checksum is another"
            assert post.log.warnings == [f"envelope {shown} is damaged, and is kept without being tried: {problem}"]
            assert await post.queue.summary() == Summary(messages=1, damaged=1)

    run(scenario())
