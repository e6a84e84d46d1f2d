"""What is asked about the queue over the control socket."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from smtpdsl.runtime.control.commands import ControlError, Item, answer
from smtpdsl.runtime.control.queue_commands import queue_commands
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number, message_hex
from tests.runtime.queue.sample import LATER, PAUSED, Post, local, relayed, run

ROUTES = {"local": Route.LOCAL, "spare": Route.RELAY}


async def ask(post: Post, command: str, arguments: Mapping[str, object] | None = None) -> list[Item]:
    """Return what is answered."""
    commands = queue_commands(post.queue.administration, ROUTES.get)
    found = [each async for each in answer(commands, command, arguments or {})]
    await post.settle()
    return found


def test_what_is_tried_just_now_is_in_flight(tmp_path: Path) -> None:
    """Since when it is, and not pending."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.relay.always(LATER)
            post.local.is_slow = True
            await post.submit(local("joe"), relayed("sue@example.com"))
            await post.settle()
            joe, sue = await ask(post, "show queue")
            assert (joe["state"], joe["started"], sue["state"], sue["started"]) == (
                "inflight",
                post.clock(),
                "pending",
                None,
            )
            assert await ask(post, "show queue", {"states": ["inflight"]}) == [joe]
            assert await ask(post, "show queue", {"states": ["pending", "held"]}) == [sue]
            assert await ask(post, "hold") == [{"done": 1, "later": 1, "unfit": 0}]

    run(scenario())


def test_a_message_comes_in_pieces(tmp_path: Path) -> None:
    """Of its file, by the identifier of any of its envelopes."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            number = await post.submit_large(1_000_000, local("joe"), local("bob"))
            shown = envelope_hex(envelope_number(number, 2))
            pieces = await ask(post, "show message", {"ids": [shown]})
            assert len(pieces) > 3
            assert b"".join(base64.b64decode(str(each["octets"])) for each in pieces) == b"x" * 1_000_000
            (tmp_path / "content" / f"{number:016x}").unlink()
            with pytest.raises(ControlError, match="cannot open the file of the message"):
                await ask(post, "show message", {"ids": [message_hex(number)]})

    run(scenario())


def test_a_damaged_message_is_shown_and_said_to_be_one(tmp_path: Path) -> None:
    """As long as its file is another, and as long as an envelope is set aside for it."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            number = await post.submit_large(300_000, local("joe"))
            shown, envelope = message_hex(number), envelope_hex(envelope_number(number, 1))
            path = tmp_path / "content" / f"{number:016x}"
            whole = path.read_bytes()
            path.write_bytes(b"y" + whole[1:])
            problem = "its file was altered: its checksum is another"
            octets, said = await shown_message(post, shown)
            assert octets == b"y" + whole[1:]
            assert said == f"damaged: the message {shown} is damaged, and not what came in: {problem}"

            post.queue.resume(Route.LOCAL)
            await post.settle()
            (row,) = await ask(post, "show envelope", {"ids": [envelope]})
            assert (row["state"], row["problem"]) == ("damaged", problem)

            path.write_bytes(whole)
            octets, said = await shown_message(post, shown)
            assert octets == whole
            assert said.startswith(f"damaged: the envelope {envelope} is damaged: {problem}; when that is mended, ")

    run(scenario())


async def shown_message(post: Post, shown: str) -> tuple[bytes, str]:
    """Return what is shown of a damaged message, and what is said of it at the end, with its kind."""
    commands = queue_commands(post.queue.administration, ROUTES.get)
    octets = b""
    try:
        async for each in answer(commands, "show message", {"ids": [shown]}):
            octets += base64.b64decode(str(each["octets"]))
    except ControlError as error:
        return octets, f"{error.kind}: {error}"
    return octets, "nothing"


@pytest.mark.parametrize(
    ("command", "arguments", "kind", "problem"),
    [
        ("show queue", {"ids": ["5f1e"]}, "wrong-use", "expected the 8 digits of a message or the 16 of an envelope"),
        ("show queue", {"ids": [3]}, "wrong-use", 'expected a list of texts as "ids"'),
        ("show queue", {"states": ["lost"]}, "wrong-use", 'as a state, found "lost"'),
        ("remove", {"states": ["inflight"]}, "wrong-use", 'as a state, found "inflight"'),
        ("remove", {"id": "5f1e02aa"}, "wrong-use", 'there is no argument "id"'),
        ("show message", {"ids": ["5f1e02aa"]}, "not-found", "not in the queue: 5f1e02aa"),
        ("show envelope", {"ids": ["5f1e02aa"]}, "not-found", "not in the queue: 5f1e02aa"),
        ("show queue", {"ids": ["5f1e02aa"]}, "not-found", "not in the queue: 5f1e02aa"),
        ("rebind", {"to action": "spar"}, "unknown-action", 'the configuration has no action "spar"'),
        ("rebind", {"to action": "spare", "force": 1}, "wrong-use", 'expected true or false as "force"'),
    ],
)
def test_mistakes(tmp_path: Path, command: str, arguments: dict[str, object], kind: str, problem: str) -> None:
    """Are told, and nothing is done."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            await post.submit(local("joe"))
            with pytest.raises(ControlError, match=problem) as failed:
                await ask(post, command, arguments)
            assert failed.value.kind == kind
            assert (await post.queue.summary()).pending == 1

    run(scenario())
