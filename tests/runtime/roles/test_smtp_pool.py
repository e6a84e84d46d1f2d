"""The SMTP processes of a server together: who gets a client, and what follows when one of them ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import cast

import pytest

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.net.acceptor import Arrival
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.descriptors import receive_connection
from smtpdsl.runtime.roles.messages import ToQueue, ToSmtp, block_of, decode_failures, encode_counts, number
from smtpdsl.runtime.roles.nursery import Nursery
from smtpdsl.runtime.roles.smtp_pool import SmtpPool, SmtpProcessError
from smtpdsl.runtime.sasl.throttle import Throttle
from tests.runtime.queue.sample import Journal, StillLoop
from tests.runtime.roles.house import FakeHouse, Process, Spool

HERE = Arrival("192.0.2.1", "192.0.2.1")


class Child:
    """A process that the nursery was asked for."""

    def __init__(self, link: socket.socket, channel: socket.socket) -> None:
        """Have both ends."""
        self._link = link
        self.channel = channel
        self.clients: list[socket.socket] = []
        self.has_begun = False

    async def begin(self, *, is_ready: bool = True) -> None:
        """Come up."""
        self.process = Process(*await asyncio.open_connection(sock=self._link))
        self.has_begun = True
        if is_ready:
            self.process.say(ToQueue.READY, number(4711))
        else:
            self.process.say(ToQueue.FAILED, b"no key")

    def take(self) -> int:
        """Take the clients that were sent, and return how many there were."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while (found := receive_connection(self.channel)) is not None:
                self.clients.append(found[1])
                count += 1
        return count

    def end(self) -> None:
        """Be gone, and everything with it."""
        if self.has_begun:
            self.process.end()
        else:
            self._link.close()
        for each in (self.channel, *self.clients):
            each.close()


class FakeNursery:
    """Starts children that do what a test says."""

    def __init__(self, count: int) -> None:
        """Be for *count* of them."""
        self.count = count
        self.children: list[Child] = []
        self.is_dead = False

    def start(self, link: socket.socket, channel: socket.socket) -> None:
        """Keep what a process would get."""
        if self.is_dead:
            raise OSError(errno.EPIPE, "broken pipe")
        ours, theirs = link.dup(), channel.dup()
        ours.setblocking(False)  # noqa: FBT003 - as the socket module has it
        self.children.append(Child(ours, theirs))

    def watch(self, lost: Callable[[], None]) -> None:
        """Tell nobody."""

    def close(self) -> None:
        """Be dead."""
        self.is_dead = True


class Scenery:
    """A pool that has started, and what belongs to it."""

    def __init__(self, count: int, spool: Spool | None = None) -> None:
        """Have *count* processes."""
        self.loop = cast("StillLoop", asyncio.get_running_loop())
        self.house = FakeHouse(spool)
        self.log = Journal()
        self.none: list[str] = []
        self.nursery = FakeNursery(count)
        self.killed: list[int] = []
        self.pool = SmtpPool(
            cast("Nursery", self.nursery), self.house.house, self.log, self.none.append, self.killed.append
        )

    async def start(self) -> None:
        """Let all of them come up, and bring mail."""
        starting = asyncio.ensure_future(self.pool.start())
        await self.child(self.nursery.count)
        for each in self.nursery.children:
            await each.begin()
        await starting
        self.pool.open()

    async def child(self, number: int) -> Child:
        """Return the one with the *number*, from 1, when the nursery was asked for so many."""
        while len(self.nursery.children) < number:  # noqa: ASYNC110 - a list is no event
            await asyncio.sleep(0)
        return self.nursery.children[number - 1]

    async def client(self) -> socket.socket:
        """Let a client come, and return its end."""
        ours, theirs = socket.socketpair()
        assert self.house.gate.admit(HERE.counted, 0) is None
        try:
            await self.pool.begin(0, theirs, HERE)
        except OSError:
            theirs.close()
            ours.close()
            self.house.gate.leave(HERE.counted)
            raise
        assert theirs.fileno() < 0
        return ours

    async def warned(self, count: int) -> None:
        """Wait until the log has so many warnings."""
        while len(self.log.warnings) < count:  # noqa: ASYNC110 - a journal is no event
            await asyncio.sleep(0)

    async def wait(self, seconds: float) -> None:
        """Let *seconds* pass, for those who have begun to wait."""
        for _ in range(5):
            await asyncio.sleep(0)
        self.loop.now += seconds

    async def end(self) -> None:
        """End all of it; nobody is left."""
        self.pool.drain()
        for each in self.nursery.children:
            each.end()
        await self.pool.wait_until_none()
        await self.pool.close()
        assert self.house.gate.connections == 0


def play(scene: Callable[[Scenery], Coroutine[None, None, None]], count: int = 2) -> Scenery:
    """Play *scene* with a pool of *count* processes, on a clock that stands still."""

    async def main() -> Scenery:
        scenery = Scenery(count)
        await scenery.start()
        await scene(scenery)
        await scenery.end()
        return scenery

    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(main())


def test_a_client_goes_to_who_has_the_fewest() -> None:
    """And when clients have left, to whom they have left."""

    async def scene(scenery: Scenery) -> None:
        one, other = scenery.nursery.children
        clients = [await scenery.client() for _ in range(6)]
        assert (one.take(), other.take()) == (3, 3)
        for _ in range(2):
            other.process.say(ToQueue.LEFT, b"192.0.2.1")
        await other.process.be_understood()
        clients += [await scenery.client() for _ in range(3)]
        assert (one.take(), other.take()) == (1, 2)
        assert scenery.house.gate.connections == 7
        for each in clients:
            each.close()

    play(scene)


def test_whoever_takes_nobody_is_passed_over() -> None:
    """Clients wait only if nobody has room; then several of them, until there is some."""

    async def scene(scenery: Scenery) -> None:
        one, other = scenery.nursery.children
        scenery.house.gate.limits = scenery.house.gate.limits._replace(connections=10**6, of_source=10**6)
        clients: list[socket.socket] = []
        waiting: list[asyncio.Future[socket.socket]] = []
        while len(waiting) < 3:
            coming = asyncio.ensure_future(scenery.client())
            await asyncio.sleep(0)
            if coming.done():
                clients.append(coming.result())
            else:
                waiting.append(coming)
        assert one.take() + other.take() == len(clients)
        clients += await asyncio.gather(*waiting)
        assert one.take() + other.take() == len(waiting)
        for each in clients:
            each.close()

    play(scene)


def test_a_client_that_waits_goes_elsewhere_when_a_process_ends() -> None:
    """Here there is no other one before the first is replaced."""

    async def scene(scenery: Scenery) -> None:
        (one,) = scenery.nursery.children
        scenery.house.gate.limits = scenery.house.gate.limits._replace(connections=10**6, of_source=10**6)
        clients: list[socket.socket] = []
        while True:
            coming = asyncio.ensure_future(scenery.client())
            await asyncio.sleep(0)
            if not coming.done():
                break
            clients.append(coming.result())
        one.end()
        other = await scenery.child(2)
        await other.begin()
        clients.append(await coming)
        assert other.take() == 1
        for each in clients:
            each.close()

    play(scene, count=1)


def test_a_client_does_not_wait_for_ever() -> None:
    """Here the other process does not come up."""

    async def scene(scenery: Scenery) -> None:
        (one,) = scenery.nursery.children
        one.end()
        await scenery.child(2)
        coming = asyncio.ensure_future(scenery.client())
        await scenery.wait(10.0)
        with pytest.raises(ConnectionAbortedError):
            await coming
        await scenery.nursery.children[1].begin()

    play(scene, count=1)


def test_a_process_that_ends_is_replaced() -> None:
    """At once, or after a moment if that one was started just now; the clients of the others notice nothing."""

    async def scene(scenery: Scenery) -> None:
        one, other = scenery.nursery.children
        clients = [await scenery.client() for _ in range(4)]
        one.take()
        one.end()
        await scenery.warned(1)
        assert scenery.house.gate.connections == 2
        third = await scenery.child(3)
        await third.begin()
        await third.process.hear(ToSmtp.NUMBERS)
        clients += [await scenery.client() for _ in range(2)]
        assert third.take() == 2
        third.end()
        await scenery.warned(2)
        await other.process.be_understood()
        assert len(scenery.nursery.children) == 3
        await scenery.wait(1.0)
        fourth = await scenery.child(4)
        await fourth.begin()
        await fourth.process.be_understood()
        for each in clients:
            each.close()

    scenery = play(scene)
    assert len(scenery.log.warnings) == 2
    assert [each.partition(":")[0] for each in scenery.log.warnings] == [
        "the SMTP process 4711 is gone, with 2 connections"
    ] * 2
    assert scenery.none == []


def test_one_that_takes_nobody_any_more_is_ended() -> None:
    """Its clients go to another one."""

    async def scene(scenery: Scenery) -> None:
        one, other = scenery.nursery.children
        one.channel.close()
        clients = [await scenery.client() for _ in range(2)]
        assert other.take() == 2
        await scenery.warned(1)
        for each in clients:
            each.close()

    play(scene)


def test_without_a_nursery_the_last_one_is_the_end() -> None:
    """Nobody could start another one; before the last one is gone, the rest goes on."""

    async def scene(scenery: Scenery) -> None:
        scenery.nursery.is_dead = True
        for count, each in enumerate(scenery.nursery.children, 1):
            each.end()
            await scenery.warned(2 * count - 1)
            assert scenery.none == []
            await scenery.wait(1.0)
            await scenery.warned(2 * count)
        with pytest.raises(ConnectionAbortedError):
            await scenery.client()

    scenery = play(scene)
    assert scenery.none == ["no process is left that speaks with clients"]
    assert scenery.log.warnings[1] == "no other one can be started: the process that starts them is dead"


def test_one_that_cannot_serve_is_told() -> None:
    """When the server starts, that is the end; later, it is a line of the log."""

    async def main() -> None:
        scenery = Scenery(2)
        starting = asyncio.ensure_future(scenery.pool.start())
        await scenery.child(2)
        for is_ready, each in zip((True, False), scenery.nursery.children, strict=True):
            await each.begin(is_ready=is_ready)
        with pytest.raises(SmtpProcessError, match=r"^no key$"):
            await starting
        await scenery.end()

    async def later(scenery: Scenery) -> None:
        scenery.nursery.children[0].end()
        await scenery.warned(1)
        await (await scenery.child(3)).begin(is_ready=False)
        await scenery.warned(2)

    with asyncio.Runner(loop_factory=StillLoop) as runner:
        runner.run(main())
    assert play(later).log.warnings[1] == "another SMTP process cannot serve: no key"


def test_a_login_is_told_to_the_others() -> None:
    """Not to who has told it."""

    async def scene(scenery: Scenery) -> None:
        one, other, third = scenery.nursery.children
        tried = b'["192.0.2.1", "ann", false]'
        one.process.say(ToQueue.TRIED, tried)
        assert await other.process.hear(ToSmtp.TRIED) == tried
        assert await third.process.hear(ToSmtp.TRIED) == tried
        later = b'["192.0.2.1", "ben", false]'
        other.process.say(ToQueue.TRIED, later)
        assert await one.process.hear(ToSmtp.TRIED) == later

    play(scene, count=3)


def test_one_that_comes_later_knows_what_was_told() -> None:
    """Who has guessed passwords does not begin anew with it."""

    async def scene(scenery: Scenery) -> None:
        one, other = scenery.nursery.children
        for login, is_right in (("ann", "false"), ("ben", "false"), ("ben", "true")):
            one.process.say(ToQueue.TRIED, f'["192.0.2.1","{login}",{is_right}]'.encode())
        await one.process.be_understood()
        one.end()
        third = await scenery.child(3)
        await third.begin()
        throttle = Throttle()
        throttle.remember(0.0, decode_failures(await third.process.hear(ToSmtp.FAILURES)))
        assert throttle.failed(0.0, "192.0.2.1", "joe") == Throttle().failed(0.0, "192.0.2.1", "joe") * 2**2
        assert [each[:2] for each in throttle.remembered(0.0).known] == [("192.0.2.1", "ben")]
        await other.process.hear(ToSmtp.TRIED)

    play(scene)


def test_one_that_says_nothing_is_ended() -> None:
    """Another one takes its place; those that do say something stay, however long it takes."""

    async def scene(scenery: Scenery) -> None:
        hung, other = scenery.nursery.children
        client = await scenery.client()
        for _ in range(4):
            assert len(scenery.nursery.children) == 2
            assert scenery.killed == []
            other.process.say(ToQueue.COUNTS, encode_counts({}))
            await other.process.be_understood()
            await scenery.wait(10.0)
        third = await scenery.child(3)
        assert scenery.killed == [4711]
        assert scenery.house.gate.connections == 0
        await third.begin()
        await third.process.be_understood()
        hung.end()
        client.close()

    (warning,) = play(scene).log.warnings
    assert "with 1 connections: it has not said anything for 30 seconds; another one is started" in warning


def test_one_that_never_comes_up_is_given_up() -> None:
    """Nobody knows its number, so it is left alone; its link is not there for it any more."""

    async def scene(scenery: Scenery) -> None:
        scenery.nursery.children[0].end()
        await scenery.child(2)
        for _ in range(4):
            await scenery.wait(10.0)
        await (await scenery.child(3)).begin()
        assert scenery.killed == []

    assert play(scene, count=1).log.warnings[1:] == [
        "the SMTP process is gone, with 0 connections: it has not said anything for 30 seconds; another one is started",
        "another SMTP process cannot serve: an SMTP process ended before it was ready",
    ]


class LateSpool(Spool):
    """A store that takes its time."""

    def __init__(self) -> None:
        """Have nothing to give yet."""
        super().__init__()
        self.wanted: list[asyncio.Future[Block]] = []

    def reserve(self) -> asyncio.Future[Block]:
        """Give numbers when the test does."""
        self.wanted.append(asyncio.get_running_loop().create_future())
        return self.wanted[-1]


@pytest.mark.parametrize("is_failing", [False, True])
def test_a_client_waits_for_numbers(is_failing: bool) -> None:  # noqa: FBT001 - a column
    """Without any it could only be told to come later; so it is when the store has said that it has none."""

    async def main() -> None:
        scenery = Scenery(1, LateSpool())
        await scenery.start()
        (one,) = scenery.nursery.children
        spool = cast("LateSpool", scenery.house.spool)
        coming = asyncio.ensure_future(scenery.client())
        await one.process.be_understood()
        assert (one.take(), coming.done()) == (0, False)
        if is_failing:
            spool.wanted[0].set_exception(StorageError("no room"))
        else:
            spool.wanted[0].set_result(Block(100, 110))
        client = await coming
        assert one.take() == 1
        assert block_of(await one.process.hear(ToSmtp.NUMBERS)) == (Block(0, 0) if is_failing else Block(100, 110))
        client.close()
        await scenery.end()

    with asyncio.Runner(loop_factory=StillLoop) as runner:
        runner.run(main())


def test_counters_are_summed_up() -> None:
    """Also of those that are gone, as far as they have told; so no number grows less."""

    async def scene(scenery: Scenery) -> None:
        one, other, third = scenery.nursery.children
        asked = asyncio.ensure_future(scenery.pool.counts())
        for child, count in ((one, 2), (other, 3)):
            await child.process.hear(ToSmtp.COUNT)
            child.process.say(ToQueue.COUNTS, encode_counts({"a": count, str(count): 1}))
        third.process.say(ToQueue.COUNTS, encode_counts({"a": 1}))
        await third.process.be_understood()
        third.end()
        assert await asked == Counter({"a": 6, "2": 1, "3": 1})
        await (await scenery.child(4)).begin()
        again = asyncio.ensure_future(scenery.pool.counts())
        for child in (one, other, scenery.nursery.children[3]):
            await child.process.hear(ToSmtp.COUNT)
            child.process.say(ToQueue.COUNTS, encode_counts({"b": 1}))
        assert (await again)["a"] == 1

    play(scene, count=3)


def test_when_the_server_stops_nobody_is_let_in() -> None:
    """Processes are told that nobody comes any more, and those that end are not replaced."""

    async def scene(scenery: Scenery) -> None:
        (one,) = scenery.nursery.children
        scenery.pool.drain()
        assert receive_connection(one.channel) is None
        with pytest.raises(ConnectionAbortedError):
            await scenery.client()
        scenery.pool.abort()
        await one.process.hear(ToSmtp.ABORT)

    assert play(scene, count=1).log.warnings == []
