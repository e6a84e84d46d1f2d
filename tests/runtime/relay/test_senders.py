"""What leaves is not only what came: senders that are rewritten, and signatures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from smtpdsl.ir.srs_settings import srs_of
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.srs import Srs
from smtpdsl.runtime.dkim.signer import Signer
from smtpdsl.runtime.interfaces import Attempt, Content, InlineContent, Result, SpooledContent
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.limits import RelayLimits
from smtpdsl.runtime.relay.senders import Senders
from tests.runtime.dkim.test_signer import Place
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, attempt_of
from tests.worlds import compile_text

NOW = 1_790_000_000.0
SRS = Srs(key="secret", days=4)


def agent_of(peer: BadPeer, options: str = "srs", signer: Signer | None = None) -> RelayAgent:
    """Return an agent that knows the key of SRS."""
    action = f"action out relay host smtp+notls://127.0.0.1:{peer.port} {options}\n"
    ruleset = compile_text(f"srs key secret\nmta limit session-keepalive 1000000\n{action}").ruleset
    return RelayAgent(
        ruleset.actions,
        SERVER_NAME,
        resolver=Names(),
        relay_limits=RelayLimits(ruleset.settings),
        senders=Senders(srs_of(ruleset.settings), lambda: NOW),
        signer=signer,
        log=Events(),
    )


def forwarded(*named: str, sender: str = "<ann@away.example>", content: Content | None = None) -> Attempt:
    """Return a message that goes to one address for each of *named*, which clients have named instead."""
    attempt = attempt_of(*(f"x{number}@remote.test" for number in range(len(named))), sender=sender)
    if content is not None:
        attempt = attempt._replace(message=attempt.message._replace(content=content))
    pairs = zip(attempt.envelopes, named, strict=True)
    return attempt._replace(envelopes=tuple(each._replace(recipient=Mailbox.parse(name)) for each, name in pairs))


def said(peer: BadPeer) -> list[str]:
    """Return the commands of transactions."""
    return [line.decode() for line in peer.lines if line.startswith((b"MAIL", b"RCPT"))]


def rewritten(domain: str, sender: str = "ann@away.example") -> str:
    """Write a MAIL with a sender that was rewritten for *domain*."""
    return f"MAIL FROM:<{SRS.encode(Mailbox.parse(sender), domain, NOW)}>"


@pytest.mark.parametrize(
    ("sender", "named", "options", "expected"),
    [
        ("<ann@away.example>", "joe@here.example", "srs", rewritten("here.example")),
        ("<ann@away.example>", "x0@here.example", "srs", rewritten("here.example")),
        ("<ann@away.example>", "x0@remote.test", "srs", "MAIL FROM:<ann@away.example>"),
        ("<ann@away.example>", "joe@here.example", "", "MAIL FROM:<ann@away.example>"),
        ("<>", "joe@here.example", "srs", "MAIL FROM:<>"),
        # What is said instead is rewritten too, as the original does it.
        (
            "<ann@away.example>",
            "joe@here.example",
            'srs mail-from "@b.example"',
            rewritten("here.example", "ann@b.example"),
        ),
    ],
)
def test_the_sender_of_forwarded_mail_is_rewritten(sender: str, named: str, options: str, expected: str) -> None:
    """Forwarded is what goes to another address than the client has named."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            agent = agent_of(peer, options)
            [outcome] = await agent.deliver(forwarded(named, sender=sender))
            assert outcome.result is Result.OK
            assert said(peer) == [expected, "RCPT TO:<x0@remote.test>"]
            await agent.close()

    asyncio.run(run())


def test_each_sender_has_a_transaction() -> None:
    """Recipients that were named in two domains; each has the outcome of its own."""

    async def run() -> None:
        script: Script = {**GOOD, "MAIL": [{"reply": "250 ok\r\n"}, {"reply": "450 not now\r\n"}]}
        async with BadPeer(script) as peer:
            agent = agent_of(peer)
            outcomes = await agent.deliver(forwarded("a@one.example", "b@two.example", "c@ONE.example"))
            assert [each.result for each in outcomes] == [Result.OK, Result.TEMPORARY, Result.OK]
            assert said(peer) == [
                rewritten("one.example"),
                "RCPT TO:<x0@remote.test>",
                "RCPT TO:<x2@remote.test>",
                rewritten("two.example"),
            ]
            await agent.close()

    asyncio.run(run())


def test_what_was_sent_to_some_is_not_sent_to_them_again() -> None:
    """A session that waited ends between the two transactions; the queue decides when the second one is tried."""

    async def run() -> None:
        closing: Script = {**GOOD, "MAIL": [{"reply": "250 ok\r\n"}] * 2 + [{"close": True}]}
        async with BadPeer(closing) as peer:
            agent = agent_of(peer)
            await agent.deliver(forwarded("a@one.example"))
            outcomes = await agent.deliver(forwarded("a@one.example", "b@two.example"))
            assert [each.result for each in outcomes] == [Result.OK, Result.TEMPORARY]
            assert (peer.connections, len(peer.messages)) == (1, 2)
            await agent.close()

    asyncio.run(run())


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("is_long", [False, True])
def test_a_signature_stands_before_the_header(tmp_path: Path, *, is_long: bool) -> None:
    """In every transaction the same; what is said of the size counts it."""
    octets = b"From: ann@example.org\nSubject: x\n\n.hello\n" + b"x\n" * (100_000 if is_long else 0)
    file = tmp_path / "message"
    file.write_bytes(octets)
    content = SpooledContent(str(file), len(octets)) if is_long else InlineContent(octets)

    async def run() -> None:
        script: Script = {**GOOD, "EHLO": {"reply": "250-peer.example\r\n250 SIZE 10000000\r\n"}}
        async with BadPeer(script) as peer:
            agent = agent_of(peer, signer=Place(tmp_path).signer())
            await agent.deliver(forwarded("a@one.example", "b@two.example", content=content))
            first, second = peer.messages
            assert first == second
            assert first.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
            assert first.endswith(octets.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n"))
            assert [line.split(b" SIZE=")[1] for line in peer.lines if line.startswith(b"MAIL")] == [
                b"%d" % (len(first) - 1)  # the dot that is doubled
            ] * 2
            await agent.close()

    asyncio.run(run())


def test_a_message_that_cannot_be_read_is_temporary(tmp_path: Path) -> None:
    """Nobody is connected to."""

    async def run() -> None:
        async with BadPeer(GOOD) as peer:
            agent = agent_of(peer, signer=Place(tmp_path).signer())
            lost = forwarded("a@one.example", content=SpooledContent(str(tmp_path / "lost"), 10))
            [outcome] = await agent.deliver(lost)
            assert outcome.result is Result.TEMPORARY
            assert outcome.text.startswith("the message cannot be read from the queue: ")
            assert peer.connections == 0
            await agent.close()

    asyncio.run(run())
