"""BODY=BINARYMIME over a real socket: what the queue gets, and what the budget of memory counts."""

from __future__ import annotations

from smtpdsl.runtime.interfaces import InlineContent
from tests.runtime.net.places import Client, Place, play

ENVELOPE = "EHLO c.test\r\nMAIL FROM:<eve@away.test> BODY=BINARYMIME\r\nRCPT TO:<alice@local.test>\r\n"
# Complete: a listener on loopback adds what is missing.
HEADER = "Date: Sun, 22 Nov 2026 12:46:37 +0000\r\nMessage-ID: <1@away.test>\r\nMIME-Version: 1.0\r\n"
BINARY = "Content-Transfer-Encoding: binary\r\n\r\n"


def bdat(octets: str, *, is_last: bool = False) -> str:
    """Return a chunk."""
    return f"BDAT {len(octets)}{' LAST' if is_last else ''}\r\n{octets}"


def test_the_queue_gets_lines() -> None:
    """With what the client has said of them, as it is now."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.codes(ENVELOPE, count=3) == ["250", "250", "250"]
        assert await client.codes(bdat(HEADER + BINARY) + bdat("\0\r\n.\xff", is_last=True), count=2) == ["250", "250"]

    (submission,) = play(scene).intake.submissions
    assert submission.options.body == "8BITMIME"
    assert isinstance(submission.content, InlineContent)
    stored = HEADER.replace("\r", "") + "Content-Transfer-Encoding: base64\n\nAA0KLv8=\n"
    assert submission.content.octets.endswith(b"\n" + stored.encode())


def test_a_header_that_is_held_is_counted() -> None:
    """As what a session holds elsewhere is, and given back with it."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=3)
        field = "X-Long: x\r\n" * 20_000
        assert await client.codes(bdat(HEADER + field)) == ["250"]
        assert place.shared.budget.used >= len(field)
        assert await client.codes(bdat(BINARY)) == ["250"]
        assert await client.codes("RSET\r\n") == ["250"]
        assert place.shared.budget.used == 0

    assert play(scene).intake.submissions == []


def test_a_large_message_is_never_held_as_a_whole() -> None:
    """It goes to the spool while it comes in, and is converted before."""
    octets = "\0\r\n\r" * 25_000

    async def scene(place: Place, client: Client) -> None:
        await client.say(ENVELOPE, count=3)
        assert await client.codes(bdat(HEADER + BINARY)) == ["250"]
        for _ in range(8):
            assert await client.codes(bdat(octets)) == ["250"]
            assert place.shared.budget.used < 100_000
        assert await client.codes(bdat("", is_last=True)) == ["250"]

    (writer,) = play(scene).intake.writers
    assert writer.octets.count(b"\n") > len(octets) * 8 // 57
    assert b"\r" not in writer.octets
