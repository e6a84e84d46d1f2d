"""What of a server can be paused, and what is said of it."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.cli.control_words import find_verb
from smtpdsl.runtime.control.commands import ControlError, answer
from smtpdsl.runtime.control.server_commands import Numbers, server_commands
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.store import Summary
from smtpdsl.runtime.relay.blocks import Block, Blocks


class Still:
    """A queue and a reception that nobody pauses."""

    is_paused = False

    def pause(self) -> None:
        """Nobody asks for it."""

    def resume(self) -> None:
        """Nobody asks for it."""


class Routes:
    """A queue that nobody pauses."""

    def is_paused(self, route: Route) -> bool:
        """Say that it runs."""
        return route not in Route

    def pause(self, route: Route) -> None:
        """Nobody asks for it."""

    def resume(self, route: Route) -> None:
        """Nobody asks for it."""

    async def summary(self) -> Summary:
        """Count nothing."""
        return Summary()


class Relay:
    """A relay as far as it knows what is paused."""

    def __init__(self) -> None:
        """Pause nothing."""
        self.blocks = Blocks()
        self.pause = self.blocks.add
        self.resume = self.blocks.remove


def ask(relay: Relay, words: str) -> list[str]:
    """Return what `smtpdsl ctl` prints for *words*."""
    verb, operands = find_verb(words.split())

    async def counts() -> dict[str, int]:
        return {}

    commands = server_commands(Routes(), Still(), relay, Numbers(counts, dict, lambda: 0.0))

    async def run() -> list[str]:
        return list(verb.lines([each async for each in answer(commands, verb.command, verb.read(operands))]))

    return asyncio.run(run())


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_mail_from_an_address_of_this_host(address: str) -> None:
    """Is paused, and goes on."""
    relay = Relay()

    assert ask(relay, f"pause mta from {address} for m\u00fcller.example") == ["done"]
    assert relay.blocks.all() == (Block(address, "m\u00fcller.example"),)
    assert ask(relay, f"resume mta from {address} for M\u00dcLLER.example") == ["done"]
    assert relay.blocks.all() == ()


def test_mail_from_an_address_of_somebody_else() -> None:
    """There is none now; it is paused all the same, since a host may get an address."""
    relay = Relay()
    said = "this host has no address 192.0.2.1, so nothing is sent from there now"

    assert ask(relay, "pause mta from 192.0.2.1") == [said, "done"]
    assert relay.blocks.all() == (Block("192.0.2.1", ""),)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("pause mta from x", 'expected an address of this host, found "x"'),
        ("pause mta for exa_mple..com", 'expected a domain, found "exa_mple..com": expected a character on both sides'),
        ("resume mta for *.example", 'expected a domain, found "*.example": '),
    ],
)
def test_what_cannot_be_paused(words: str, problem: str) -> None:
    """Is wrong use, and changes nothing."""
    relay = Relay()
    with pytest.raises(ControlError) as failed:
        ask(relay, words)

    assert str(failed.value).startswith(problem)
    assert failed.value.kind == "wrong-use"
    assert relay.blocks.all() == ()
