"""Sessions that wait for another message, and are used again; over sockets of loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.limits import Politeness, RelayLimits
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script, Step
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, actions_of, attempt_of
from tests.tls_peers import TlsFolder
from tests.worlds import compile_text

CHUNKING: Script = {"EHLO": {"reply": "250-peer.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}}
OK, TEMPORARY = Result.OK, Result.TEMPORARY
Scene = Callable[[RelayAgent, BadPeer, list[str]], Awaitable[None]]


def play(script: Script, scene: Scene, *, limits: str = "session-keepalive 1000000") -> None:
    """Let *scene* use an agent whose host follows *script*."""

    async def run() -> None:
        log = Events()
        async with BadPeer(script) as peer:
            text = f"mta limit {limits}\naction out relay host smtp+notls://127.0.0.1:{peer.port}\n"
            ruleset = compile_text(text).ruleset
            relay_limits = RelayLimits(ruleset.settings)
            agent = RelayAgent(ruleset.actions, SERVER_NAME, resolver=Names(), relay_limits=relay_limits, log=log)
            try:
                await scene(agent, peer, log.lines)
            finally:
                await agent.close()

    asyncio.run(run())


async def send(agent: RelayAgent) -> Outcome:
    """Relay a message."""
    [outcome] = await agent.deliver(attempt_of())
    return outcome


def test_messages_follow_each_other() -> None:
    """The greeting is said once; the end tells how many there were."""

    async def scene(agent: RelayAgent, peer: BadPeer, log: list[str]) -> None:
        assert [(await send(agent)).result for _ in range(3)] == [OK] * 3
        assert peer.verbs == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]
        await agent.close()
        assert log[-1] == "mta disconnected reason=quit messages=3"

    play(GOOD, scene)


def test_messages_at_the_same_time_have_sessions_of_their_own() -> None:
    """Two of them; of more, every second one.  Each session waits afterwards."""

    async def scene(agent: RelayAgent, peer: BadPeer, _: list[str]) -> None:
        for count, connections in ((2, 2), (2, 2), (3, 2), (6, 3)):
            await asyncio.gather(*(send(agent) for _message in range(count)))
            assert peer.connections == connections
        assert len(peer.messages) == 13

    play(GOOD, scene)


def test_a_session_does_not_wait_for_ever() -> None:
    """It says good-bye, and without `session-keepalive` at once."""

    async def scene(agent: RelayAgent, peer: BadPeer, log: list[str]) -> None:
        await send(agent)
        await peer.hear("QUIT")
        assert log[-1] == "mta disconnected reason=quit messages=1"
        assert (await send(agent)).result is OK
        assert peer.connections == 2

    play(GOOD, scene, limits="session-keepalive 0")


class Impatient(RelayLimits):
    """Limits that no configuration can have: they count in seconds."""

    def of(self, domain: str) -> Politeness:
        """Wait hardly at all."""
        del domain
        return Politeness(waiting=0.01)


def test_nobody_has_to_come_for_it_to_end() -> None:
    """Time is enough."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            actions = actions_of(f"action out relay host smtp+notls://127.0.0.1:{peer.port}")
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names(), relay_limits=Impatient())
            await send(agent)
            await peer.hear("QUIT")
            await agent.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "changes",
    [
        {".": [{"reply": "250 ok\r\n", "close": True}, {"reply": "250 ok\r\n"}]},
        {".": [{"reply": "250 ok\r\n421 enough\r\n"}, {"reply": "250 ok\r\n"}]},
        {"MAIL": [{"reply": "250 ok\r\n"}, {"reply": "421 enough\r\n"}, {"reply": "250 ok\r\n"}]},
        {"MAIL": [{"reply": "250 ok\r\n"}, {"close": True}, {"reply": "250 ok\r\n"}]},
        {"DATA": [{"reply": "354 go\r\n"}, {"close": True}, {"reply": "354 go\r\n"}]},
        {**CHUNKING, "LAST": [{"reply": "250 ok\r\n", "close": True}, {"reply": "250 ok\r\n"}]},
        {
            **CHUNKING,
            "MAIL": [{"reply": "250 ok\r\n"}, {"reply": "421 no\r\n", "close": True}, {"reply": "250 ok\r\n"}],
        },
        {**CHUNKING, "MAIL": [{"reply": "250 ok\r\n"}, {"close": True}, {"reply": "250 ok\r\n"}]},
    ],
    ids=["closed", "said so", "421", "lost", "lost late", "chunks, closed", "chunks, 421", "chunks, lost"],
)
def test_a_server_may_end_a_session_that_waits(changes: Script) -> None:
    """What it had nothing of is sent in another one, at once; so is what was sent ahead, and not answered at all."""

    async def scene(agent: RelayAgent, peer: BadPeer, _: list[str]) -> None:
        assert [(await send(agent)).result for _ in range(2)] == [OK, OK]
        assert (peer.connections, len(peer.messages)) == (2, 2)

    play({**GOOD, **changes}, scene)


def test_a_server_that_does_not_know_what_it_offers_is_remembered() -> None:
    """The message waits for the next attempt, and goes another way then."""

    async def scene(agent: RelayAgent, peer: BadPeer, _: list[str]) -> None:
        assert [(await send(agent)).result for _ in range(2)] == [TEMPORARY, OK]
        assert (peer.connections, peer.verbs.count("BDAT"), peer.verbs.count("DATA")) == (2, 1, 1)

    play({**GOOD, **CHUNKING, "LAST": {"reply": "500 what?\r\n"}}, scene)


def test_a_message_that_may_have_arrived_is_not_sent_again_at_once() -> None:
    """The queue decides when; and a session in which something failed is not used again."""
    ends: list[Step] = [{"reply": "250 ok\r\n"}, {"close": True}, {"reply": "250 ok\r\n"}]

    async def scene(agent: RelayAgent, peer: BadPeer, _: list[str]) -> None:
        assert [(await send(agent)).result for _ in range(3)] == [OK, TEMPORARY, OK]
        assert peer.connections == 2

    play({**GOOD, ".": ends}, scene)


def test_a_refused_message_ends_a_session_that_has_sent_none() -> None:
    """There is nothing to wait for."""

    async def scene(agent: RelayAgent, peer: BadPeer, _: list[str]) -> None:
        await send(agent)
        await peer.hear("QUIT")

    play(GOOD | {"RCPT": {"reply": "550 no\r\n"}}, scene)


def test_a_session_has_an_end() -> None:
    """Servers count, and do not like to be kept busy by one client."""

    async def scene(agent: RelayAgent, peer: BadPeer, _: list[str]) -> None:
        for _message in range(5):
            await send(agent)
        assert (peer.connections, len(peer.messages)) == (3, 5)

    play(GOOD, scene, limits="session-mail-max 2")


def test_another_action_has_another_session() -> None:
    """It may demand what this one did not; also after a change."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            text = f"action out relay host smtp+notls://127.0.0.1:{peer.port} helo NAME.test"
            actions = actions_of(text.replace("NAME", "one"))
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names())
            await send(agent)
            actions.update(actions_of(text.replace("NAME", "two")))
            await send(agent)
            await agent.close()
            assert [line for line in peer.lines if line.startswith(b"EHLO")] == [b"EHLO one.test", b"EHLO two.test"]

    asyncio.run(run())


def test_tls_and_the_login_are_kept(tmp_path: Path) -> None:
    """They cost the most."""
    TlsFolder(tmp_path).pair("mx", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "mx.crt", tmp_path / "mx.key")
    script = {**GOOD, "EHLO": {"reply": "250-peer\r\n250 AUTH PLAIN\r\n"}, "AUTH": {"reply": "235 ok\r\n"}}

    async def run() -> None:
        async with BadPeer(script, "127.0.0.1", context, is_immediate=True) as peer:
            url = f'"smtps://who@127.0.0.1:{peer.port}"'
            actions = actions_of(f'action out relay host {url} auth {{ who = "ann:secret" }} tls no-verify')
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names())
            assert [(await send(agent)).result for _ in range(3)] == [OK] * 3
            await agent.close()
            assert (peer.verbs.count("AUTH"), len(peer.secured)) == (1, 1)

    asyncio.run(run())
