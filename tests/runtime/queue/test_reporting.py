"""What senders hear, and what that does to the queue."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.interfaces import Envelope, Event, InlineContent, NoReport, Outcome
from smtpdsl.runtime.queue.conclusions import COLLECT_SECONDS
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.store import Summary
from tests.runtime.queue.sample import (
    DAY,
    LATER,
    NEVER,
    OK,
    SENDER,
    TTL,
    FakeReporter,
    Post,
    local,
    relayed,
    run,
)

HOUR = 3600
NOBODY = ReversePath()


def wishing(envelope: Envelope, *words: str) -> Envelope:
    """Return *envelope* with NOTIFY."""
    return envelope._replace(notify=frozenset(words))


def reports(post: Post) -> list[bytes]:
    """Return the reports that were delivered."""
    found = [attempt.message for attempt in post.local.attempts if attempt.message.reverse_path.is_null]
    return [message.content.octets for message in found if isinstance(message.content, InlineContent)]


def failing(user: str = "joe") -> Outcome:
    """Return why nothing reaches *user*."""
    return NEVER._replace(text=f"no mailbox for {user}")


def only(post: Post, outcome: Outcome, *users: str) -> None:
    """Let *outcome* happen to the mail of *users*, and everything else be delivered."""
    post.local.answer = lambda attempt: [outcome if attempt.envelopes[0].user in users else OK]


async def settled(post: Post) -> None:
    """Let everything happen, also what is collected for a while."""
    await post.settle()
    await post.advance(COLLECT_SECONDS)


def test_a_failure_is_reported_and_the_envelope_goes(tmp_path: Path) -> None:
    """The report is delivered at once, and nothing is left."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, NEVER, "joe")
            number = await post.submit(local("joe"), local("kim"))
            await settled(post)

            assert reporter.told() == ["failed 5.1.1 joe"]
            assert reporter.asked[0][0].message_id == number
            assert reports(post) == [b"failed joe@example.org\n"]
            assert await post.queue.summary() == Summary()
            shown = envelope_hex(envelope_number(number, 1))
            assert post.log.infos[0].startswith(f"bounce: report of failure of {shown} to <ann@example.net>: message ")
            assert len(post.log.infos) == 1

    run(scenario())


def test_recipients_who_fail_together_are_in_one_report(tmp_path: Path) -> None:
    """Those that were delivered are not in it, and those that are late are in another one."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, Settings(warn_after=(1,)), reporter=reporter) as post:
            post.relay.answer = lambda _: [NEVER, OK, LATER, NEVER]
            await post.submit(*(relayed(f"{name}@example.com") for name in "abcd"))
            await settled(post)

            assert sorted(reporter.told()) == ["delayed 4.2.1 c", "failed 5.1.1 a d"]
            assert await post.queue.summary() == Summary(1, 1, 0, 0)

    run(scenario())


def test_recipients_who_fail_one_after_the_other_are_in_one_report(tmp_path: Path) -> None:
    """Those of one message, within a second; mailboxes are tried one by one, and whoever comes later is in the next."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            post.local.is_slow = True
            only(post, NEVER, "joe", "kim", "lee", "mia")
            await post.submit(local("joe"), local("kim"), local("lee"))
            await post.submit(local("mia"))
            await post.settle()
            post.local.finish(1)
            await post.settle()
            await post.advance(COLLECT_SECONDS / 2)
            post.local.finish(1)
            await post.settle()
            assert reporter.told() == []
            await post.advance(COLLECT_SECONDS / 2)
            assert reporter.told() == ["failed 5.1.1 joe kim"]
            post.local.is_slow = False
            post.local.finish()
            await settled(post)
            assert reporter.told()[1:] == ["failed 5.1.1 lee", "failed 5.1.1 mia"]
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_a_report_tells_of_so_many_recipients(tmp_path: Path) -> None:
    """And the next one of the others."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            post.relay.always(NEVER)
            await post.submit(*(relayed(f"a{number}@example.com") for number in range(250)))
            await settled(post)

            assert [len(group) for _, group in reporter.asked] == [100, 100, 50]
            assert {each.number for _, group in reporter.asked for each in group} == {
                envelope_number(reporter.asked[0][0].message_id, position) for position in range(1, 251)
            }
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_mail_from_nobody_is_held(tmp_path: Path) -> None:
    """It is a report itself, most of the time: a double bounce is kept, and the log says so."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, NEVER, "joe", "ann")
            await post.submit(wishing(local("joe"), "FAILURE", "SUCCESS"), sender=NOBODY)
            await post.submit(local("joe"))
            await settled(post)

            # The report on the second message is for ann, and cannot be delivered.
            assert reporter.told() == ["failed 5.1.1 joe"]
            assert await post.queue.summary() == Summary(2, 0, 2, 0)
            assert [line.split(" for ")[0] for line in post.log.infos if "Hold" in line] == ["delivery: Hold"] * 2

    run(scenario())


@pytest.mark.parametrize(("words", "told"), [(("NEVER",), []), (("SUCCESS", "DELAY"), []), (("FAILURE",), ["joe"])])
def test_who_wants_no_report_gets_none(tmp_path: Path, words: tuple[str, ...], told: list[str]) -> None:
    """Then what has failed goes: its sender has said that this is all right."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, NEVER, "joe")
            await post.submit(wishing(local("joe"), *words))
            await settled(post)

            assert reporter.told() == [f"failed 5.1.1 {name}" for name in told]
            assert await post.queue.summary() == Summary()
            assert any("its sender wants none" in line for line in post.log.infos) is not bool(told)

    run(scenario())


def test_without_a_way_to_the_sender_it_is_held(tmp_path: Path) -> None:
    """Whoever mends the configuration finds it."""

    async def scenario() -> None:
        reporter = FakeReporter()
        reporter.refusal = NoReport("no rule takes it")
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, NEVER, "joe")
            await post.submit(wishing(local("joe"), "FAILURE"))
            await post.submit(wishing(local("kim"), "SUCCESS"))
            await settled(post)

            assert await post.queue.summary() == Summary(1, 0, 1, 0)
            assert [line.rpartition(" to ")[2] for line in post.log.warnings] == [
                "<ann@example.net> cannot be sent: no rule takes it"
            ] * 2
            assert [line.split(" for ")[0] for line in post.log.infos] == ["delivery: Hold"]

    run(scenario())


def test_a_sender_who_cannot_be_looked_up_now_is_told_later(tmp_path: Path) -> None:
    """The envelope waits for its next attempt, also when it is too old for one."""

    async def scenario() -> None:
        reporter = FakeReporter()
        reporter.refusal = NoReport("the table is gone", is_temporary=True)
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, NEVER, "joe")
            await post.submit(local("joe"))
            await settled(post)
            assert await post.queue.summary() == Summary(1, 1, 0, 0)

            await post.advance(TTL + DAY)
            await settled(post)
            assert await post.queue.summary() == Summary(1, 1, 0, 0)

            reporter.refusal = None
            await post.advance(DAY)
            await settled(post)
            assert reporter.told()[-1] == "failed 5.4.7 joe"
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_an_expired_envelope_is_reported(tmp_path: Path) -> None:
    """With what went wrong the last time."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, LATER, "joe")
            await post.submit(local("joe"))
            await post.advance(TTL)
            await settled(post)

            assert reporter.told() == ["failed 5.4.7 joe"]
            assert reporter.asked[0][1][0].text == "Envelope expired, the last error was: try again"
            assert await post.queue.summary() == Summary()
            assert [line.split()[1] for line in post.log.infos] == ["Expire", "report"]

    run(scenario())


def test_an_envelope_that_expired_while_the_server_was_down_is_reported(tmp_path: Path) -> None:
    """Without another attempt."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            only(post, LATER, "joe")
            await post.submit(local("joe"))
            await settled(post)
        reporter = FakeReporter()
        post.loop.now += TTL
        async with Post(tmp_path, reporter=reporter) as post:
            await settled(post)
            assert reporter.told() == ["failed 5.4.7 joe"]
            assert [attempt.envelopes[0].user for attempt in post.local.attempts] == ["ann"]

    run(scenario())


def test_a_delay_is_reported_once_for_each_time(tmp_path: Path) -> None:
    """After the attempt whose successor would be too late, however many attempts there are."""

    async def scenario() -> None:
        reporter = FakeReporter()
        settings = Settings(warn_after=(4 * HOUR, DAY))
        async with Post(tmp_path, settings, reporter=reporter) as post:
            post.relay.always(LATER)
            await post.submit(relayed("a@example.com"))
            hours: list[int] = []
            for hour in range(4 * 24):
                before = len(reporter.asked)
                await post.advance(HOUR)
                hours += [hour + 1] * (len(reporter.asked) - before)

            await settled(post)
            # Attempts are made 4h and 5h26m, 21h46m and 25h after the first one, and reported in the hour after.
            assert hours == [5, 23]
            assert reporter.told() == ["delayed 4.2.1 a"] * 2 + ["failed 5.4.7 a"]

    run(scenario())


@pytest.mark.parametrize("words", [("NEVER",), ("FAILURE", "SUCCESS")])
def test_a_delay_is_not_reported_to_who_does_not_want_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The envelope waits all the same."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, Settings(warn_after=(1,)), reporter=reporter) as post:
            post.relay.always(LATER)
            await post.submit(wishing(relayed("a@example.com"), *words))
            await post.advance(DAY)

            assert reporter.told() == []
            assert await post.queue.summary() == Summary(1, 1, 0, 0)

    run(scenario())


def test_success_is_reported_to_who_asks_for_it(tmp_path: Path) -> None:
    """By the server that delivers, or that hands over to one that would not (RFC 3461 §5.2.2)."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, reporter=reporter) as post:
            await post.submit(wishing(local("joe"), "SUCCESS"), local("kim"), wishing(local("lee"), "FAILURE"))
            await post.submit(wishing(relayed("a@example.com"), "SUCCESS", "FAILURE"))
            # Nobody waits for it, or a server that is killed meanwhile would deliver twice.
            await post.settle()
            assert len(reporter.asked) == 2
            post.relay.always(OK._replace(has_dsn=True))
            await post.submit(wishing(relayed("b@example.com"), "SUCCESS"))
            await post.submit(wishing(local("mia"), "SUCCESS"), sender=NOBODY)
            await settled(post)

            assert sorted(reporter.told()) == ["delivered 2.0.0 joe", "relayed 2.0.0 a"]
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_plain_mail_asks_no_reporter(tmp_path: Path) -> None:
    """Nearly all mail is delivered, and nobody has to know."""

    async def scenario() -> None:
        reporter = FakeReporter()
        async with Post(tmp_path, Settings(warn_after=(HOUR,)), reporter=reporter) as post:
            post.relay.always(LATER)
            await post.submit(local("joe"), relayed("a@example.com"))
            await post.advance(60)
            assert reporter.asked == []

    run(scenario())


def test_a_mistake_in_a_report_costs_no_mail(tmp_path: Path) -> None:
    """What has failed is held as if nobody could be told, and the queue goes on."""

    class Broken(FakeReporter):
        async def report(self, *_: object) -> NoReport:
            message = "oh"
            raise RuntimeError(message)

    async def scenario() -> None:
        async with Post(tmp_path, reporter=Broken()) as post:
            only(post, NEVER, "joe")
            await post.submit(local("joe"), wishing(local("kim"), "SUCCESS"))
            await settled(post)

            assert await post.queue.summary() == Summary(1, 0, 1, 0)
            assert all("bounce: a report to <ann@example.net> failed" in line for line in post.log.warnings)

    run(scenario())


def test_a_stop_waits_for_no_report(tmp_path: Path) -> None:
    """What was delivered is gone, and what has failed is tried and reported by the next start."""

    async def scenario() -> None:
        reporter = FakeReporter()
        reporter.gate.clear()
        async with Post(tmp_path, reporter=reporter) as post:
            only(post, NEVER, "joe")
            await post.submit(local("joe"), wishing(local("kim"), "SUCCESS"))
            await settled(post)
            assert len(reporter.asked) == 2
        reporter = FakeReporter()
        post = Post(tmp_path, reporter=reporter)
        only(post, NEVER, "joe")
        async with post:
            await settled(post)
            assert post.local.users() == ["joe", "ann"]
            assert reporter.told() == ["failed 5.1.1 joe"]
            assert await post.queue.summary() == Summary()

    run(scenario())


WISHES = st.sampled_from([None, "NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS FAILURE DELAY"])
FATES = st.sampled_from([OK, LATER, NEVER])
ANSWERS = st.sampled_from([None, NoReport("no way"), NoReport("not now", is_temporary=True)])


@settings(max_examples=30, deadline=None)
@given(
    recipients=st.lists(st.tuples(WISHES, FATES), min_size=1, max_size=4),
    answer=ANSWERS,
    from_nobody=st.booleans(),
)
def test_everybody_is_accounted_for(
    recipients: list[tuple[str | None, Outcome]], answer: NoReport | None, *, from_nobody: bool
) -> None:
    """Each recipient has the message, or somebody knows, or it is still here; and no report is caused by a report."""

    async def scenario(folder: Path) -> None:
        reporter = FakeReporter()
        reporter.refusal = answer
        fates = {f"user{number}": fate for number, (_, fate) in enumerate(recipients)}
        post = Post(folder, Settings(warn_after=(HOUR,)), reporter=reporter)
        post.local.answer = lambda attempt: [fates.get(attempt.envelopes[0].user, NEVER)]
        envelopes = [
            local(f"user{number}")._replace(notify=None if words is None else frozenset(words.split()))
            for number, (words, _) in enumerate(recipients)
        ]
        async with post:
            await post.submit(*envelopes, sender=NOBODY if from_nobody else SENDER)
            for seconds in (HOUR, DAY, TTL):
                await settled(post)
                await post.advance(seconds)
            await settled(post)
            assert all(not message.reverse_path.is_null for message, _ in reporter.asked)
            kept = 0
            for words, fate in recipients:
                unwanted = words is not None and "FAILURE" not in words and not from_nobody
                kept += fate is not OK and not unwanted and (from_nobody or answer is not None)
            # Nobody is ann here, so each report is kept as well: it has failed for good.
            told = [] if answer is not None else [group for _, group in reporter.asked]
            summary = await post.queue.summary()
            assert summary.pending + summary.held == kept + len(told)
            failed = {each.envelope.user for group in told for each in group if each.event is Event.FAILED}
            wanting = {
                user for (words, _), user in zip(recipients, fates, strict=True) if not words or "FAILURE" in words
            }
            assert failed == (set() if from_nobody or answer else {user for user in wanting if fates[user] is not OK})

    with tempfile.TemporaryDirectory() as name:
        run(scenario(Path(name)))


def test_a_stop_collects_nothing_any_more(tmp_path: Path) -> None:
    """What has failed until then is reported before the end."""

    async def scenario() -> None:
        reporter = FakeReporter()
        post = Post(tmp_path, reporter=reporter)
        only(post, NEVER, "joe")
        await post.queue.start()
        await post.submit(local("joe"))
        await post.settle()
        assert reporter.asked == []
        await post.queue.stop(10)
        assert reporter.told() == ["failed 5.1.1 joe"]
        async with Post(tmp_path) as other:
            assert other.local.users() == ["ann"]

    run(scenario())


def test_a_report_survives_that_the_server_ends(tmp_path: Path) -> None:
    """It is in the store from the moment on that the envelope is not."""

    async def scenario() -> None:
        async with Post(tmp_path, reporter=FakeReporter()) as post:
            only(post, LATER, "ann")
            post.relay.always(NEVER)
            await post.submit(relayed("a@example.com"))
            await settled(post)
            assert await post.queue.summary() == Summary(1, 1, 0, 0)
        async with Post(tmp_path) as post:
            await post.advance(HOUR)
            assert reports(post) == [b"failed a@example.com\n"]

    run(scenario())
