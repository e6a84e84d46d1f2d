"""What is attempted together, and what becomes of it."""

from __future__ import annotations

from smtpdsl.runtime.interfaces import Envelope, InlineContent, QueuedMessage
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.jobs import MAX_TOGETHER, Job, attempt_of, expire, jobs_of, judge, part_expired
from smtpdsl.runtime.queue.store import State, StoredEnvelope, Update, lane_of
from tests.runtime.queue.sample import (
    BODY,
    CLIENT,
    CREATED,
    LATER,
    NEVER,
    OK,
    SENDER,
    TTL,
    FakeAgent,
    Journal,
    local,
    relayed,
)

MESSAGE = QueuedMessage(7, SENDER, CLIENT, CREATED, InlineContent(BODY))


def stored(position: int, envelope: Envelope, tries: int = 0) -> StoredEnvelope:
    """Return *envelope* as the store has it."""
    error = "busy" if tries else ""
    return StoredEnvelope(envelope_number(7, position), envelope, lane_of(envelope), CREATED, tries, 0.0, error)


def positions(*envelopes: Envelope) -> list[list[int]]:
    """Return how envelopes of a message are put together, by their positions from 1."""
    waiting = [stored(position, each) for position, each in enumerate(envelopes, 1)]
    return [[each.number & 0xFFFFFF for each in job.envelopes] for job in jobs_of(FakeAgent().group, MESSAGE, waiting)]


def test_local_envelopes_go_alone() -> None:
    """Even those of one user."""
    assert positions(local("joe"), local("joe"), local("bob")) == [[1], [2], [3]]


def test_relayed_envelopes_go_together() -> None:
    """If they have one action and one domain, in whatever letters."""
    together = positions(
        relayed("a@example.com"),
        relayed("b@example.net"),
        relayed("c@EXAMPLE.com"),
        relayed("d@example.com", action="other"),
    )

    assert together == [[1, 3], [2], [4]]


def test_no_server_gets_too_many_at_once() -> None:
    """A hundred recipients is what each has to take."""
    together = positions(*[relayed(f"user{number}@example.com") for number in range(250)])

    assert [len(group) for group in together] == [MAX_TOGETHER, MAX_TOGETHER, 50]


def test_an_attempt_says_whether_there_was_another_one() -> None:
    """Of any of its envelopes, or in an earlier life of the server."""
    first, again = stored(1, local()), stored(2, local(), tries=1)

    assert not attempt_of(Job(MESSAGE, [first])).message.was_tried
    assert attempt_of(Job(MESSAGE, [first, again])).message.was_tried
    assert attempt_of(Job(MESSAGE._replace(was_tried=True), [first])).message.was_tried
    assert attempt_of(Job(MESSAGE, [first])).envelope_ids == (envelope_hex(first.number),)


def test_each_outcome_has_its_consequence() -> None:
    """Delivered ones go, those that failed for now wait, and those that failed for good are held, if nobody is told."""
    log = Journal()
    waiting = [stored(1, local()), stored(2, local(), tries=1), stored(3, local())]
    now = CREATED + 12
    changes = judge(log, Job(MESSAGE, waiting), [OK, LATER, NEVER], now)

    assert changes.done == [waiting[0].number]
    assert changes.updates == [
        Update(waiting[1].number, State.PENDING, CREATED + 40, 2, now, "try again", "4.2.1"),
        Update(waiting[2].number, State.HELD, now, 1, now, "no such mailbox", "5.1.1"),
    ]
    assert [values["result"] for _, _, values in log.events] == ["Ok", "TempFail", "PermFail"]
    assert log.infos == []


def test_the_end_comes_between_two_tries() -> None:
    """An envelope is due when it expires, if that is before its next try."""
    ttl = 500
    changes = judge(Journal(), Job(MESSAGE, [stored(1, relayed("a@example.com", ttl=ttl), tries=1)]), [LATER], CREATED)

    assert changes.updates[0].due == CREATED + ttl


def test_a_last_failure_expires_an_envelope() -> None:
    """The last error stays known."""
    log = Journal()
    now = CREATED + TTL
    changes = judge(log, Job(MESSAGE, [stored(1, local(), tries=9)]), [LATER], now)
    text = "Envelope expired, the last error was: try again"

    assert changes.updates == [Update(envelope_number(7, 1), State.HELD, now, 10, now, text, "5.4.7")]
    assert log.infos[0].startswith("delivery: Expire for ")
    assert log.infos[0].endswith(f"delay=4d, stat={text}")


def test_what_is_too_old_is_not_tried() -> None:
    """But each envelope is tried once, however long the server was down."""
    old, new = stored(1, local(), tries=1), stored(2, local())

    assert part_expired(Job(MESSAGE, [old, new]), CREATED + TTL) == ([old], [new])
    assert part_expired(Job(MESSAGE, [old, new]), CREATED + TTL - 1) == ([], [old, new])
    (update,) = expire(Journal(), MESSAGE, [old], CREATED + TTL).updates
    assert (update.state, update.tries, update.last_error, update.last_status) == (
        State.HELD,
        1,
        "Envelope expired, the last error was: busy",
        "5.4.7",
    )
