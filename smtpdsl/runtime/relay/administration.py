"""The relay as an administrator sees it: what is known of other servers, and what was paused.

routes()               from which address to which, and for how long one is left alone
hosts()                addresses, with their names and connections
relays()               where actions lead, how many messages wait, and for what
statistics()           what was heard last of each domain
resume_route(3)        that one is tried again now
pause("", "a.example") mail for that domain waits; what is being sent, is sent
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from smtpdsl.runtime.interfaces import NotBegunError
from smtpdsl.runtime.relay.blocks import Block, Blocks
from smtpdsl.runtime.relay.destinations import Destinations, HostStats
from smtpdsl.runtime.relay.means import Means
from smtpdsl.runtime.relay.permits import Count


class RouteFacts(NamedTuple):
    """A route: *source* is empty if the system chooses it; it is left alone for so many *seconds*.

    Of one that *is_new* nobody knows yet whether there is a welcome.  *idle* connections wait for a message.
    """

    number: int
    source: str
    address: str
    port: int
    is_new: bool
    connections: int
    idle: int
    failures: int
    seconds: int


class HostFacts(NamedTuple):
    """An address of a server, its name if that is known, and how long ago the last connection began, in seconds."""

    address: str
    port: int
    name: str
    connections: int
    seconds: int


class RelayFacts(NamedTuple):
    """Where an action leads.

    *messages* are on their way, of which some wait (*waiting*) for one of its connections; there may be *window* of
    these now.  The last one began *seconds* ago.  *sources* has its connections by our address.
    """

    name: str
    messages: int
    waiting: int
    connections: int
    window: int
    seconds: int
    sources: tuple[tuple[str, int], ...]


class DomainFacts(NamedTuple):
    """What was heard last of a domain, at the *moment* (seconds since 1970); *unreached* messages wait for it."""

    domain: str
    moment: int
    text: str
    unreached: int


# The last connection was so long ago that nobody knows.
_NEVER = -1


class RelayAdministration:
    """Shows, pauses and resumes."""

    def __init__(
        self,
        means: Means,
        blocks: Blocks,
        destinations: Destinations,
        statistics: HostStats,
        try_again: Callable[[str], None],
    ) -> None:
        """Look at what an agent has; *try_again* is called with a domain for which mail may go again."""
        self._means = means
        self._blocks = blocks
        self._destinations = destinations
        self._statistics = statistics
        self._try_again = try_again

    # ------------------------------------------------------------ what there is

    def routes(self) -> Sequence[RouteFacts]:
        """Return the routes that were used lately."""
        return list(self._routes())

    def hosts(self) -> Sequence[HostFacts]:
        """Return the servers that were connected to lately."""
        names = self._means.names
        return [
            HostFacts(address, port, names.name(address) or "", count.connections, self._seconds_since(count))
            for (address, port), count in self._counted("host")
        ]

    def relays(self) -> Sequence[RelayFacts]:
        """Return where mail went lately, or waits to go."""
        return list(self._relays())

    def statistics(self) -> Sequence[DomainFacts]:
        """Return what was heard of domains within four hours."""
        return [
            DomainFacts(domain, int(heard.moment), heard.text, heard.unreached) for domain, heard in self._statistics
        ]

    def paused(self) -> Sequence[Block]:
        """Return what an administrator has paused."""
        return self._blocks.all()

    # ------------------------------------------------------------ what can be done

    def resume_route(self, number: int | None = None) -> int:
        """Use the route *number* again, or all of them, and return how many were left alone."""
        return self._means.routes.pardon(number)

    def pause(self, source: str, domain: str) -> bool:
        """Begin to send nothing from *source* to *domain*, of which one may be empty; say whether something did."""
        is_new = self._blocks.add(source, domain)
        if is_new:
            # Those who wait for a session would get one without being asked where they go; they come again.
            self._means.room.send_away(NotBegunError())
        return is_new

    def resume(self, source: str, domain: str) -> bool:
        """Go on, and say whether it was paused."""
        was_paused = self._blocks.remove(source, domain)
        if was_paused and domain:
            self._try_again(domain)
        return was_paused

    # ------------------------------------------------------------ details

    def _routes(self) -> Iterator[RouteFacts]:
        permits, waiting = self._means.permits, self._means.waiting
        for number, route, is_new, failures, seconds in self._means.routes.facts():
            what = "route", route
            connections, idle = permits.of(what).connections, waiting.count(what)
            yield RouteFacts(number, *route, is_new, connections, idle, failures, math.ceil(seconds))

    def _relays(self) -> Iterator[RelayFacts]:
        connectors = self._counted("connector")
        for destination in self._destinations:
            count = self._means.permits.of(("relay", destination.key))
            sources = tuple(
                (str(source), found.connections)
                for (key, source), found in connectors
                if key == destination.key and found.connections
            )
            yield RelayFacts(
                destination.shown,
                destination.messages,
                destination.waiting,
                count.connections,
                int(destination.window),
                self._seconds_since(count),
                sources,
            )

    def _counted(self, kind: str) -> list[tuple[tuple[Any, ...], Count]]:
        """Return what was counted for each thing of a *kind*, and what is behind that word."""
        known = self._means.permits.known()
        return [(what[1:], count) for what, count in known if isinstance(what, tuple) and what[0] == kind]

    def _seconds_since(self, count: Count) -> int:
        seconds = self._means.clock() - count.began
        return int(seconds) if seconds < math.inf else _NEVER
