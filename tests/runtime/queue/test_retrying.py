"""When an envelope is tried again, as the configuration says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import Envelope, Outcome, Result, Route
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_verdicts import of_answer
from smtpdsl.runtime.protocol.replies import ReceivedReply
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.retrying import ORIGINAL_PLAN, Failure, RetryPlan, RetryRule
from smtpdsl.runtime.queue.schedule import next_try
from tests.runtime.queue.sample import LATER, Post, local, relayed, run

NOW, CREATED = 2000.0, 1000.0
SUE, SLOW = relayed("sue@example.com"), relayed("sue@Slow.Example")
GREYLISTED = of_answer(ReceivedReply(450, ("4.7.1 come back",)), "mx.example.com[192.0.2.1]:25", Phase.RCPT)


def waits(plan: RetryPlan, envelope: Envelope, tries: int = 1, text: str = "busy", status: str = "4.2.1") -> float:
    """Return how many seconds an envelope waits."""
    return plan.next_try(CREATED, Failure(tries, text, status), NOW, envelope) - NOW


def test_the_times_in_their_order() -> None:
    """The last one is repeated; other routes keep their schedule, and so does everything without a rule."""
    plan = RetryPlan([RetryRule(Route.RELAY, (300, 900, 3600))])

    assert [waits(plan, SUE, tries) for tries in (1, 2, 3, 4, 50)] == [300, 900, 3600, 3600, 3600]
    assert waits(plan, local()) == next_try(CREATED, 1, NOW, Route.LOCAL) - NOW
    assert waits(ORIGINAL_PLAN, SUE) == next_try(CREATED, 1, NOW, Route.RELAY) - NOW


def test_what_says_most_holds() -> None:
    """Domain and status, then the domain, then the status, however they are ordered."""
    rules = [
        RetryRule(Route.RELAY, (1,)),
        RetryRule(Route.RELAY, (2,), status="4.7"),
        RetryRule(Route.RELAY, (3,), status="4.7.1"),
        RetryRule(Route.RELAY, (4,), domain="slow.example"),
        RetryRule(Route.RELAY, (5,), domain="slow.example", status="4.7"),
    ]
    for plan in (RetryPlan(rules), RetryPlan(reversed(rules))):
        assert waits(plan, SUE) == 1
        assert waits(plan, SUE, status="4.7.0") == 2
        assert waits(plan, SUE, status="4.7.1") == 3
        assert waits(plan, SLOW) == 4
        assert waits(plan, SLOW, status="4.7.1") == 5


@pytest.mark.parametrize(
    ("status", "is_meant"),
    [("450", True), ("4.7", True), ("4.7.1", True), ("4", True), ("451", False), ("4.70", False)],
)
def test_a_status_is_the_beginning_of_one_or_a_reply_code(status: str, *, is_meant: bool) -> None:
    """Of what the server answered, as the log has it."""
    plan = RetryPlan([RetryRule(Route.RELAY, (7,), status=status)])

    assert (waits(plan, SUE, text=GREYLISTED.text, status=GREYLISTED.status) == 7) is is_meant
    assert waits(plan, SUE, text="450 people", status="") != 7


def test_the_queue_keeps_to_it(tmp_path: Path) -> None:
    """Until the envelope expires, which comes in time."""
    plan = RetryPlan([RetryRule(Route.LOCAL, (60, 600)), RetryRule(Route.LOCAL, (5,), status="4.3")])

    async def scenario() -> None:
        async with Post(tmp_path, Settings(plan=plan)) as post:
            post.local.always(LATER)
            await post.submit(local("joe", ttl=1000))
            await post.settle()
            counts = []
            for seconds in (59, 1, 599, 1, 339):
                await post.advance(seconds)
                counts.append(len(post.local.attempts))
            assert counts == [1, 2, 2, 3, 3]
            await post.advance(1)
            assert (await post.queue.summary()).held == 1
            post.local.always(Outcome(Result.TEMPORARY, "no", "4.3.0"))
            await post.submit(local("bob"))
            await post.settle()
            await post.advance(5)
            assert post.local.users()[3:] == ["bob", "bob"]

    run(scenario())
