"""Mail for one destination, however slow, does not keep that for others waiting: the queue and the relay together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Queue, Settings
from smtpdsl.runtime.queue.selection import Selection
from tests.runtime.net.bad_peer import GOOD, Step
from tests.runtime.queue.sample import CREATED, Journal, StillLoop, relayed, submission
from tests.runtime.queue.sample import run as run_still
from tests.runtime.relay.relaying import Events
from tests.runtime.relay.test_exchangers import Zone
from tests.runtime.relay.test_journey import agent_for, silent
from tests.runtime.relay.test_politeness import SLOW, Watched

MAILS = 10_000
_MOST_STEPS = 3000
OTHERS = [f"d{number}.test" for number in range(10)]
SETTINGS = Settings(relay=Limits(5000, 50))
SMALL = Settings(relay=Limits(1000, 50), max_inflight=1000)


class Office:
    """A queue, and an agent for the exchangers of a zone; time passes when a test lets it."""

    def __init__(self, folder: Path, zone: Zone, port: int, settings: Settings = SETTINGS, *, limits: str = "") -> None:
        """Keep mail in *folder*; everybody listens on *port*, and *limits* are those of the relay."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StillLoop), "tests move the clock themselves"
        self._loop = loop
        self.agent = agent_for(zone, port, Events(), limits)
        self.queue = Queue(folder, {Route.RELAY: self.agent}, Journal(), self._clock, settings)
        self.agent.when_alive(self.queue.hurry, 100)

    def _clock(self) -> float:
        return CREATED + self._loop.now - StillLoop.now

    async def submit(self, recipients: Iterable[str]) -> None:
        """Hand over a message for each of *recipients*."""
        messages = [submission(self.queue.next_message_id(), relayed(each), created=CREATED) for each in recipients]
        await asyncio.gather(*map(self.queue.enqueue, messages))

    async def until(self, peer: Watched, count: int, seconds: float = 0.1) -> None:
        """Wait until *peer* has so many messages; so many *seconds* pass in each step."""
        for _ in range(_MOST_STEPS):
            if len(peer.messages) >= count:
                return
            self._loop.now += seconds
            # What is written in a thread is answered from there.
            await self.queue.summary()
        mistake = f"only {len(peer.messages)} of {count} messages have arrived"
        raise AssertionError(mistake)

    async def close(self) -> None:
        """Stop at once."""
        await self.queue.stop(0)
        await self.agent.close()


def test_a_domain_with_a_dead_exchanger_delays_no_other(tmp_path: Path) -> None:
    """10,000 mails wait for it; one of its exchangers does not answer, and the other one takes for ever."""
    zone = {
        "half.test MX": ["10 dead.test", "20 slow.test"],
        "dead.test A": ["127.0.0.2"],
        "slow.test A": ["127.0.0.3"],
        **{f"{domain} MX": ["10 good.test"] for domain in OTHERS},
        "good.test A": ["127.0.0.1"],
    }

    async def scene() -> None:
        async with Watched() as good, Watched(SLOW, "127.0.0.3", good.port) as slow:
            with silent("127.0.0.2", good.port):
                office = Office(tmp_path, zone, good.port)
                await office.queue.start()
                for start in range(0, MAILS, 1000):
                    await office.submit(f"x{start + number}@half.test" for number in range(1000))
                await office.submit(f"y{number}@{domain}" for number in range(20) for domain in OTHERS)
                await office.until(good, 200)
                assert slow.most <= 5
                memory = office.queue._routes[Route.RELAY].memory  # noqa: SLF001 - what nobody may see grow
                assert len(memory) <= 1200
                assert MAILS <= (await office.queue.summary()).pending <= MAILS + 200
                await office.close()

    run_still(scene())


def test_many_slow_domains_leave_room_for_another(tmp_path: Path) -> None:
    """Of places, of connections and of memory, though all of them have more mail than there is room for."""
    slow_domains = [f"s{number}.test" for number in range(12)]
    zone = {
        **{f"{domain} MX": [f"10 mx.{domain}"] for domain in slow_domains},
        **{f"mx.{domain} A": [f"127.0.1.{number}"] for number, domain in enumerate(slow_domains, 1)},
        "good.test MX": ["10 mx.good.test"],
        "mx.good.test A": ["127.0.0.1"],
    }

    async def scene() -> None:
        async with Watched() as good:
            slow = [await Watched(SLOW, f"127.0.1.{n}", good.port).__aenter__() for n in range(1, 13)]
            office = Office(tmp_path, zone, good.port, SMALL)
            await office.queue.start()
            await office.submit(f"x{number}@{domain}" for domain in slow_domains for number in range(100))
            for _ in range(5):
                # What has no room in memory is found in the store, behind all that waits.
                await office.submit(f"y{number}@good.test" for number in range(40))
            await office.until(good, 200)
            assert all(each.most <= 5 for each in slow)
            await office.close()
            for each in slow:
                await each.__aexit__(None, None, None)

    run_still(scene())


def test_what_waits_goes_when_its_server_is_alive_again(tmp_path: Path) -> None:
    """Not when its next try is due: as soon as one message has arrived."""
    zone = {"back.test MX": ["10 peer.test"], "peer.test A": ["127.0.0.1"]}
    greetings: list[Step] = [{"close": True}, {"reply": "220 peer.example\r\n"}]

    async def scene() -> None:
        script = GOOD | {"connect": greetings}
        async with Watched(script) as peer:
            office = Office(tmp_path, zone, peer.port)
            await office.queue.start()
            await office.submit(f"x{number}@back.test" for number in range(30))
            while sum(stat.unreached for stat in office.agent.administration.statistics()) < 30:
                await office.queue.summary()
            asyncio.get_running_loop().now += 16  # type: ignore[attr-defined]
            await office.submit(["fresh@back.test"])
            await office.until(peer, 31)
            assert office._clock() < CREATED + 60  # noqa: SLF001 - the first retry is due after 400 seconds
            await office.close()

    run_still(scene())


def test_a_pause_of_a_domain_stops_what_waits(tmp_path: Path) -> None:
    """Other mail for the same server goes; when somebody resumes, the rest does."""
    zone = {"busy.test MX": ["10 peer.test"], "other.test MX": ["10 peer.test"], "peer.test A": ["127.0.0.1"]}

    async def scene() -> None:
        async with Watched() as peer:
            office = Office(tmp_path, zone, peer.port)
            await office.queue.start()
            await office.submit(f"x{number}@busy.test" for number in range(40))
            await office.submit(f"x{number}@other.test" for number in range(40))
            await peer.hear("DATA")
            office.agent.administration.pause("", "busy.test")
            for _ in range(300):
                asyncio.get_running_loop().now += 0.1  # type: ignore[attr-defined]
                await office.queue.summary()
            assert 40 <= len(peer.messages) <= 50
            office.agent.administration.resume("", "busy.test")
            await office.until(peer, 80)
            await office.close()

    run_still(scene())


def test_what_waits_for_its_turn_of_the_minute_is_pending(tmp_path: Path) -> None:
    """It is listed as what will be tried, and not as what is being sent."""
    zone = {"slow.test MX": ["10 peer.test"], "peer.test A": ["127.0.0.1"]}

    async def scene() -> None:
        async with Watched() as peer:
            office = Office(tmp_path, zone, peer.port, limits="mta limit for domain slow.test max-mails-per-minute 6")
            await office.queue.start()
            await office.submit(f"x{number}@slow.test" for number in range(3))
            await peer.hear("MAIL")
            listing = office.queue.administration.listing(Selection())
            assert [each.started is not None async for each in listing] == [True, False, False]
            await office.until(peer, 3)
            await office.close()

    run_still(scene())


def test_a_pause_stops_what_waits_for_a_connection(tmp_path: Path) -> None:
    """It is in the store, and goes when somebody resumes."""
    zone = {"busy.test MX": ["10 peer.test"], "peer.test A": ["127.0.0.1"]}

    async def scene() -> None:
        async with Watched() as peer:
            office = Office(tmp_path, zone, peer.port)
            await office.queue.start()
            await office.submit(f"x{number}@busy.test" for number in range(60))
            await peer.hear("DATA")
            office.queue.pause(Route.RELAY)
            for _ in range(20):
                asyncio.get_running_loop().now += 1  # type: ignore[attr-defined]
                await office.queue.summary()
            assert len(peer.messages) <= 10
            assert len(office.queue._routes[Route.RELAY].memory) == 0  # noqa: SLF001 - what is held for nothing
            office.queue.resume(Route.RELAY)
            await office.until(peer, 60)
            assert len(peer.messages) == 60
            await office.close()

    run_still(scene())
