"""The running server over the control socket: what it does, how often it did it, and what is paused.

    show status      ──▶ {"mda": "running", "mta": "paused", "smtp": "running"}
    show stats       ──▶ {"uptime": 51, "smtp.session": 2, …}
    pause mda        ──▶ nothing, or an error if it is paused already
    pause mta from … ──▶ {"note": "…"} if that makes no difference, otherwise nothing

The numbers of `show stats` are called as OpenSMTPD calls them, where it has them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from smtpdsl.mail.address_syntax import AddressError, parse_domain
from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.runtime.control.commands import Arguments, Commands, ControlError, Item, rows_of
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.net.own_addresses import is_own_address
from smtpdsl.runtime.queue.store import Summary

_PAUSED = {True: "paused", False: "running"}


class Pausable(Protocol):
    """Something that an administrator may stop for a while."""

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""

    def pause(self) -> None:
        """Let it stand still."""

    def resume(self) -> None:
        """Let it go on."""


class RouteQueues(Protocol):
    """The queue, as far as its routes can be paused, and counted."""

    def is_paused(self, route: Route) -> bool:
        """Whether nothing of *route* is attempted."""

    def pause(self, route: Route) -> None:
        """Attempt nothing of *route*."""

    def resume(self, route: Route) -> None:
        """Attempt what is due of *route*."""

    async def summary(self) -> Summary:
        """Count what the queue has."""


class PausableRoute(NamedTuple):
    """The deliveries of one route."""

    queue: RouteQueues
    route: Route

    @property
    def is_paused(self) -> bool:
        """Whether nothing is attempted."""
        return self.queue.is_paused(self.route)

    def pause(self) -> None:
        """Attempt nothing more; what runs, ends."""
        self.queue.pause(self.route)

    def resume(self) -> None:
        """Attempt what is due."""
        self.queue.resume(self.route)


class Numbers(NamedTuple):
    """Where the numbers of `show stats` come from; *now* counts seconds since the start."""

    counts: Callable[[], Awaitable[Mapping[str, int]]]
    gauges: Callable[[], Mapping[str, int]]
    uptime: Callable[[], float]


class Blockable(Protocol):
    """The relay, as far as mail from one address of ours, for one domain, or both, can be paused."""

    def pause(self, source: str, domain: str) -> bool:
        """Send nothing more from *source* for *domain*, and say whether something was."""

    def resume(self, source: str, domain: str) -> bool:
        """Go on, and say whether nothing was."""


def server_commands(queue: RouteQueues, reception: Pausable, relay: Blockable, numbers: Numbers) -> Commands:
    """Return the commands about the server itself."""
    parts: dict[str, Pausable] = {route.value: PausableRoute(queue, route) for route in Route}
    parts["smtp"] = reception
    return {
        "show status": partial(_show_status, parts, queue),
        "show stats": partial(_show_stats, queue, numbers),
        "pause": rows_of(partial(_pause, parts, relay)),
        "resume": rows_of(partial(_resume, parts, relay)),
    }


async def _show_status(parts: Mapping[str, Pausable], queue: RouteQueues, arguments: Arguments) -> AsyncIterator[Item]:
    arguments.end()
    yield {
        **{name: _PAUSED[part.is_paused] for name, part in parts.items()},
        "queue": (await queue.summary())._asdict(),
    }


async def _show_stats(queue: RouteQueues, numbers: Numbers, arguments: Arguments) -> AsyncIterator[Item]:
    arguments.end()
    summary = await queue.summary()
    envelopes = {f"queue.envelope.{name}": count for name, count in summary._asdict().items() if name != "messages"}
    yield {
        **await numbers.counts(),
        **numbers.gauges(),
        **envelopes,
        "queue.message": summary.messages,
        "uptime": int(numbers.uptime()),
    }


def _pause(parts: Mapping[str, Pausable], relay: Blockable, arguments: Arguments) -> Iterable[Item]:
    if _is_block(arguments):
        source = _change(relay.pause, arguments, "paused already")
        is_ours = not source or is_own_address(source)
        return () if is_ours else [{"note": f"this host has no address {source}, so nothing is sent from there now"}]
    name, part = _part(parts, arguments)
    if part.is_paused:
        message = f"{name} is paused already"
        raise ControlError(message, "unchanged")
    part.pause()
    return ()


def _resume(parts: Mapping[str, Pausable], relay: Blockable, arguments: Arguments) -> Iterable[Item]:
    if _is_block(arguments):
        _change(relay.resume, arguments, "not paused")
        return ()
    name, part = _part(parts, arguments)
    if not part.is_paused:
        message = f"{name} is not paused"
        raise ControlError(message, "unchanged")
    part.resume()
    return ()


def _is_block(arguments: Arguments) -> bool:
    """Whether it is about some of the mail that is relayed."""
    return arguments.has("source") or arguments.has("domain")


def _change(change: Callable[[str, str], bool], arguments: Arguments, unchanged: str) -> str:
    """Pause or resume some of the mail, and return the address that was named, if one was."""
    part, source, domain = (arguments.text(name) for name in ("part", "source", "domain"))
    source = source.strip("[]")
    arguments.end()
    if part != "mta":
        message = f'only "mta" can be paused for some mail, found "{part}"'
        raise ControlError(message, "wrong-use")
    if source and ipv4_value(source) is None and ipv6_value(source) is None:
        message = f'expected an address of this host, found "{source}"'
        raise ControlError(message, "wrong-use")
    if domain:
        _check_domain(domain)
    if not change(source, domain):
        what = " ".join([*(["from", source] if source else []), *(["for", domain] if domain else [])])
        message = f"mail {what} is {unchanged}"
        raise ControlError(message, "unchanged")
    return source


def _check_domain(domain: str) -> None:
    """Refuse what mail cannot go to.

    Raises:
        ControlError: It is no domain.
    """
    try:
        parse_domain(domain, utf8=True)
    except AddressError as error:
        message = f'expected a domain, found "{domain}": {error}'
        raise ControlError(message, "wrong-use") from None


def _part(parts: Mapping[str, Pausable], arguments: Arguments) -> tuple[str, Pausable]:
    name = arguments.text("part")
    arguments.end()
    if name not in parts:
        message = f'expected one of {", ".join(parts)}, found "{name}"'
        raise ControlError(message, "wrong-use")
    return name, parts[name]
