"""What an administrator does to the queue takes effect at once or after the attempt that runs, and loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.interfaces import Attempt, Envelope, InlineContent, Outcome, Route, StorageError
from smtpdsl.runtime.queue.administration import Effect
from smtpdsl.runtime.queue.changing import Change, Deed
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number, message_hex
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.listing import Listed, ListPage, ListQuery
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.queue.sqlite_store import SqliteStore
from smtpdsl.runtime.queue.store import State, Summary
from tests.runtime.queue.faulty import FaultyVfs
from tests.runtime.queue.sample import BODY, DAY, LATER, NEVER, OK, PAUSED, TTL, Post, local, relayed, run

ALL = Selection()
SCHEDULE, HOLD, RELEASE, REMOVE = map(Change, (Deed.SCHEDULE, Deed.HOLD, Deed.RELEASE, Deed.REMOVE))


async def listed(post: Post, selection: Selection = ALL) -> list[Listed]:
    """Return what the queue shows."""
    return [each async for each in post.queue.administration.listing(selection)]


async def states(post: Post) -> list[str]:
    """Return the states of all envelopes."""
    return [each.state.value for each in await listed(post)]


async def change(post: Post, what: Change, selection: Selection = ALL) -> Effect:
    """Change the queue, and let happen what follows."""
    effect = await post.queue.administration.change(selection, what)
    await post.settle()
    return effect


def test_everything_that_is_known_is_listed(tmp_path: Path) -> None:
    """In the order of arrival, with its state, its last error and when it is tried next."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.answer = lambda attempt: [NEVER if attempt.envelopes[0].user == "bob" else LATER]
            number = await post.submit(local("joe"), local("bob"))
            await post.settle()
            joe, bob = await listed(post)
            assert (joe.number, joe.envelope, joe.state) == (
                envelope_number(number, 1),
                local("joe"),
                State.PENDING,
            )
            assert (joe.tries, joe.last_error, joe.due - joe.created, joe.size) == (1, "try again", 10, len(BODY))
            assert joe.expires == joe.created + TTL
            assert (bob.state, bob.last_status) == (State.HELD, "5.1.1")
            assert await post.queue.administration.content(number) == InlineContent(BODY)

    run(scenario())


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(recipient="JOE@example.org"), ["joe"]),
        (Selection(recipient="*o*@example.org"), ["joe", "bob"]),
        (Selection(domain="example.org"), ["joe", "bob"]),
        (Selection(domain="*.example.org"), []),
        (Selection(sender="ann@example.net"), ["joe", "sue"]),
        (Selection(sender="*"), ["joe", "sue"]),
        (Selection(sender="<>"), ["bob"]),
        (Selection(error="TRY AGAIN"), ["joe", "sue"]),
        (Selection(states=frozenset({State.HELD})), ["bob"]),
        (Selection(action="out"), ["sue"]),
        (Selection(domain="example.com", error="mailbox"), []),
    ],
)
def test_filters(tmp_path: Path, selection: Selection, expected: list[str]) -> None:
    """All of them have to hold."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.always(LATER)
            post.local.answer = lambda attempt: [NEVER if attempt.envelopes[0].user == "bob" else LATER]
            await post.submit(local("joe"))
            await post.submit(local("bob"), sender=ReversePath())
            await post.submit(relayed("sue@example.com"))
            await post.settle()
            found = [each.envelope for each in await listed(post, selection)]
            assert [each.dest.local_part for each in found if each is not None] == expected

    run(scenario())


def test_identifiers(tmp_path: Path) -> None:
    """Of messages and envelopes, as the log shows them, in any order; one of something else means nothing."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            numbers = [await post.submit(local("a"), local("b")) for _ in range(3)]
            first, second, third = map(message_hex, numbers)
            one = envelope_hex(envelope_number(numbers[2], 2))
            found = await listed(post, Selection((one, first, first)))
            assert [each.number for each in found] == [
                envelope_number(numbers[0], 1),
                envelope_number(numbers[0], 2),
                envelope_number(numbers[2], 2),
            ]
            assert len(await listed(post, Selection((third, one, second)))) == 4
            assert await change(post, REMOVE, Selection((message_hex(numbers[2] + 1),))) == Effect(0)
            for mistyped in ("5f1e", "5f1e02az", one[:-1] + "x", "ffffffffffffffff"):
                with pytest.raises(ValueError, match=mistyped):
                    Selection((mistyped,)).ranges(1)

    run(scenario())


def test_what_waits_for_later_is_due_now(tmp_path: Path) -> None:
    """What is selected of it; the rest keeps its time."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(LATER)
            await post.submit(local("joe"), local("bob"))
            await post.advance(60)
            before = len(post.local.attempts)
            post.local.always(OK)
            assert await change(post, SCHEDULE, Selection(recipient="joe@*")) == Effect(1)
            assert post.local.users()[before:] == ["joe"]
            assert (await post.queue.summary()).pending == 1

    run(scenario())


def test_what_has_failed_for_good_gets_another_time_to_live(tmp_path: Path) -> None:
    """Also a week later: it is tried, and tried again, before it expires once more."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(NEVER)
            await post.submit(local("joe"))
            await post.advance(7 * DAY)
            post.local.always(LATER)
            assert await change(post, SCHEDULE) == Effect(1)
            await post.advance(DAY)
            assert len(post.local.attempts) == 3
            assert all(each.message.was_tried for each in post.local.attempts[1:])
            assert await states(post) == ["pending"]
            await post.advance(TTL)
            assert await states(post) == ["held"]

    run(scenario())


def test_what_is_held_waits_until_it_is_released(tmp_path: Path) -> None:
    """Over a restart, and whatever is scheduled; neither memory nor store attempts it."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(local=Limits(1, 1))) as post:
            post.local.is_slow = True
            await post.submit(local("first"))
            await post.submit(local("joe"), local("bob"))
            assert await change(post, HOLD, Selection(recipient="joe@*")) == Effect(1)
            assert await change(post, SCHEDULE) == Effect(1)
            post.local.is_slow = False
            post.local.finish()
            await post.advance(DAY)
            assert post.local.users() == ["first", "bob"]
        async with Post(tmp_path) as post:
            await post.advance(7 * DAY)
            assert await post.queue.summary() == Summary(messages=1, suspended=1)
            assert await change(post, RELEASE) == Effect(1)
            assert post.local.users() == ["joe"]
            assert await post.queue.summary() == Summary()

    run(scenario())


@pytest.mark.parametrize(
    ("what", "outcome", "left"),
    [
        (HOLD, LATER, ["suspended"]),
        (HOLD, OK, []),
        (HOLD, NEVER, ["held"]),
        (REMOVE, LATER, []),
        (REMOVE, NEVER, []),
        (Change(Deed.REBIND, "other"), LATER, ["pending"]),
    ],
)
def test_an_attempt_ends_first(tmp_path: Path, what: Change, outcome: Outcome, left: list[str]) -> None:
    """Then the change takes effect, on what is left by then; another attempt does not begin in between."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.is_slow = True
            post.local.always(outcome)
            await post.submit(local("joe"))
            await post.settle()
            assert (await listed(post))[0].started is not None
            assert await change(post, what) == Effect(0, later=1)
            assert await states(post) == ["pending"]
            post.local.finish()
            await post.settle()
            assert await states(post) == left
            # What was bound anew is tried at once.
            assert [each.envelopes[0].action for each in post.local.attempts] == ["local", "other"][
                : 1 + (what.deed is Deed.REBIND)
            ]

    run(scenario())


def test_what_is_being_attempted_is_not_scheduled(tmp_path: Path) -> None:
    """It is not tried twice."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.is_slow = True
            await post.submit(local("joe"))
            await post.settle()
            assert await change(post, SCHEDULE) == Effect(0)
            post.local.finish()
            await post.settle()
            assert len(post.local.attempts) == 1

    run(scenario())


def test_a_server_that_stops_does_what_it_has_promised(tmp_path: Path) -> None:
    """Although the attempt was cut off."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.is_slow = True
            await post.submit(local("joe"))
            await post.settle()
            assert await change(post, REMOVE) == Effect(0, later=1)
        async with Post(tmp_path, PAUSED) as post:
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_what_is_being_loaded_is_not_attempted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an administrator has seen it before that, and is about to hold it."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            await post.submit(local("joe"))
            show = SqliteStore.listing

            def show_and_resume(store: SqliteStore, query: ListQuery) -> asyncio.Future[ListPage]:
                """Let the route ask for the same envelope when the page is there, and nothing is withdrawn yet."""
                future = show(store, query)
                future.add_done_callback(lambda _: post.queue.resume(Route.LOCAL))
                return future

            with monkeypatch.context() as patched:
                patched.setattr(SqliteStore, "listing", show_and_resume)
                assert await change(post, HOLD) == Effect(1)
            assert post.local.attempts == []
            assert await change(post, RELEASE) == Effect(1)
            assert post.local.users() == ["joe"]

    run(scenario())


def test_who_stops_waiting_stops_between_two_pages(tmp_path: Path) -> None:
    """What has begun is completed, and the queue goes on with the rest."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            for _ in range(4):
                await post.submit(*[local("joe")] * 400)
            removing = asyncio.ensure_future(post.queue.administration.change(ALL, REMOVE))
            while (await post.queue.summary()).pending == 1600:
                pass
            removing.cancel()
            await post.settle()
            assert removing.cancelled()
            left = (await post.queue.summary()).pending
            assert 0 < left < 1600
            post.queue.resume(Route.LOCAL)
            await post.settle()
            while len(post.local.attempts) < left:
                await post.settle()
            assert len(post.local.attempts) == left

    run(scenario())


def test_a_message_goes_with_its_last_envelope(tmp_path: Path) -> None:
    """And its file; nobody is told but the log."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            number = await post.submit_large(300_000, local("joe"), local("bob"))
            path = tmp_path / "content" / f"{number:016x}"
            assert await change(post, REMOVE, Selection(recipient="joe@*")) == Effect(1)
            assert path.exists()
            assert await change(post, REMOVE) == Effect(1)
            assert await post.queue.summary() == Summary()
            shown = envelope_hex(envelope_number(number, 2))
            assert post.log.infos[-1] == (
                f"delivery: Remove for {shown}: from=<ann@example.net>, to=<bob@example.org>, rcpt=<->, "
                "delay=0s, stat=Removed by administrator"
            )
        assert not path.exists()

    run(scenario())


def test_mail_gets_another_action(tmp_path: Path) -> None:
    """What has failed for good too; what is held waits on; what leaves the queue in another way keeps its own."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.answer = lambda attempt: (
                [NEVER if attempt.envelopes[0].action == "out" else OK] * len(attempt.envelopes)
            )
            post.local.always(LATER)
            await post.submit(relayed("sue@example.com"), relayed("ann@example.com"), local("joe"))
            await post.settle()
            assert await states(post) == ["held", "held", "pending"]
            assert await change(post, Change(Deed.REBIND, "better", Route.RELAY)) == Effect(2, unfit=1)
            assert [each.envelopes[0].action for each in post.relay.attempts] == ["out", "better"]
            assert [each.envelope and each.envelope.action for each in await listed(post)] == ["local"]
            await change(post, HOLD)
            assert await change(post, Change(Deed.REBIND, "elsewhere")) == Effect(1)
            assert await states(post) == ["suspended"]

    run(scenario())


def test_what_is_damaged_is_seen_and_can_be_removed(tmp_path: Path) -> None:
    """Or tried again, if somebody has mended it."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            await post.submit(local("joe"))
            await post.submit(local("bob"))
        connection = apsw.Connection(str(tmp_path / "queue.db"))
        connection.execute("UPDATE envelope SET facts = 'x' WHERE facts LIKE '%joe%'").fetchall()
        connection.close()
        async with Post(tmp_path) as post:
            (damaged,) = await listed(post)
            assert (damaged.state, damaged.envelope, bool(damaged.problem)) == (State.DAMAGED, None, True)
            assert await change(post, Change(Deed.REBIND, "other")) == Effect(0)
            assert await change(post, SCHEDULE) == Effect(1)
            assert await states(post) == ["damaged"]
            assert await change(post, REMOVE) == Effect(1)
            assert await post.queue.summary() == Summary()

    run(scenario())


def test_a_disk_that_fails_changes_nothing(tmp_path: Path, vfs: FaultyVfs) -> None:
    """Neither in the store nor in memory: the mail is delivered as before."""

    async def scenario() -> None:
        async with Post(tmp_path, Settings(local=Limits(1, 1)), vfs="faulty") as post:
            post.local.is_slow = True
            await post.submit(local("first"))
            await post.submit(local("joe"))
            vfs.arm(range(1, 1000))
            with pytest.raises(StorageError):
                await change(post, REMOVE)
            vfs.arm(range(0))
            post.local.is_slow = False
            post.local.finish()
            await post.settle()
            assert post.local.users() == ["first", "joe"]

    run(scenario())


def test_a_page_is_bounded(tmp_path: Path) -> None:
    """Whatever is selected, other requests have their turn between pages; what comes later is not chased."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            for _ in range(3):
                await post.submit(*[local("joe")] * 400)
            found: list[int] = []
            async for each in post.queue.administration.listing(ALL):
                if not found:
                    await post.submit(local("late"))
                found.append(each.number)
            assert found == sorted(set(found))
            assert len(found) == 1200
            assert await change(post, REMOVE) == Effect(1201)

    run(scenario())


DEEDS = st.sampled_from([SCHEDULE, HOLD, RELEASE, REMOVE, Change(Deed.REBIND, "other")])


class Doing(NamedTuple):
    """Something that an administrator does to the mail for a recipient."""

    change: Change
    recipient: str


class Arriving(NamedTuple):
    """A message that comes in."""

    envelopes: tuple[Envelope, ...]


Step: TypeAlias = Doing | Arriving | float | str
# "finish" lets the attempts end that run; the others are what they are called, and a number is time that passes.
STEPS = st.one_of(
    st.lists(st.sampled_from(["joe", "bob", "sue"]).map(local), min_size=1, max_size=6).map(tuple).map(Arriving),
    st.builds(Doing, DEEDS, st.sampled_from(["*", "joe@*", "bob@*"])),
    st.sampled_from([15.0, "finish", "restart", "pause", "resume"]),
)


class Office:
    """A queue that lives several lives, and what became of its envelopes."""

    def __init__(self, folder: Path, settings: Settings, failures: Iterable[bool]) -> None:
        """Keep it in *folder*; of the attempts some fail."""
        self._folder = folder
        self._settings = settings
        self._failures = iter(failures)
        self.taken: list[str] = []
        self.gone: list[str] = []

    def _answer(self, attempt: Attempt) -> Sequence[Outcome]:
        outcome = LATER if next(self._failures, False) else OK
        self.gone.extend(attempt.envelope_ids if outcome is OK else ())
        return [outcome]

    async def live(self, steps: Sequence[Step], *, is_last: bool) -> None:
        """Start, do *steps* and stop; the last time everything is delivered first."""
        post = Post(self._folder, self._settings)
        post.local.answer = self._answer
        post.local.is_slow = True
        async with post:
            for step in steps:
                await self._do(post, step)
                suspended = await listed(post, Selection(states=frozenset({State.SUSPENDED})))
                assert all(each.started is None for each in suspended)
            if is_last:
                await self._deliver_all(post)
        self.gone += [line.split()[3].rstrip(":") for line in post.log.infos if ": Remove for " in line]

    async def _do(self, post: Post, step: Step) -> None:
        match step:
            case Doing(what, recipient):
                await change(post, what, Selection(recipient=recipient))
            case Arriving(envelopes):
                number = await post.submit(*envelopes)
                self.taken += [envelope_hex(envelope_number(number, 1 + each)) for each in range(len(envelopes))]
            case "finish":
                post.local.finish()
                await post.settle()
            case "pause":
                post.queue.pause(Route.LOCAL)
            case "resume":
                post.queue.resume(Route.LOCAL)
            case float(seconds):
                await post.advance(seconds)

    @staticmethod
    async def _deliver_all(post: Post) -> None:
        post.local.is_slow = False
        post.local.finish()
        post.queue.resume(Route.LOCAL)
        await change(post, RELEASE)
        for _ in range(40):
            await post.advance(DAY / 40)
        assert await listed(post) == []


@given(steps=st.lists(STEPS, max_size=14), failures=st.lists(st.booleans(), max_size=30), bound=st.integers(2, 9))
def test_nothing_is_lost_and_nothing_is_tried_in_vain(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], failures: list[bool], bound: int
) -> None:
    """Whatever is done in whatever order: each envelope is delivered once or removed, and what is held is not tried."""
    settings = Settings(Limits(2, 1), Limits(2, 1), max_inflight=bound, max_per_lane=bound // 2)
    office = Office(tmp_path_factory.mktemp("spool"), settings, failures)
    lives: list[list[Step]] = [[]]
    for step in steps:
        if step == "restart":
            lives.append([])
        else:
            lives[-1].append(step)
    for number, life in enumerate(lives, 1):
        run(office.live(life, is_last=number == len(lives)))

    assert sorted(office.gone) == sorted(office.taken)
