"""Which policy holds for a domain, as days go by and servers come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

from smtpdsl.mail.mta_sts import Mode, Policy
from smtpdsl.mail.tls_report import ResultType
from smtpdsl.runtime.mta_sts import Policies, PolicyError, PolicyFolder
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError
from tests.tls_peers import Clock, Journal

HOUR, DAY = 3600.0, 86_400.0
ENFORCED = Policy(Mode.ENFORCE, ("mx.test",), int(7 * DAY))


class World:
    """A DNS and servers of policies, which may be gone, and our side of it."""

    def __init__(self, folder: Path) -> None:
        """Know nobody."""
        self.folder = folder
        self.texts: dict[str, str] | None = {}
        self.served: dict[str, Policy] = {}
        self.is_slow = False
        self.held: asyncio.Event | None = None
        self.fetched: list[str] = []
        self.told: list[tuple[str, ResultType, str]] = []
        self.clock = Clock()
        self.log = Journal()
        self.policies = self.start()

    def start(self) -> Policies:
        """Begin again with what is on the disk."""
        found = Policies(
            Dns(self),
            Server(self),
            PolicyFolder(self.folder),
            self.clock,
            self.log,
            tell=lambda *what: self.told.append(what),
        )
        self.policies = found
        return found

    async def restart(self) -> None:
        """Stop, and begin again."""
        await self.policies.close()
        self.start()

    def publish(self, domain: str, identifier: str, policy: Policy | None) -> None:
        """Let *domain* have a policy; without one only the DNS says that there is one."""
        assert self.texts is not None, "there is a DNS"
        self.texts[f"_mta-sts.{domain}"] = f"v=STSv1; id={identifier}"
        self.served.pop(domain, None)
        if policy is not None:
            self.served[domain] = policy

    async def mode(self, domain: str = "a.test") -> Mode | None:
        """Return the mode of the policy that holds."""
        known = (await self.policies.find(domain)).known
        return known.policy.mode if known is not None else None


class Dns:
    """Says what the world has."""

    def __init__(self, world: World) -> None:
        """Look at *world*."""
        self._world = world

    async def texts(self, name: str) -> Records:
        """Return the records of *name*, which hold for a minute."""
        if self._world.texts is None:
            raise ResolveError(name)
        found = self._world.texts.get(name)
        return Records((found,) if found is not None else (), 60.0)


class Server:
    """Has what the world has."""

    def __init__(self, world: World) -> None:
        """Look at *world*."""
        self._world = world

    async def fetch(self, domain: str) -> Policy:
        """Return it."""
        self._world.fetched.append(domain)
        if self._world.is_slow and domain == "slow.test":
            await asyncio.Event().wait()
        # The next one is not held.
        held, self._world.held = self._world.held, None
        if held is not None:
            await held.wait()
        if domain not in self._world.served:
            message = f"mta-sts.{domain} answers 404"
            raise PolicyError(message, ResultType.STS_POLICY_FETCH_ERROR)
        return self._world.served[domain]


def play(folder: Path, scene: Callable[[World], Coroutine[None, None, None]]) -> None:
    """Play *scene* in a world of its own."""

    async def run() -> None:
        world = World(folder / "mta-sts")
        try:
            await scene(world)
        finally:
            await world.policies.close()

    asyncio.run(run())


def test_a_policy_is_fetched_once(tmp_path: Path) -> None:
    """Also when two ask at the same time, and whether or not its server is there later."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED)
        both = await asyncio.gather(world.mode(), world.mode("A.test."))
        assert set(both) == {Mode.ENFORCE}
        world.clock.time += HOUR
        world.served.clear()
        assert await world.mode() is Mode.ENFORCE
        assert world.fetched == ["a.test"]
        assert await world.mode("none.test") is None
        assert (await world.policies.find("a.test")).why == "MTA-STS policy 1, mode enforce"

    play(tmp_path, scene)


def test_another_id_is_another_policy(tmp_path: Path) -> None:
    """It is fetched before the next message goes."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED)
        assert await world.mode() is Mode.ENFORCE
        world.publish("a.test", "2", ENFORCED._replace(mode=Mode.NONE, patterns=()))
        world.clock.time += HOUR
        assert await world.mode() is Mode.NONE
        world.publish("a.test", "3", ENFORCED._replace(mode=Mode.TESTING))
        world.clock.time += HOUR
        assert await world.mode() is Mode.TESTING
        assert world.log.warnings == []

    play(tmp_path, scene)


def test_what_is_known_holds_while_nobody_can_tell(tmp_path: Path) -> None:
    """Without a DNS, without a record, without a server; over a restart; and no longer than it said."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED)
        assert await world.mode() is Mode.ENFORCE
        await world.restart()
        for texts in (None, {}, {"_mta-sts.a.test": "v=STSv1; id=2"}):
            world.texts = texts
            world.served.clear()
            world.clock.time += HOUR
            assert await world.mode() is Mode.ENFORCE
        assert world.log.warnings == [
            "the new MTA-STS policy of a.test cannot be had: mta-sts.a.test answers 404; the one before it holds"
        ]
        world.texts = None
        world.clock.time += 7 * DAY
        assert await world.mode() is None
        await world.restart()
        assert await world.mode() is None

    play(tmp_path, scene)


def test_without_a_policy_mail_goes_on(tmp_path: Path) -> None:
    """What cannot be fetched is told, and asked for again five minutes later, or under another id."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", None)
        for _ in range(3):
            assert await world.mode() is None
            world.clock.time += 70
        assert world.fetched == ["a.test"]
        assert world.told == [("a.test", ResultType.STS_POLICY_FETCH_ERROR, "mta-sts.a.test answers 404")]
        assert len(world.log.warnings) == 1
        assert "mail goes as if there were none" in world.log.warnings[0]
        world.publish("a.test", "2", ENFORCED)
        assert await world.mode() is Mode.ENFORCE

    play(tmp_path, scene)


def test_a_policy_is_fetched_anew_once_a_day(tmp_path: Path) -> None:
    """In the background: nobody waits for it, and what is known holds if it fails."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED)
        await world.mode()
        for served in (True, False):
            if not served:
                world.served.clear()
            world.clock.time += DAY + HOUR
            assert await world.mode() is Mode.ENFORCE
            await world.policies.swept()
        assert len(world.fetched) == 3
        assert "cannot be fetched anew" in world.log.warnings[0]
        # It was fetched a day after the first time, so it holds for a week from then on.
        world.clock.time += 5 * DAY
        assert await world.mode() is Mode.ENFORCE

    play(tmp_path, scene)


def test_what_nobody_writes_to_is_fetched_anew_too(tmp_path: Path) -> None:
    """So that a domain with little mail is not met without its policy (RFC 8461 §10.2)."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED)
        await world.mode()
        await world.restart()
        for _ in range(10):
            world.clock.time += DAY + HOUR
            await world.mode("other.test")
            await world.policies.swept()
        world.texts = None
        assert await world.mode() is Mode.ENFORCE

    play(tmp_path, scene)


def test_a_slow_server_keeps_only_its_own_domain_waiting(tmp_path: Path) -> None:
    """And who gives up waiting does not take the answer from others."""

    async def scene(world: World) -> None:
        world.is_slow = True
        world.publish("slow.test", "1", ENFORCED)
        world.publish("a.test", "1", ENFORCED)
        waiting = [asyncio.ensure_future(world.mode("slow.test")) for _ in range(2)]
        assert await world.mode() is Mode.ENFORCE
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not waiting[1].done()
        assert world.fetched.count("slow.test") == 1
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    play(tmp_path, scene)


def test_a_policy_for_now_is_not_kept(tmp_path: Path) -> None:
    """With a max_age of 0 it holds for one message."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED._replace(seconds=0))
        assert await world.mode() is Mode.ENFORCE
        world.texts = {}
        assert await world.mode() is None

    play(tmp_path, scene)


def test_names_that_cannot_have_one(tmp_path: Path) -> None:
    """Nobody is asked, and no file gets such a name."""

    async def scene(world: World) -> None:
        world.texts = None
        for name in ("", "..", "../a", "a/b", "x" * 250, "[192.0.2.1]"):
            assert "is no name" in (await world.policies.find(name)).why
        assert world.fetched == []

    play(tmp_path, scene)


def test_a_policy_that_is_fetched_anew_does_not_undo_another_one(tmp_path: Path) -> None:
    """The domain has changed it while we still waited for the one before."""

    async def scene(world: World) -> None:
        world.publish("a.test", "1", ENFORCED._replace(mode=Mode.TESTING))
        assert await world.mode() is Mode.TESTING
        world.clock.time += DAY
        held = world.held = asyncio.Event()
        assert await world.mode() is Mode.TESTING
        world.clock.time += HOUR
        world.publish("a.test", "2", ENFORCED)
        assert await world.mode() is Mode.ENFORCE
        world.publish("a.test", "2", None)
        held.set()
        await world.policies.swept()
        assert await world.mode() is Mode.ENFORCE
        assert len(world.fetched) == 3

    play(tmp_path, scene)
