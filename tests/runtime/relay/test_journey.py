"""The way of messages when some of the exchangers of a domain are no use; over sockets of loopback, on our clock."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.limits import RelayLimits
from tests.runtime.net.bad_peer import GOOD
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, attempt_of
from tests.runtime.relay.test_exchangers import FakeDns, Zone
from tests.runtime.relay.test_politeness import Watched
from tests.warp_loop import run
from tests.worlds import compile_text

OK, TEMPORARY = Result.OK, Result.TEMPORARY
ZONE: Zone = {
    "half.test MX": ["10 dead.test", "20 good.test"],
    "dead.test A": ["127.0.0.2"],
    "good.test A": ["127.0.0.1"],
}


@contextmanager
def silent(address: str, port: int) -> Iterator[None]:
    """Let nobody at *address* answer a connection: the room for those that wait is full."""
    with socket.socket() as server:
        server.bind((address, port))
        server.listen(0)
        with socket.create_connection((address, port)):
            yield


def agent_for(zone: Zone, port: int, log: Events, limits: str = "", method: str = "relay") -> RelayAgent:
    """Return an agent for the exchangers of *zone*, which listen on *port*."""
    ruleset = compile_text(f"{limits}\naction out {method}\n").ruleset
    clock = asyncio.get_running_loop().time
    own = Own.of([SERVER_NAME], [])
    exchangers = Exchangers(FakeDns(zone), own, clock, shuffle=lambda _: None, is_usable=lambda _: True)
    return RelayAgent(
        ruleset.actions,
        SERVER_NAME,
        resolver=Names(),
        exchangers=exchangers,
        relay_limits=RelayLimits(ruleset.settings),
        smtp_port=port,
        clock=clock,
        log=log,
    )


async def send(agent: RelayAgent, count: int, recipient: str) -> list[Outcome]:
    """Relay so many messages at once."""
    found = await asyncio.gather(*(agent.deliver(attempt_of(recipient)) for _ in range(count)))
    return [outcome for outcomes in found for outcome in outcomes]


def connections(log: Events, host: str) -> int:
    """Return how many connections with *host* have begun, or have come to nothing."""
    return len([line for line in log.lines if line.startswith("mta connecting") and line.endswith(f"host={host}")])


def test_an_exchanger_that_does_not_answer_delays_one_second() -> None:
    """For all messages together; it is not tried again before its time, and then by one of them."""

    async def scene() -> None:
        log, loop = Events(), asyncio.get_running_loop()
        async with Watched() as good:
            with silent("127.0.0.2", good.port):
                agent = agent_for(ZONE, good.port, log, "mta limit session-keepalive 0")
                began = loop.time()
                assert {each.result for each in await send(agent, 40, "x@half.test")} == {OK}
                assert loop.time() < began + 3
                assert connections(log, "dead.test") == 1
                await asyncio.sleep(15)
                began = loop.time()
                assert {each.result for each in await send(agent, 40, "x@half.test")} == {OK}
                assert loop.time() < began + 3
                assert connections(log, "dead.test") == 2
            await agent.close()

    run(scene())


def test_a_domain_without_a_living_exchanger_costs_one_attempt_its_patience() -> None:
    """The others hear of it."""

    async def scene() -> None:
        log, loop = Events(), asyncio.get_running_loop()
        zone = {"dead.test MX": ["10 dead.test"], "dead.test A": ["127.0.0.2"]}
        async with Watched() as other:
            with silent("127.0.0.2", other.port):
                agent = agent_for(zone, other.port, log)
                began = loop.time()
                outcomes = await send(agent, 40, "x@dead.test")
                assert 30 <= loop.time() - began < 32
                assert {(each.result, each.status) for each in outcomes} == {(TEMPORARY, "4.4.1")}
                assert connections(log, "dead.test") == 1
            await agent.close()

    run(scene())


def test_equal_exchangers_share_the_messages() -> None:
    """Whoever has fewer connections gets the next one; a worse one gets none."""

    async def scene() -> None:
        zone = {
            "remote.test MX": ["10 a.test", "10 b.test", "20 c.test"],
            **{f"{name}.test A": [f"127.0.0.{number}"] for number, name in enumerate("abc", 1)},
        }
        log = Events()
        async with (
            Watched() as a,
            Watched(port=a.port, address="127.0.0.2") as b,
            Watched(port=a.port, address="127.0.0.3") as c,
        ):
            agent = agent_for(zone, a.port, log)
            assert {each.result for each in await send(agent, 40, "x@remote.test")} == {OK}
            await agent.close()
        assert c.connections == 0
        assert abs(a.connections - b.connections) <= 1
        assert min(len(a.messages), len(b.messages)) > 10

    run(scene())


def test_a_limited_exchanger_is_waited_for() -> None:
    """One that is less preferred gets nothing only because the better one is busy."""

    async def scene() -> None:
        log = Events()
        zone = {**ZONE, "dead.test A": ["127.0.0.3"]}
        async with Watched(address="127.0.0.3") as first, Watched(port=first.port) as second:
            agent = agent_for(zone, first.port, log, "mta limit max-conn-per-host 1")
            assert {each.result for each in await send(agent, 20, "x@half.test")} == {OK}
            await agent.close()
        assert (len(first.messages), first.connections, second.connections) == (20, 1, 0)

    run(scene())


def test_the_sources_of_an_action_are_left_alone_by_themselves() -> None:
    """A server that has no welcome for one address may have one for another, in the same attempt."""

    async def scene() -> None:
        log = Events()
        zone = {"remote.test MX": ["10 a.test"], "a.test A": ["127.0.0.1"]}
        greetings = [{"reply": "554 not from there\r\n"}, {"reply": "220 peer.example\r\n"}]
        async with Watched(GOOD | {"connect": greetings}) as peer:
            agent = agent_for(zone, peer.port, log, method="relay src { 127.0.0.5, 127.0.0.6 }")
            outcomes = [(await send(agent, 1, "x@remote.test"))[0] for _ in range(4)]
            await agent.close()
        assert {each.result for each in outcomes} == {OK}
        assert len({each.source for each in outcomes}) == 1

    run(scene())


# ---------------------------------------------------------------- alive again


def test_who_is_alive_again_is_told_of() -> None:
    """Once for each hundred messages that could not go there; not if nothing had failed."""

    async def scene() -> None:
        log = Events()
        alive: list[str] = []
        zone = {"remote.test MX": ["10 a.test"], "a.test A": ["127.0.0.1"]}
        async with Watched(GOOD | {"connect": [{"close": True}, {"reply": "220 peer.example\r\n"}]}) as peer:
            agent = agent_for(zone, peer.port, log)
            agent.when_alive(alive.append, 2)
            assert {each.result for each in await send(agent, 3, "x@Remote.test")} == {TEMPORARY}
            [stat] = agent.administration.statistics()
            assert (stat.domain, stat.unreached, alive) == ("remote.test", 3, [])
            await asyncio.sleep(15)
            for expected in (["remote.test"], ["remote.test"] * 2, ["remote.test"] * 2):
                assert [each.result for each in await send(agent, 1, "x@Remote.test")] == [OK]
                assert alive == expected
            [stat] = agent.administration.statistics()
            assert (stat.unreached, stat.text) == (0, "250 2.0.0 queued as X")
            await agent.close()

    run(scene())
