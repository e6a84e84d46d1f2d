"""The server that is played, and what it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.vectors.remote import Conversation, Remote
from tests.vectors.steps import ScriptStep
from tests.vectors.wire import Wire

SOURCE = "127.0.2.2"
MESSAGE = (
    b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@c>\r\nRCPT TO:<y@c>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"
)


def talk(script: Sequence[ScriptStep] = (), octets: bytes = MESSAGE) -> tuple[list[str], Conversation]:
    """Say *octets* to a server with *script*; return its reply codes, and what it remembers."""
    remote = Remote(script)

    async def both() -> list[str]:
        await remote.start()
        wire = await Wire.connect(remote.port, SOURCE)
        await wire.send(octets)
        await wire.closed.wait()
        await remote.stop()
        return wire.codes

    return asyncio.run(both()), remote.conversations[0]


def test_a_friendly_server_takes_everything() -> None:
    """What no script says."""
    codes, seen = talk()

    assert codes == ["220", "250", "250", "250", "250", "354", "250", "221"]
    assert seen.transactions == [("a@b", ("x@c", "y@c"), b"Subject: x\r\n\r\nhello\r\n")]
    assert not seen.stray


def test_steps_of_a_kind_are_taken_in_turn() -> None:
    """And the last of them holds."""
    script = [ScriptStep("RCPT", b"550 no\r\n"), ScriptStep("rcpt", b"250 ok\r\n")]
    codes, seen = talk(script)

    assert codes[3:5] == ["550", "250"]
    assert seen.transactions[0][1] == ("y@c",)


def test_the_end_of_a_script() -> None:
    """With a last word, without one, and in the middle of a message."""
    assert talk([ScriptStep("connect", b"421 busy\r\n", closes=True)])[0] == ["421"]
    assert talk([ScriptStep("DATA", closes=True)])[0][-1] == "250"
    codes, seen = talk([ScriptStep("body", close_after=5)])
    assert codes[-1] == "354"
    assert seen.body_octets == len("Subject: x\r\n")
    assert not seen.transactions


def test_a_long_reply() -> None:
    """As often as it says."""
    codes, _ = talk([ScriptStep("connect", b"220 x\r\n", times=20_000)], b"QUIT\r\n")

    assert codes == ["220"] * 20_000 + ["221"]


def test_lines_that_do_not_end_as_they_should() -> None:
    """They are remembered."""
    _, seen = talk(octets=b"NOOP\nQUIT\r\n")

    assert seen.stray == [b"NOOP\n"]
    assert seen.commands == ["NOOP", "QUIT"]
