"""How many connections there are, and how fast they follow each other; over sockets of loopback, on a clock of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import pytest

from smtpdsl.runtime.interfaces import NotBegunError, Outcome, Result
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.limits import RelayLimits
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script, Step
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, actions_of, attempt_of
from tests.warp_loop import run
from tests.worlds import compile_text

OK, TEMPORARY = Result.OK, Result.TEMPORARY
SLOW: dict[str, Step | Sequence[Step]] = GOOD | {"MAIL": {"delay": 700}}


class Watched(BadPeer):
    """A server that remembers when connections and messages came, and how many connections there were at once."""

    def __init__(self, script: Script = GOOD, address: str = "127.0.0.1", port: int = 0) -> None:
        """Serve as *script* says, at *port* if that is not 0."""
        super().__init__(script, address, port=port)
        self.connected: list[float] = []
        self.ended: list[float] = []
        self.taken: list[float] = []
        self.open = 0
        self.most = 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        self.connected.append(loop.time())
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await super()._accept(reader, writer)
        finally:
            self.open -= 1
            self.ended.append(loop.time())

    async def _take_message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken.append(asyncio.get_running_loop().time())
        # The others have their turn meanwhile.
        await asyncio.sleep(0.1)
        await super()._take_message(reader, writer)


def agent_for(
    limits: str, *peers: BadPeer, method: str = "relay host HOSTS", clock: Callable[[], float] | None = None
) -> RelayAgent:
    """Return an agent that relays to *peers* by *limits*, on the clock of the loop if there is no other."""
    hosts = ", ".join(f'"smtp+notls://127.0.0.1:{peer.port}"' for peer in peers)
    ruleset = compile_text(f"{limits}\naction out {method.replace('HOSTS', f'{{ {hosts} }}')}\n").ruleset
    clock = clock or asyncio.get_running_loop().time
    return RelayAgent(
        ruleset.actions, SERVER_NAME, resolver=Names(), relay_limits=RelayLimits(ruleset.settings), clock=clock
    )


async def send(agent: RelayAgent, count: int, recipient: str = "x@remote.test") -> list[Outcome]:
    """Relay so many messages at once."""
    found = await asyncio.gather(*(agent.deliver(attempt_of(recipient)) for _ in range(count)))
    return [outcome for outcomes in found for outcome in outcomes]


def play(limits: str, count: int, *, method: str = "relay host HOSTS", script: Script = GOOD) -> Watched:
    """Relay *count* messages at once; all have to arrive."""

    async def scene() -> Watched:
        async with Watched(script) as peer:
            agent = agent_for(limits, peer, method=method)
            outcomes = await send(agent, count)
            await agent.close()
        assert {outcome.result for outcome in outcomes} == {OK}
        assert len(peer.messages) == count
        return peer

    return run(scene())


def gaps(moments: Sequence[float]) -> list[float]:
    """Return the seconds from one moment to the next."""
    return [later - earlier for earlier, later in pairwise(moments)]


@pytest.mark.parametrize("what", ["host", "route", "source", "connector", "relay", "domain"])
def test_connections_have_a_limit_of_each_kind(what: str) -> None:
    """And all messages go over those that there are."""
    assert play("mta limit max-conn-per-route 9", 20).most == 5
    assert play(f"mta limit max-conn-per-route 9 max-conn-per-{what} 2", 20).most == 2
    assert play(f"mta limit for domain Remote.test max-conn-per-{what} 1", 20).most == 1


@pytest.mark.parametrize("what", ["host", "route", "source", "connector", "relay", "domain"])
def test_connections_follow_each_other_as_slowly_as_is_written(what: str) -> None:
    """Without a delay that somebody has asked for, there is none but for the first one's answer."""
    assert max(gaps(play("", 20).connected)) < 1
    assert min(gaps(play(f"mta limit conn-delay-{what} 7 session-mail-max 3", 9).connected)) >= 7


def test_a_route_rests_after_a_connection() -> None:
    """As long as `reconn-delay-route` has it."""
    peer = play("mta limit reconn-delay-route 6 max-conn-per-route 1 session-mail-max 1", 4)

    assert all(began >= ended + 6 for ended, began in zip(peer.ended, peer.connected[1:], strict=False))


def test_nobody_looks_again_and_again_for_a_route_that_rests() -> None:
    """Also where its first connection was given up before anybody knew whether there was a welcome."""

    async def scene() -> None:
        loop, looks = asyncio.get_running_loop(), 0

        def clock() -> float:
            nonlocal looks
            looks += 1
            assert looks < 1000, "time does not go on"
            return loop.time()

        greeting: Step = {"reply": "220 peer.example\r\n"}
        async with Watched(GOOD | {"connect": [{"delay": 5, **greeting}, greeting]}) as peer:
            agent = agent_for("mta limit reconn-delay-route 60", peer, clock=clock)
            first, second = (asyncio.ensure_future(agent.deliver(attempt_of())) for _ in range(2))
            await asyncio.sleep(0.1)
            first.cancel()
            [outcome] = await second
            assert outcome.result is OK
            await agent.close()
        assert gaps(peer.connected)[0] >= 60

    run(scene())


def test_a_session_rests_between_messages() -> None:
    """Other sessions do not wait for it."""
    peer = play("mta limit session-transaction-delay 4 max-conn-per-route 1", 4)

    assert peer.connections == 1
    assert min(gaps(peer.taken)) >= 4


def test_a_domain_gets_so_many_messages_a_minute() -> None:
    """At even distances; another domain does not wait for it."""

    async def scene() -> None:
        async with Watched() as peer:
            agent = agent_for("mta limit for domain remote.test max-mails-per-minute 6", peer)
            slow = asyncio.ensure_future(send(agent, 5))
            began = asyncio.get_running_loop().time()
            await send(agent, 5, "x@other.test")
            assert asyncio.get_running_loop().time() < began + 5
            await slow
            await agent.close()
        assert len(peer.messages) == 10
        assert asyncio.get_running_loop().time() >= began + 40

    run(scene())


def test_a_session_ends_after_too_many_refusals() -> None:
    """So many recipients in a row, of however many messages."""
    refused: Script = GOOD | {"RCPT": [{"reply": "250 ok\r\n"}, *[{"reply": "550 no\r\n"}] * 9]}

    async def scene(limits: str) -> int:
        async with Watched(refused) as peer:
            agent = agent_for(limits, peer)
            for _message in range(5):
                await send(agent, 1)
            await agent.close()
            return peer.connections

    assert run(scene("mta limit max-failures-per-session 9")) == 1
    # The second of the refused ones is the last of its session, and a session that had no success is not kept.
    assert run(scene("mta limit max-failures-per-session 2")) == 3


# ---------------------------------------------------------------- feedback


def windows(agent: RelayAgent) -> list[int]:
    """Return how many connections each destination may have."""
    return [facts.window for facts in agent.administration.relays()]


def test_success_lets_connections_grow_and_trouble_shrinks_them() -> None:
    """By one when all of them have carried a message; by half, once for those that were under way together."""
    refused: Script = GOOD | {"MAIL": [*[{"reply": "250 ok\r\n"}] * 26, {"reply": "450 later\r\n"}]}

    async def scene() -> None:
        async with Watched(refused) as peer:
            agent = agent_for("mta limit max-conn-per-route 90 max-conn-per-host 90", peer)
            await send(agent, 1)
            assert windows(agent) == [5]
            await send(agent, 25)
            # 5 + 6 + 7 messages, and some of the next eight.
            assert windows(agent) == [8]
            assert 5 < peer.most <= 8
            await send(agent, 8)
            assert windows(agent) == [4]
            await agent.close()

    run(scene())


def test_a_new_server_is_tried_with_one_connection() -> None:
    """The others wait until it has a welcome; if it has none, they need not try themselves."""

    async def scene(script: Script) -> tuple[int, set[Result]]:
        async with Watched(script) as peer:
            agent = agent_for("", peer)
            outcomes = await send(agent, 30)
            await agent.close()
            return peer.connections, {outcome.result for outcome in outcomes}

    assert run(scene(GOOD | {"connect": {"reply": "421 busy\r\n"}})) == (1, {TEMPORARY})
    assert run(scene(GOOD)) == (5, {OK})


def test_a_refusal_of_one_more_connection_costs_no_message() -> None:
    """Those that are there carry them all."""
    greetings = [*[{"reply": "220 peer.example\r\n"}] * 3, {"reply": "421 too many connections\r\n"}]

    async def scene() -> None:
        async with Watched(GOOD | {"connect": greetings}) as peer:
            agent = agent_for("", peer)
            outcomes = await send(agent, 40)
            await agent.close()
            refused = [outcome for outcome in outcomes if outcome.result is not OK]
            assert (refused, len(peer.messages)) == ([], 40)

    run(scene())


# ---------------------------------------------------------------- others


def test_slow_destinations_leave_room_for_another() -> None:
    """However many messages they have: the last connections of an address of ours are for those who have few."""

    async def scene() -> None:
        async with Watched(SLOW) as one, Watched(SLOW) as two, Watched(SLOW) as three, Watched() as good:
            peers = {"one": one, "two": two, "three": three, "good": good}
            hosts = "".join(
                f"action {name} relay host smtp+notls://127.0.0.1:{peer.port}\n" for name, peer in peers.items()
            )
            ruleset = compile_text(f"mta limit max-conn-per-source 8 max-conn-per-route 9\n{hosts}").ruleset
            clock = asyncio.get_running_loop().time
            relay_limits = RelayLimits(ruleset.settings)
            agent = RelayAgent(ruleset.actions, SERVER_NAME, resolver=Names(), relay_limits=relay_limits, clock=clock)
            waiting = [
                asyncio.ensure_future(agent.deliver(attempt_of(f"x@{name}.test", action=name)))
                for name in ("one", "two", "three")
                for _ in range(50)
            ]
            for _ in range(20):
                [outcome] = await agent.deliver(attempt_of("x@good.test", action="good"))
                assert outcome.result is OK
            assert len(good.messages) == 20
            assert all(1 <= peer.open <= 4 for peer in (one, two, three))
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await agent.close()

    run(scene())


def test_a_session_that_nobody_uses_makes_room() -> None:
    """Where its place is needed for another server."""

    async def scene() -> None:
        async with Watched() as first, Watched() as second:
            agent = agent_for("mta limit max-conn-per-source 1 session-keepalive 100000", first, second)
            began = asyncio.get_running_loop().time()
            for _ in range(4):
                assert [outcome.result for outcome in await send(agent, 1)] == [OK]
            assert (len(first.messages), len(second.messages)) == (2, 2)
            assert asyncio.get_running_loop().time() < began + 100
            await agent.close()

    run(scene())


class Broken(Events):
    """A log with a mistake: it cannot write one kind of event."""

    def __init__(self, name: str) -> None:
        """Be unable to write *name*."""
        super().__init__()
        self._name = name

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Write it, or fail."""
        if name == self._name:
            raise LookupError(name)
        super().event(subject, name, values)


@pytest.mark.parametrize("event", ["mta connecting", "mta connected", "mta error"])
def test_a_mistake_of_ours_leaves_no_connection_open(event: str) -> None:
    """The server hears that it has ended, while the attempt is still looked at."""

    async def scene() -> None:
        async with Watched(GOOD | {"EHLO": {"reply": "554 no\r\n"}, "HELO": {"reply": "554 no\r\n"}}) as peer:
            clock = asyncio.get_running_loop().time
            actions = actions_of(f"action out relay host smtp+notls://127.0.0.1:{peer.port}")
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names(), clock=clock, log=Broken(event))
            with pytest.raises(LookupError) as _mistake:
                await agent.deliver(attempt_of())
            await asyncio.sleep(1)
            assert (len(peer.connected), peer.open) == (1, 0)
            await agent.close()

    run(scene())


class Paced(Watched):
    """A server that takes its messages as slowly as it is told, and names the recipient of each."""

    def __init__(self, *seconds: float) -> None:
        """Take so many *seconds* for one after the other, and for others none."""
        super().__init__()
        self._seconds = iter(seconds)

    async def _take_message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(next(self._seconds, 0))
        await super()._take_message(reader, writer)


def test_a_lower_limit_of_one_domain_keeps_no_place_from_another() -> None:
    """Whoever may have a place that is free gets it, though somebody waits whose turn it would be."""

    async def scene() -> None:
        async with Paced(0, 10, 1000) as peer:
            domain = "mta limit for domain low.test session-mail-max 1 max-conn-per-host 1"
            agent = agent_for(f"mta limit session-mail-max 1 max-conn-per-host 2\n{domain}", peer)
            await send(agent, 1, "x@high.test")
            began = asyncio.get_running_loop().time()
            slow = [asyncio.ensure_future(send(agent, 1, "x@high.test")) for _ in range(2)]
            await asyncio.sleep(1)
            slow.append(asyncio.ensure_future(send(agent, 1, "x@low.test")))
            await asyncio.sleep(1)
            await send(agent, 1, "x@high.test")
            assert asyncio.get_running_loop().time() < began + 20
            await asyncio.gather(*slow)
            await agent.close()

    run(scene())


def test_those_who_wait_can_be_called_back() -> None:
    """Nothing has become of their messages; what is being sent, is sent."""

    async def scene() -> None:
        async with Watched() as peer:
            agent = agent_for("mta limit max-conn-per-route 1", peer)
            tasks = [asyncio.ensure_future(agent.deliver(attempt_of())) for _ in range(10)]
            await peer.hear("DATA")
            agent.call_back()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            await agent.close()
        begun = [each for each in found if not isinstance(each, NotBegunError)]
        assert [outcome.result for outcomes in begun for outcome in outcomes] == [OK]  # type: ignore[union-attr]
        assert len(peer.messages) == 1

    run(scene())
