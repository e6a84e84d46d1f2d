"""Relaying to the hosts of an action, over sockets of loopback."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
from pathlib import Path
from typing import Any

import pytest

from smtpdsl.ir.resolved import RelayTls
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import InlineContent, Outcome, Result, SpooledContent
from smtpdsl.runtime.net.client import PhaseLimits
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.limits import RelayLimits
from smtpdsl.runtime.relay.talk import MAX_RECIPIENTS
from tests.conftest import RequirePeer
from tests.peers import wait_until_listening
from tests.ports import reserve_port
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script, Step
from tests.runtime.relay.relaying import CONTENT, SERVER_NAME, Names, actions_of, agent_of, attempt_of, relay
from tests.worlds import compile_text

OK, TEMPORARY, PERMANENT = Result.OK, Result.TEMPORARY, Result.PERMANENT
VECTORS = Path(__file__).parent.parent.parent / "vectors" / "smtp-bad-input.jsonl"


def host(peer: BadPeer, name: str = "127.0.0.1") -> str:
    """Write the URL of *peer*."""
    return f'"smtp+notls://{name}:{peer.port}"'


def to_host(peer: BadPeer, options: str = "", name: str = "127.0.0.1") -> str:
    """Write an action that relays to *peer*."""
    return f"action out relay host {host(peer, name)} {options}"


# ---------------------------------------------------------------- the way there


def test_a_message_goes_to_the_host_of_the_action() -> None:
    """The outcome has what the server said, and between which addresses the message went."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            [outcome] = await relay(agent_of(to_host(peer)), attempt_of())

            assert outcome == Outcome(OK, "250 2.0.0 queued as X", "2.0.0", "127.0.0.1", "127.0.0.1 (127.0.0.1)")
            assert peer.lines[:3] == [b"EHLO mx.test", b"MAIL FROM:<joe@example.net>", b"RCPT TO:<x@remote.test>"]
            assert peer.messages == [b"Subject: hi\r\n\r\n..dot\r\n"]

    asyncio.run(run())


def test_a_host_has_a_name_and_addresses() -> None:
    """They are tried in order; the name of the address that answered is told, once it is known."""

    async def run() -> None:
        names = Names({"smart.test": ["127.0.0.2", "127.0.0.1"]}, {"127.0.0.1": "sink.test"})
        async with BadPeer(GOOD) as peer:
            [outcome] = await relay(agent_of(to_host(peer, name="smart.test"), names), attempt_of())

        assert outcome == Outcome(OK, "250 2.0.0 queued as X", "2.0.0", "127.0.0.1", "127.0.0.1 (sink.test)")
        assert names.asked == ["smart.test", "127.0.0.1"]

    asyncio.run(run())


@pytest.mark.skipif(not socket.has_ipv6, reason="IPv6 is not here")
def test_ipv6_addresses_stand_in_brackets() -> None:
    """In URLs, messages and log lines alike."""

    async def run() -> None:
        try:
            peer = await BadPeer(GOOD | {"RCPT": {"reply": "450 no\r\n"}}, "::1").__aenter__()
        except OSError as error:
            pytest.skip(f"loopback has no IPv6: {error}")
        [outcome] = await relay(agent_of(to_host(peer, name="[::1]")), attempt_of())
        await peer.__aexit__(None, None, None)

        text = f"450 no (said [::1]:{peer.port} to RCPT)"
        assert outcome == Outcome(TEMPORARY, text, "4.0.0", "[::1]", "[::1] ([::1])")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        ("421 4.3.2 busy\r\n", "421 4.3.2 busy (said 127.0.0.1:{} as its greeting)"),
        ("554 5.7.1 go away\r\n", "554 5.7.1 go away (said 127.0.0.1:{} as its greeting)"),
        ("220 mx.test ESMTP\r\n", '127.0.0.1:{} calls itself "mx.test" as this server does: '),
        ("hello\r\n", "malformed answer of 127.0.0.1:{} as its greeting: "),
    ],
)
def test_the_next_host_is_tried_after_one_that_takes_no_mail(greeting: str, text: str) -> None:
    """If there is none, the message stays in the queue, and the text says what became of each."""

    async def run() -> None:
        async with BadPeer(GOOD | {"connect": {"reply": greeting}}) as first, BadPeer(GOOD) as second:
            both = (
                f'action out relay host {{ {host(first)}, "smtp+notls://127.0.0.1:{reserve_port()}", {host(second)} }}'
            )
            assert [each.result for each in await relay(agent_of(both), attempt_of("a@b.test", "c@d.test"))] == [OK, OK]
            assert len(second.messages) == 1

            port = reserve_port()
            neither = f'action out relay host {{ {host(first)}, "smtp+notls://127.0.0.1:{port}" }}'
            outcomes = await relay(agent_of(neither), attempt_of("a@b.test", "c@d.test"))
            assert {each.result for each in outcomes} == {TEMPORARY}
            for outcome in outcomes:
                assert outcome.text.startswith(text.format(first.port))
                assert outcome.text.endswith(f"; no connection to 127.0.0.1:{port}: Connection refused")

    asyncio.run(run())


def test_a_refusal_is_no_reason_to_ask_another_host() -> None:
    """What a server decided about a recipient, the next one would decide again; or worse, would not."""

    async def run() -> None:
        async with BadPeer(GOOD | {"RCPT": {"reply": "550 no\r\n"}}) as first, BadPeer(GOOD) as second:
            text = f"action out relay host {{ {host(first)}, {host(second)} }}"
            [outcome] = await relay(agent_of(text), attempt_of())

            assert outcome.result is PERMANENT
            assert second.connections == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gone.test", "no address of gone.test: Name or service not known"),
        ("empty.test", "no address of empty.test: there is none"),
        ("slow.test", "no address of slow.test: no answer within 0.01 seconds"),
    ],
)
def test_a_host_without_an_address_is_temporary(name: str, text: str) -> None:
    """Whoever mends the configuration or the DNS frees the mail."""

    async def run() -> None:
        names = Names({"empty.test": [], "slow.test": []})
        agent = agent_of(f"action out relay host smtp+notls://{name}", names, PhaseLimits(resolve=0.01))

        assert await relay(agent, attempt_of()) == [Outcome(TEMPORARY, text, "4.4.3")]

    asyncio.run(run())


def test_a_host_that_is_down_is_temporary() -> None:
    """The text names address, port and reason."""

    async def run() -> None:
        port = reserve_port()
        agent = agent_of(f"action out relay host smtp+notls://down.test:{port}", Names({"down.test": ["127.0.0.1"]}))

        text = f"no connection to down.test[127.0.0.1]:{port}: Connection refused"
        assert await relay(agent, attempt_of()) == [Outcome(TEMPORARY, text, "4.4.1")]

    asyncio.run(run())


# ---------------------------------------------------------------- the action


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("action other relay", 'no action named "out" in this configuration'),
        ("action out mbox", 'action "out" relays nothing in this configuration'),
        ('action out relay host smtp+notls://127.0.0.1:9 helo "a b"', 'the name "a b" cannot be said in EHLO'),
        (
            'action out relay host smtp+notls://127.0.0.1:9 helo "ä.test"',
            'the name "ä.test" cannot be said in EHLO',
        ),
    ],
)
def test_an_action_that_cannot_be_done_is_temporary(text: str, problem: str) -> None:
    """Nothing is sent otherwise than the configuration says, and whoever mends it frees the mail."""
    [outcome, other] = asyncio.run(relay(agent_of(text), attempt_of("a@b.test", "c@d.test")))

    assert (outcome, outcome.result, outcome.status) == (other, TEMPORARY, "4.3.5")
    assert outcome.text.startswith(problem)


def test_what_explain_says_of_a_next_hop_holds() -> None:
    """A hop that `explain` has a problem with is not connected to, whatever `check` has let through."""
    action = actions_of("action out relay host smtp+notls://127.0.0.1:9")["out"].replace(tls=RelayTls.REQUIRED)
    agent = RelayAgent({"out": action}, SERVER_NAME, resolver=Names())

    text = "`smtp+notls` never uses the TLS that `tls` demands"
    assert asyncio.run(relay(agent, attempt_of())) == [Outcome(TEMPORARY, text, "4.3.5")]


def test_the_action_is_looked_up_at_each_attempt() -> None:
    """What was mended holds for the next one."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            actions = actions_of("action out mbox")
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names())
            assert [each.result for each in await agent.deliver(attempt_of())] == [TEMPORARY]
            actions.update(actions_of(to_host(peer)))
            assert [each.result for each in await agent.deliver(attempt_of())] == [OK]
            del actions["out"]
            assert [each.result for each in await relay(agent, attempt_of())] == [TEMPORARY]

    asyncio.run(run())


def test_helo_says_the_name_that_the_action_has() -> None:
    """The name of the server is only the default."""

    async def run() -> None:
        async with BadPeer(GOOD | {"EHLO": {"reply": "500 what?\r\n"}}) as peer:
            await relay(agent_of(to_host(peer, "helo mail.example.org")), attempt_of())
            assert peer.lines[:2] == [b"EHLO mail.example.org", b"HELO mail.example.org"]

    asyncio.run(run())


# ---------------------------------------------------------------- the message


def test_what_the_sender_asked_for_goes_on() -> None:
    """To a server that sees to it, which the outcome tells; another one is not asked, and the outcome tells that."""

    async def run(ehlo: str) -> tuple[list[bytes], list[bool]]:
        async with BadPeer(GOOD | {"EHLO": {"reply": ehlo}}) as peer:
            attempt = attempt_of("a@remote.test", "b@remote.test")
            first, second = attempt.envelopes
            attempt = attempt._replace(
                message=attempt.message._replace(options=MailOptions(ret="HDRS", envid="Q 3")),
                envelopes=(first._replace(notify=frozenset({"NEVER"}), orcpt="rfc822;a+b@c"), second),
            )
            outcomes = await relay(agent_of(to_host(peer)), attempt)
            return peer.lines[1:4], [each.has_dsn for each in outcomes]

    asked = [
        b"MAIL FROM:<joe@example.net> RET=HDRS ENVID=Q+203",
        b"RCPT TO:<a@remote.test> NOTIFY=NEVER ORCPT=rfc822;a+2Bb@c",
        b"RCPT TO:<b@remote.test>",
    ]
    assert asyncio.run(run("250-a\r\n250 DSN\r\n")) == (asked, [True, True])
    plain = [line.partition(b"> ")[0].removesuffix(b">") + b">" for line in asked]
    assert asyncio.run(run("250 a\r\n")) == (plain, [False, False])


def test_each_recipient_has_its_own_outcome() -> None:
    """In the order of the envelopes, and the message is sent once."""

    async def run() -> None:
        replies = [{"reply": f"{reply}\r\n"} for reply in ("250 ok", "550 5.1.1 no", "450 4.2.1 full", "251 ok")]
        async with BadPeer(GOOD | {"RCPT": replies}) as peer:
            outcomes = await relay(agent_of(to_host(peer)), attempt_of(*(f"{name}@remote.test" for name in "abcd")))

            assert [each.result for each in outcomes] == [OK, PERMANENT, TEMPORARY, OK]
            assert [each.status for each in outcomes] == ["2.0.0", "5.1.1", "4.2.1", "2.0.0"]
            assert outcomes[1].text == f"550 5.1.1 no (said 127.0.0.1:{peer.port} to RCPT)"
            assert len(peer.messages) == 1

    asyncio.run(run())


def test_more_recipients_than_a_server_must_take_get_another_transaction() -> None:
    """RFC 5321 §4.5.3.1.8; they share the connection."""

    async def run() -> None:
        async with BadPeer(GOOD | {"EHLO": {"reply": "250-a\r\n250 PIPELINING\r\n"}}) as peer:
            recipients = [f"{number}@remote.test" for number in range(MAX_RECIPIENTS + 1)]
            outcomes = await relay(agent_of(to_host(peer)), attempt_of(*recipients))

            assert {each.result for each in outcomes} == {OK}
            assert (len(outcomes), peer.connections, len(peer.messages)) == (MAX_RECIPIENTS + 1, 1, 2)
            assert peer.verbs[2 : 2 + MAX_RECIPIENTS] == ["RCPT"] * MAX_RECIPIENTS
            assert peer.verbs[2 + MAX_RECIPIENTS :][:4] == ["DATA", "MAIL", "RCPT", "DATA"]

    asyncio.run(run())


@pytest.mark.parametrize("is_spooled", [False, True])
def test_size_and_body_are_what_the_message_is(tmp_path: Path, *, is_spooled: bool) -> None:
    """SIZE counts the line ends as they are sent, and BODY is said for 8-bit content only."""
    octets = "Subject: ä\n\n.x\n".encode()
    (tmp_path / "message").write_bytes(octets)
    spool = SpooledContent(str(tmp_path / "message"), len(octets))

    async def run() -> None:
        async with BadPeer(GOOD | {"EHLO": {"reply": "250-a\r\n250-8BITMIME\r\n250 SIZE 99\r\n"}}) as peer:
            content = spool if is_spooled else InlineContent(octets)
            await relay(agent_of(to_host(peer)), attempt_of(content=content))
            await relay(agent_of(to_host(peer)), attempt_of())

            mails = [line for line in peer.lines if line.startswith(b"MAIL")]
            assert mails == [
                f"MAIL FROM:<joe@example.net> SIZE={len(octets) + 3} BODY=8BITMIME".encode(),
                f"MAIL FROM:<joe@example.net> SIZE={CONTENT.size + 3}".encode(),
            ]

    asyncio.run(run())


def test_8_bit_content_is_sent_to_a_server_that_does_not_offer_to_take_it() -> None:
    """RFC 6152 §3 wants it converted or returned; it arrives as it is instead."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            [outcome] = await relay(agent_of(to_host(peer)), attempt_of(content=InlineContent(b"\xe4\n")))

            assert (outcome.result, peer.messages) == (OK, [b"\xe4\r\n"])

    asyncio.run(run())


def test_a_message_of_the_spool_that_is_gone_is_temporary(tmp_path: Path) -> None:
    """Nobody is connected to for nothing."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            attempt = attempt_of(content=SpooledContent(str(tmp_path / "gone"), 9))

            text = "the message cannot be read from the queue: No such file or directory"
            assert await relay(agent_of(to_host(peer)), attempt) == [Outcome(TEMPORARY, text, "4.3.0")]
            assert peer.connections == 0

    asyncio.run(run())


# ---------------------------------------------------------------- the end


def test_an_outcome_does_not_wait_for_the_answer_to_quit() -> None:
    """And whoever closes the agent does not wait for it either."""

    async def run() -> None:
        async with BadPeer(GOOD | {"QUIT": {"delay": 700}}) as peer:
            settings = compile_text("mta limit session-keepalive 0").ruleset.settings
            limits, relay_limits = PhaseLimits(quit=1e6), RelayLimits(settings)
            agent = RelayAgent(actions_of(to_host(peer)), SERVER_NAME, limits=limits, relay_limits=relay_limits)
            outcomes = await agent.deliver(attempt_of())
            assert [each.result for each in outcomes] == [OK]
            await peer.hear("QUIT")
            await agent.close()

    asyncio.run(run())


@pytest.mark.parametrize("verb", ["connect", "EHLO", "MAIL", "DATA", "."])
def test_an_attempt_that_is_cancelled_ends_its_connection(verb: str) -> None:
    """In each phase, and the server is left with no message that was not complete."""

    async def run() -> None:
        async with BadPeer(GOOD | {verb: {"delay": 700}}) as peer:
            agent = agent_of(to_host(peer))
            delivery = asyncio.ensure_future(agent.deliver(attempt_of()))
            await peer.hear("DATA" if verb == "." else verb)
            delivery.cancel()
            with pytest.raises(asyncio.CancelledError):
                await delivery
            await agent.close()
            assert "QUIT" not in peer.verbs

    asyncio.run(run())


# ---------------------------------------------------------------- vectors

_STATES = {OK: "delivered", TEMPORARY: "temp", PERMANENT: "perm"}


def client_vectors() -> list[dict[str, Any]]:
    """Read the vectors of a hostile server."""
    vectors = map(json.loads, VECTORS.read_text(encoding="utf-8").splitlines())
    return [vector for vector in vectors if vector["area"] == "client"]


def script_of(vector: dict[str, Any]) -> Script:
    """Return the steps of *vector*; what it has none for is answered by nobody."""
    silence: Script = {verb: {"delay": 700} for verb in (*GOOD, "LHLO")}
    steps: dict[str, list[Step]] = {}
    for step in vector["send"]:
        steps.setdefault(step["on"], []).append(step)
    return {**silence, **steps}


def action_of(vector: dict[str, Any], port: int) -> str:
    """Return the action that *vector* wants."""
    where = f"127.0.0.1:{port}"
    match vector.get("setup", {}):
        case {"relay": "tls required"}:
            return f"action out relay host smtp+tls://{where}"
        case {"relay": "auth and tls"}:
            return f'action out relay host smtp+tls://label@{where} auth {{ label = "user:password" }}'
        case {"action": "lmtp"}:
            return f"action out relay host lmtp://{where}"
        case setup:
            assert not setup, setup
            scheme = "smtp" if "STARTTLS" in str(vector["send"]) else "smtp+notls"
            return f"action out relay host {scheme}://{where}"


@pytest.mark.parametrize("vector", client_vectors(), ids=lambda vector: str(vector["id"]))
def test_vectors(vector: dict[str, Any]) -> None:
    """Each hostile server leaves the message in the state that its vector gives; times are scaled down."""
    recipients = [f"x{number}@remote.test" for number in range(vector.get("setup", {}).get("recipients", 1))]

    async def run() -> None:
        async with BadPeer(script_of(vector)) as peer:
            limits = PhaseLimits(greeting=0.2, mail=0.2, rcpt=0.2, data=0.2, block=0.2, end=0.2, quit=0.01)
            outcomes = await relay(agent_of(action_of(vector, peer.port), limits=limits), attempt_of(*recipients))

            states = {_STATES[each.result] for each in outcomes}
            assert (states.pop() if len(states) == 1 else "mixed") in vector["state"].split("|"), outcomes
            assert all(each.text.isascii() and each.text.isprintable() for each in outcomes)
            assert not any(
                never.startswith(f"{verb} on an") for never in vector.get("never", []) for verb in peer.verbs
            )
            if "body bytes at the server" in vector.get("never", []):
                assert peer.messages == []
                assert b"Subject: hi" not in peer.lines

    asyncio.run(run())


# ---------------------------------------------------------------- a real server


@pytest.mark.parametrize("option", [(), ("-p",), ("-e",), ("-8",)], ids=lambda option: " ".join(option) or "all")
def test_smtp_sink_gets_the_message(require_peer: RequirePeer, tmp_path: Path, option: tuple[str, ...]) -> None:
    """Postfix's test server takes it with all its extensions, without PIPELINING, EHLO or 8BITMIME."""
    port = reserve_port()
    dump = tmp_path / "mail"
    as_whom = ("-u", pwd.getpwuid(os.geteuid()).pw_name)
    arguments = [*option, *as_whom, "-h", "sink.test", "-D", str(dump), f"127.0.0.1:{port}", "10"]
    sink = require_peer("smtp-sink").start(*arguments)
    octets = b"Subject: hi\n\n" + b".\n" + b"x" * 70 + b"\n\xe4\n" * 50_000
    (tmp_path / "message").write_bytes(octets)
    content = SpooledContent(str(tmp_path / "message"), len(octets))
    try:
        wait_until_listening(("127.0.0.1", port), sink)
        agent = agent_of(f"action out relay host smtp+notls://127.0.0.1:{port}")
        outcomes = asyncio.run(relay(agent, attempt_of("a@remote.test", "b@remote.test", content=content)))
    finally:
        sink.terminate()
        sink.wait()

    assert [each.result for each in outcomes] == [OK, OK], outcomes
    written = dump.read_bytes()
    assert written.endswith(octets + b"\n")
    assert b"X-Rcpt-Args: <a@remote.test>\nX-Rcpt-Args: <b@remote.test>\n" in written
