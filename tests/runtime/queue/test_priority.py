"""What is short or urgent goes first, and the rest is not forgotten; what waits for a host goes when that is back."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import Outcome, Result, Route, Submission
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.priority import priority_of
from smtpdsl.runtime.queue.sqlite_store import SqliteStore
from smtpdsl.runtime.queue.store import DueQuery
from tests.runtime.queue.sample import CREATED, LATER, OK, Post, local, relayed, run, submission

UNREACHABLE = Outcome(Result.TEMPORARY, "no connection", "4.4.1")
ONE_AT_A_TIME = Settings(local=Limits(1, 1), relay=Limits(1, 1))


def urgent(message: Submission, priority: int | None) -> Submission:
    """Return *message* with MT-PRIORITY."""
    return message._replace(options=MailOptions(mt_priority=priority))


def test_classes() -> None:
    """A report of ours, what is short, what is large; MT-PRIORITY counts for more than any of them."""
    message = submission(1)
    report = message._replace(reverse_path=ReversePath(), client=Client(source=LOCAL))
    foreign = message._replace(reverse_path=ReversePath())

    ranked = [priority_of(report, 99_999), priority_of(message, 65_536), priority_of(message, 65_537)]
    assert ranked == [2, 1, 0]
    assert priority_of(foreign, 9) == 1
    assert priority_of(urgent(message, 1), 99_999) == 3 > priority_of(report, 9)
    assert priority_of(urgent(message, -9), 9) == -26 < priority_of(urgent(message, -8), 99_999)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_small_mail_goes_before_large(tmp_path: Path, *, is_restarted: bool) -> None:
    """In memory as from the store, and whatever came first."""

    async def scenario() -> None:
        paused = Settings(paused=frozenset(Route))
        async with Post(tmp_path, paused if is_restarted else ONE_AT_A_TIME) as post:
            post.local.is_slow = True
            await post.submit(local("joe"))
            numbers = [await post.submit_large(70_000, local("joe")), await post.submit(local("joe"))]
            numbers.append(await post.submit(local("joe"), sender=ReversePath()))
            if not is_restarted:
                post.local.is_slow = False
                post.local.finish()
                await post.settle()
                attempts = post.local.attempts
        if is_restarted:
            async with Post(tmp_path, ONE_AT_A_TIME) as post:
                attempts = post.local.attempts
        # The fourth turn would be for the large one in any case.
        assert [attempt.message.message_id for attempt in attempts][1:] == [*numbers[1:], numbers[0]]

    run(scenario())


def query(limit: int, until: float = math.inf, max_octets: int = 2**30) -> DueQuery:
    """Ask for local envelopes."""
    return DueQuery(Route.LOCAL, -math.inf, until, limit, max_octets)


def test_every_priority_gets_a_share(tmp_path: Path) -> None:
    """Half of the room for the highest, half of the rest for the next one; and nothing due is passed over."""

    async def scenario() -> None:
        store = SqliteStore(tmp_path)
        store.start()
        for number in range(1, 61):
            priority = (None, 3, -3)[number % 3]
            message = urgent(submission(number, local(f"u{number}"), created=CREATED + number), priority)
            await store.add(message, b"x" * 100, 100)
        found = await store.load(query(16))
        assert [each.priority for each in found.envelopes] == [10] * 8 + [1] * 4 + [-8] * 4
        assert [each.due for each in found.envelopes][:3] == [CREATED + 1, CREATED + 4, CREATED + 7]
        # The first of each that is left: of the highest 25, of the middle 15, of the lowest 14.
        assert found.next_due == CREATED + 14
        octets = await store.load(query(1000, max_octets=1600))
        assert [each.priority for each in octets.envelopes] == [10] * 8 + [1] * 4 + [-8] * 4
        one = await store.load(query(1))
        assert ([each.due for each in one.envelopes], one.next_due) == ([CREATED + 1], CREATED + 2)
        early = await store.load(query(100, until=CREATED + 2))
        assert ([each.due for each in early.envelopes], early.next_due) == ([CREATED + 1, CREATED + 2], CREATED + 3)
        await store.close()

    run(scenario())


def test_all_is_delivered_in_the_end(tmp_path: Path) -> None:
    """More than memory holds, of every priority."""

    async def scenario() -> None:
        settings = Settings(max_inflight=20, paused=frozenset(Route))
        async with Post(tmp_path, settings) as post:
            for number in range(120):
                message = submission(post.queue.next_message_id(), local(f"u{number % 7}"))
                await post.queue.enqueue(urgent(message, number % 5 - 2))
            post.queue.resume(Route.LOCAL)
            await post.settle()
            assert len(post.local.attempts) == 120
            assert (await post.queue.summary()).messages == 0

    run(scenario())


# ---------------------------------------------------------------- a host that is back


def test_what_waits_for_a_host_is_hurried(tmp_path: Path) -> None:
    """Of that lane, and only what did not reach its host; those first that wait longest, and not too many."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(max_hurried=2)) as post:
            post.relay.always(UNREACHABLE)
            for recipient in ("a@example.com", "b@Example.com", "c@example.com", "d@example.net"):
                await post.submit(relayed(recipient))
            await post.settle()
            post.relay.always(LATER)
            await post.submit(relayed("e@example.com"))
            await post.settle()
            assert len(post.relay.attempts) == 5
            post.relay.always(OK)
            await post.advance(10)
            post.queue.hurry("example.com")
            await post.settle()
            assert [str(each.envelopes[0].dest.local_part) for each in post.relay.attempts[5:]] == ["a", "b"]
            post.queue.hurry("example.com")
            post.queue.hurry("nowhere.example")
            await post.settle()
            assert len(post.relay.attempts) == 8
            await post.advance(400)
            assert (await post.queue.summary()).messages == 0

    run(scenario())
