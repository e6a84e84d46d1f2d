"""What all sessions of an agent share: what they are made with, what waits, and what is counted.

permits   how many connections there are          waiting   sessions that wait for a message
routes    what is known of servers                room      messages that wait for one of these
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from smtpdsl.runtime.net.client import Connection, PhaseLimits
from smtpdsl.runtime.net.resolver import NameCache
from smtpdsl.runtime.relay.known_servers import KnownServers
from smtpdsl.runtime.relay.permits import Permits
from smtpdsl.runtime.relay.routes import Routes
from smtpdsl.runtime.relay.security import Contexts
from smtpdsl.runtime.relay.session_log import RelayLog
from smtpdsl.runtime.relay.waiting_room import WaitingRoom
from smtpdsl.runtime.relay.waiting_talks import WaitingTalks
from smtpdsl.runtime.tls_reports.results import SessionResult


class Connections:
    """The connections of an agent, also those that only wait for the answer to QUIT."""

    def __init__(self) -> None:
        """Have none."""
        self._open: set[Connection] = set()

    def add(self, connection: Connection) -> None:
        """Know *connection* until it is closed."""
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))

    async def close(self) -> None:
        """End them all now."""
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))


class Means(NamedTuple):
    """What all sessions of an agent share."""

    server_name: str
    limits: PhaseLimits
    contexts: Contexts
    names: NameCache
    log: RelayLog
    connections: Connections
    waiting: WaitingTalks
    routes: Routes
    permits: Permits
    room: WaitingRoom
    clock: Callable[[], float]
    servers: KnownServers
    record: Callable[[SessionResult], None] = lambda _: None


def make_means(
    server_name: str,
    limits: PhaseLimits,
    contexts: Contexts,
    names: NameCache,
    log: RelayLog,
    clock: Callable[[], float],
    record: Callable[[SessionResult], None],
) -> Means:
    """Begin with no session, nobody who waits, and nothing that is known of any server."""
    room = WaitingRoom()
    permits = Permits(clock, room)
    return Means(
        server_name=server_name,
        limits=limits,
        contexts=contexts,
        names=names,
        log=log,
        connections=Connections(),
        waiting=WaitingTalks(room),
        routes=Routes(clock, permits, room),
        permits=permits,
        room=room,
        clock=clock,
        servers=KnownServers(),
        record=record,
    )
