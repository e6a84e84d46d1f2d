"""Attempts of the queue to relay, and an agent with a resolver that needs no DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from smtpdsl.ir.resolved import Action
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.interfaces import Attempt, Content, Envelope, InlineContent, Outcome, QueuedMessage, Route
from smtpdsl.runtime.net.client import PhaseLimits
from smtpdsl.runtime.net.resolver import ResolveError
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.exchangers import Exchangers
from tests.worlds import compile_text

SERVER_NAME = "mx.test"
CONTENT = InlineContent(b"Subject: hi\n\n.dot\n")


class Names:
    """A resolver that knows what it is told, and remembers what it was asked."""

    def __init__(
        self, addresses: Mapping[str, Sequence[str]] | None = None, names: Mapping[str, str] | None = None
    ) -> None:
        """Know *addresses* of hosts, and *names* of addresses."""
        self._addresses = addresses or {}
        self._names = names or {}
        self.asked: list[str] = []

    async def addresses(self, host: str) -> Sequence[str]:
        """Return what is known of *host*; one that is known to have none is never answered for."""
        self.asked.append(host)
        if host not in self._addresses:
            message = "Name or service not known"
            raise ResolveError(message)
        if host.startswith("slow."):
            await asyncio.Event().wait()
        return self._addresses[host]

    async def name(self, address: str) -> str | None:
        """Return the name of *address*."""
        self.asked.append(address)
        return self._names.get(address)


def actions_of(text: str) -> dict[str, Action]:
    """Compile *text* and return its actions, whatever `check` has to say about files."""
    return compile_text(text).ruleset.actions


class Events:
    """A log of events, and of nothing else."""

    def __init__(self) -> None:
        """Be empty."""
        self.lines: list[str] = []

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Keep it, but for whose it is."""
        del subject
        self.lines.append(" ".join([name, *(f"{key}={value}" for key, value in values.items())]))

    def info(self, text: str) -> None:
        """Expect none."""
        raise AssertionError(text)

    def warn(self, text: str) -> None:
        """Expect none."""
        raise AssertionError(text)


def agent_of(
    text: str,
    resolver: Names | None = None,
    limits: PhaseLimits | None = None,
    server_name: str = SERVER_NAME,
    log: Events | None = None,
    exchangers: Exchangers | None = None,
) -> RelayAgent:
    """Return an agent for the actions of *text*."""
    return RelayAgent(
        actions_of(text),
        server_name,
        resolver=resolver or Names(),
        limits=limits or PhaseLimits(),
        log=log or Events(),
        exchangers=exchangers,
    )


def attempt_of(
    *recipients: str, content: Content = CONTENT, action: str = "out", sender: str = "<joe@example.net>"
) -> Attempt:
    """Return an attempt to relay a message to *recipients*."""
    message = QueuedMessage(1, ReversePath.parse(sender), Client(source="local"), 0.0, content)
    mailboxes = [Mailbox.parse(each) for each in recipients or ("x@remote.test",)]
    envelopes = tuple(Envelope(Route.RELAY, action, each, each) for each in mailboxes)
    return Attempt(message, envelopes, tuple(f"{number:016x}" for number in range(len(envelopes))))


async def relay(agent: RelayAgent, attempt: Attempt) -> list[Outcome]:
    """Let *agent* make *attempt*, and close it."""
    try:
        return list(await agent.deliver(attempt))
    finally:
        await agent.close()
