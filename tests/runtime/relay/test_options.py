"""What an action may say of its relay: other hosts by domain, addresses to connect from, names, senders."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.limits import RelayLimits
from tests.runtime.net.bad_peer import GOOD, BadPeer
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, actions_of, agent_of, attempt_of, relay
from tests.runtime.relay.test_exchangers import Clock, FakeDns, Zone
from tests.worlds import compile_text

OK, TEMPORARY, PERMANENT = Result.OK, Result.TEMPORARY, Result.PERMANENT


def send(
    method: str, *, sender: str = "<joe@example.net>", times: int = 1, address: str = "127.0.0.1"
) -> tuple[list[Outcome], BadPeer]:
    """Relay a message by *method*, in which URL is that of a good server, some *times*."""

    async def run() -> tuple[list[Outcome], BadPeer]:
        async with BadPeer(GOOD, address) as peer:
            url = f'"smtp+notls://{address}:{peer.port}"'
            agent = agent_of(f"action out relay {method}".replace("URL", url))
            try:
                outcomes = [(await agent.deliver(attempt_of(sender=sender)))[0] for _ in range(times)]
            finally:
                await agent.close()
            return outcomes, peer

    return asyncio.run(run())


# ---------------------------------------------------------------- where to


def test_a_table_has_the_host_of_a_domain() -> None:
    """Whatever its case."""
    [outcome], peer = send("domain { other.test = smtp://192.0.2.1, Remote.Test = URL }")

    assert outcome.result is OK
    assert len(peer.messages) == 1


def test_a_domain_that_the_table_does_not_have_waits() -> None:
    """Whoever completes the table frees the mail."""
    [outcome], peer = send("domain { other.test = URL }")

    assert (outcome.result, outcome.status, peer.connections) == (TEMPORARY, "4.3.5", 0)
    assert outcome.text.startswith("remote.test is not in ")


def test_several_hosts_take_turns() -> None:
    """And each takes the place of one that does not answer."""

    async def run() -> None:
        async with BadPeer(GOOD) as one, BadPeer(GOOD) as two:
            urls = [f'"smtp+notls://127.0.0.1:{peer.port}"' for peer in (one, two)]
            agent = agent_of(f"action out relay host {{ {', '.join(urls)} }}")
            for _ in range(4):
                await agent.deliver(attempt_of())
            await agent.close()
            assert (len(one.messages), len(two.messages)) == (2, 2)

    asyncio.run(run())


def mx(zone: Zone, method: str = "relay") -> tuple[Outcome, list[str]]:
    """Relay a message by the exchangers of *zone*; no address is too near."""

    async def run() -> tuple[Outcome, list[str]]:
        log = Events()
        own = Own.of([SERVER_NAME], [])
        exchangers = Exchangers(FakeDns(zone), own, Clock(), is_usable=lambda _: True)
        [outcome] = await relay(agent_of(f"action out {method}", log=log, exchangers=exchangers), attempt_of())
        return outcome, log.lines

    return asyncio.run(run())


def test_without_a_host_the_exchangers_of_the_domain_are_tried() -> None:
    """Each of them, the best first; nobody listens there, and the text says so of each."""
    zone = {
        "remote.test MX": ["20 b.test", "10 a.test"],
        "a.test A": ["127.3.0.1", "127.3.0.2"],
        "b.test A": ["127.3.0.3"],
    }
    outcome, log = mx(zone)

    assert (outcome.result, outcome.status) == (TEMPORARY, "4.4.1")
    assert outcome.text == "; ".join(
        f"no connection to {host}:25: Connection refused"
        for host in ("a.test[127.3.0.1]", "a.test[127.3.0.2]", "b.test[127.3.0.3]")
    )
    assert log[:2] == [
        "mta connecting address=smtp://127.3.0.1:25 host=a.test",
        "mta error reason=Connection failed: Connection refused",
    ]


@pytest.mark.parametrize(
    ("zone", "result", "status"),
    [
        ({}, PERMANENT, "5.1.2"),
        ({"remote.test MX": ["0 ."]}, PERMANENT, "5.1.10"),
        ({"remote.test MX": None}, TEMPORARY, "4.4.3"),
        ({"remote.test MX": [f"5 {SERVER_NAME}"]}, PERMANENT, "5.4.6"),
    ],
)
def test_what_the_zone_says_decides(zone: Zone, result: Result, status: str) -> None:
    """Nothing is connected to."""
    outcome, log = mx(zone)

    assert (outcome.result, outcome.status, log) == (result, status, [])


def test_a_backup_uses_better_exchangers_only() -> None:
    """Than the one that it names."""
    zone = {
        "remote.test MX": ["10 a.test", "20 b.test", "30 c.test"],
        **{f"{name}.test A": [f"127.3.0.{number}"] for number, name in enumerate("abc", 1)},
    }
    _, log = mx(zone, "relay backup mx B.test")

    assert [line for line in log if "connecting" in line] == ["mta connecting address=smtp://127.3.0.1:25 host=a.test"]


# ---------------------------------------------------------------- as whom


def test_the_addresses_of_src_take_turns() -> None:
    """The outcome tells which it was."""
    outcomes, _ = send("host URL src { 127.0.0.5, 127.0.0.6 }", times=4)

    assert {each.result for each in outcomes} == {OK}
    assert sorted(each.source for each in outcomes) == ["127.0.0.5"] * 2 + ["127.0.0.6"] * 2


def test_an_address_has_a_name() -> None:
    """That of `helo-src`; without `src` it is not asked."""
    _, peer = send("host URL src 127.0.0.5 helo-src { 127.0.0.5 = five.test, 127.0.0.6 = six.test } helo out.test")
    assert peer.lines[0] == b"EHLO five.test"

    _, peer = send("host URL helo-src { 127.0.0.1 = one.test } helo out.test")
    assert peer.lines[0] == b"EHLO out.test"


def test_an_address_without_a_name_is_not_used() -> None:
    """Nothing is said under another one."""
    [outcome], peer = send("host URL src 127.0.0.5 helo-src { 127.0.0.6 = six.test } helo out.test")

    assert (outcome.result, outcome.status) == (TEMPORARY, "4.3.5")
    assert outcome.text.endswith(" has no name for the address 127.0.0.5")
    assert peer.lines == []


def test_no_host_is_connected_to_from_an_address_of_the_other_family() -> None:
    """It cannot be."""
    [outcome], peer = send('host URL src "2001:db8::1"')

    assert (outcome.result, outcome.status, peer.connections) == (TEMPORARY, "4.4.4", 0)
    assert outcome.text == "no address of 127.0.0.1 is of a family that is connected with"


@pytest.mark.parametrize(
    ("limits", "result"),
    [
        ("mta limit inet4", OK),
        ("mta limit inet6", TEMPORARY),
        ("mta limit for domain Remote.test inet6", TEMPORARY),
        ("mta limit for domain other.test inet6", OK),
        ("mta limit inet6\nmta limit for domain remote.test inet4", OK),
    ],
)
def test_a_domain_may_be_reached_over_one_family_alone(limits: str, result: Result) -> None:
    """As `mta limit` says, for everybody or for the domain."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            ruleset = compile_text(f"{limits}\naction out relay host smtp+notls://127.0.0.1:{peer.port}\n").ruleset
            relay_limits = RelayLimits(ruleset.settings)
            agent = RelayAgent(ruleset.actions, SERVER_NAME, resolver=Names(), relay_limits=relay_limits)
            [outcome] = await relay(agent, attempt_of())
            assert outcome.result is result
            assert peer.connections == (result is OK)

    asyncio.run(run())


def test_an_address_that_this_machine_does_not_have_is_told() -> None:
    """In the words of the system."""
    [outcome], _ = send("host URL src 192.0.2.1")

    assert outcome.result is TEMPORARY
    assert outcome.text.endswith(": Cannot assign requested address")


@pytest.mark.parametrize(
    ("mail_from", "sender", "said"),
    [
        ("ann@a.test", "<joe@example.net>", b"MAIL FROM:<ann@a.test>"),
        ("@a.test", "<joe@example.net>", b"MAIL FROM:<joe@a.test>"),
        ("ann", "<joe@example.net>", b"MAIL FROM:<ann@example.net>"),
        ("ann@a.test", "<>", b"MAIL FROM:<>"),
    ],
)
def test_the_sender_may_be_another(mail_from: str, sender: str, said: bytes) -> None:
    """Or one of its parts; a report stays one."""
    _, peer = send(f'host URL mail-from "{mail_from}"', sender=sender)

    assert peer.lines[1] == said


def test_hosts_are_reached_by_their_other_addresses() -> None:
    """A host that does not let us in at one may do so at the next."""

    async def run() -> None:
        busy = GOOD | {"connect": {"reply": "421 busy\r\n"}}
        async with BadPeer(busy, "127.0.0.7") as first:
            names = Names({"mx.example": ["127.0.0.7", "127.0.0.8"]})
            agent = agent_of(f"action out relay host smtp+notls://mx.example:{first.port}", names)
            [outcome] = await relay(agent, attempt_of())

        assert outcome.text == (
            f"421 busy (said mx.example[127.0.0.7]:{first.port} as its greeting); "
            f"no connection to mx.example[127.0.0.8]:{first.port}: Connection refused"
        )

    asyncio.run(run())


def test_a_server_without_a_welcome_is_left_alone_for_a_while() -> None:
    """The next message does not wait for it; when the time is over it is tried again."""

    async def run() -> None:
        clock = Clock()
        busy = GOOD | {"connect": [{"reply": "421 busy\r\n"}, {"reply": "220 peer.example\r\n"}]}
        async with BadPeer(busy) as peer:
            actions = actions_of(f"action out relay host smtp+notls://127.0.0.1:{peer.port}")
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names(), clock=clock)
            [first] = await agent.deliver(attempt_of())
            [second] = await agent.deliver(attempt_of())
            assert peer.connections == 1
            assert (second.result, second.text) == (TEMPORARY, f"{first.text} (some seconds ago)")
            clock.time += 15
            [third] = await agent.deliver(attempt_of())
            await agent.close()
            assert third.result is OK

    asyncio.run(run())


def test_what_one_action_lacks_is_no_fault_for_another() -> None:
    """A server that cannot be secured as one demands it is welcome to the other."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            url = f"127.0.0.1:{peer.port}"
            agent = agent_of(f"action safe relay host smtp+tls://{url}\naction out relay host smtp://{url}\n")
            outcomes = [(await agent.deliver(attempt_of(action=each)))[0] for each in ("safe", "out", "safe")]
            await agent.close()
            assert [each.result for each in outcomes] == [TEMPORARY, OK, TEMPORARY]
            assert peer.connections == 2

    asyncio.run(run())


def test_a_dead_host_delays_nothing_behind_it() -> None:
    """It is connected to once, and the other one takes everything."""

    async def run() -> None:
        log = Events()
        async with BadPeer(GOOD) as peer:
            names = Names({"dead.test": ["127.0.0.9"], "alive.test": ["127.0.0.1"]})
            urls = ", ".join(f"smtp+notls://{name}.test:{peer.port}" for name in ("dead", "alive"))
            agent = agent_of(f"action out relay host {{ {urls} }}", names, log=log)
            outcomes = [(await agent.deliver(attempt_of()))[0] for _message in range(20)]
            await agent.close()
        assert {each.result for each in outcomes} == {OK}
        assert len([line for line in log.lines if "connecting" in line and "host=dead.test" in line]) == 1

    asyncio.run(run())
