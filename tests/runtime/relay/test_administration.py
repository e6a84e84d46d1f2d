"""What an administrator sees of the relay, and can do; over sockets of loopback, on a clock of ours."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.runtime.control.commands import Arguments, ControlError
from smtpdsl.runtime.control.relay_commands import relay_commands
from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.blocks import Block
from tests.runtime.net.bad_peer import GOOD
from tests.runtime.relay.relaying import Events
from tests.runtime.relay.test_exchangers import Zone
from tests.runtime.relay.test_journey import agent_for, send
from tests.runtime.relay.test_politeness import Watched
from tests.warp_loop import run

OK, TEMPORARY = Result.OK, Result.TEMPORARY
ZONE: Zone = {"remote.test MX": ["10 a.test"], "a.test A": ["127.0.0.1"]}


def test_routes_are_shown_and_resumed() -> None:
    """One that is left alone is tried again at once."""

    async def scene() -> None:
        greetings = [{"reply": "421 busy\r\n"}, {"reply": "220 peer.example\r\n"}]
        async with Watched(GOOD | {"connect": greetings}) as peer:
            agent = agent_for(ZONE, peer.port, Events())
            relay = agent.administration
            assert relay.routes() == []
            await send(agent, 1, "x@remote.test")
            [route] = relay.routes()
            assert (route.number, route.source, route.address, route.port) == (1, "", "127.0.0.1", peer.port)
            assert (route.is_new, route.failures, route.seconds) == (True, 1, 15)
            assert relay.resume_route(7) == 0
            with pytest.raises(ControlError, match='there is no argument "from"'):
                await anext(relay_commands(relay)["resume route"](Arguments({"number": "1", "from": "192.0.2.1"})))
            assert relay.resume_route(1) == 1
            assert relay.resume_route() == 0
            assert [each.result for each in await send(agent, 1, "x@remote.test")] == [OK]
            [route] = relay.routes()
            assert (route.is_new, route.connections, route.idle, route.failures, route.seconds) == (False, 1, 1, 0, 0)
            await agent.close()

    run(scene())


def test_servers_and_next_hops_are_shown() -> None:
    """With what is going on there, and what waits."""

    async def scene() -> None:
        async with Watched() as peer:
            agent = agent_for(ZONE, peer.port, Events(), "mta limit max-conn-per-route 2")
            tasks = [asyncio.ensure_future(send(agent, 1, "x@Remote.test")) for _ in range(10)]
            await peer.hear("DATA")
            [relay] = agent.administration.relays()
            assert (relay.name, relay.messages, relay.waiting, relay.connections) == ("out remote.test", 10, 8, 2)
            assert (relay.window, relay.seconds, relay.sources) == (5, 0, (("", 2),))
            await asyncio.gather(*tasks)
            await asyncio.sleep(7)
            [host] = agent.administration.hosts()
            assert (host.address, host.port, host.connections, host.seconds) == ("127.0.0.1", peer.port, 2, 7)
            await agent.close()

    run(scene())


async def one(agent: RelayAgent, recipient: str) -> Outcome:
    """Relay a message."""
    [outcome] = await send(agent, 1, recipient)
    return outcome


def test_mail_for_a_domain_can_be_paused() -> None:
    """Other mail goes; when somebody resumes, what has waited is tried."""

    async def scene() -> None:
        zone = {**ZONE, "other.test MX": ["10 a.test"]}
        tried: list[str] = []
        async with Watched() as peer:
            agent = agent_for(zone, peer.port, Events())
            agent.when_alive(tried.append, 100)
            relay = agent.administration
            assert (relay.pause("", "Remote.test"), relay.pause("", "remote.test")) == (True, False)
            assert relay.paused() == (Block("", "remote.test"),)
            waiting = await one(agent, "x@remote.test")
            assert (waiting.result, waiting.status) == (TEMPORARY, "4.4.0")
            assert waiting.text == "the administrator has paused mail for remote.test"
            assert (await one(agent, "x@other.test")).result is OK
            assert (relay.resume("", "REMOTE.test"), relay.resume("", "remote.test")) == (True, False)
            assert tried == ["remote.test"]
            assert (await one(agent, "x@remote.test")).result is OK
            await agent.close()

    run(scene())


def test_mail_from_an_address_can_be_paused() -> None:
    """Another address of the action is used; if all are paused, the mail waits."""

    async def scene() -> None:
        async with Watched() as peer:
            agent = agent_for(ZONE, peer.port, Events(), method="relay src { 127.0.0.5, 127.0.0.6 }")
            relay = agent.administration
            relay.pause("127.0.0.5", "")
            assert {(await one(agent, "x@remote.test")).source for _ in range(4)} == {"127.0.0.6"}
            relay.pause("127.0.0.6", "remote.test")
            waiting = await one(agent, "x@remote.test")
            assert waiting.result is TEMPORARY
            assert waiting.text == (
                "the administrator has paused mail for remote.test from 127.0.0.5; "
                "the administrator has paused mail for remote.test from 127.0.0.6"
            )
            await agent.close()

    run(scene())


def test_the_control_socket_has_it_all() -> None:
    """As plain values; a mistake is one sentence."""

    async def scene() -> None:
        async with Watched() as peer:
            agent = agent_for(ZONE, peer.port, Events())
            await one(agent, "x@remote.test")
            commands = relay_commands(agent.administration)
            shown = {name: [dict(item) async for item in commands[name](Arguments({}))] for name in commands}
            assert [item["address"] for item in shown["show routes"]] == ["127.0.0.1"]
            assert [item["port"] for item in shown["show hosts"]] == [peer.port]
            assert [item["name"] for item in shown["show relays"]] == ["out remote.test"]
            assert [item["domain"] for item in shown["show hoststats"]] == ["remote.test"]
            assert (shown["show mta paused"], shown["resume route"]) == ([], [{"routes": 0}])
            for number, text in (("9", "no route 9 is left alone"), ("x", "expected the number of a route")):
                with pytest.raises(ControlError, match=text):
                    _ = [item async for item in commands["resume route"](Arguments({"number": number}))]
            await agent.close()

    run(scene())
