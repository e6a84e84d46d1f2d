"""From the parts of a server to the commands that they offer: whoever has something to show, adds a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Action, LocalAction, RelayAction
from smtpdsl.runtime.control.commands import Commands
from smtpdsl.runtime.control.queue_commands import queue_commands
from smtpdsl.runtime.control.relay_commands import relay_commands
from smtpdsl.runtime.control.report_commands import report_commands
from smtpdsl.runtime.control.server_commands import Numbers, Pausable, server_commands
from smtpdsl.runtime.control.table_commands import Updatable, table_commands
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.manager import Queue
from smtpdsl.runtime.relay.agent import RelayAgent


class Parts(NamedTuple):
    """What of a running server can be asked."""

    program: Program
    queue: Queue
    relay: RelayAgent
    reception: Pausable
    counts: Callable[[], Awaitable[Mapping[str, int]]]
    clients: Callable[[], int]
    uptime: Callable[[], float]
    tables: Updatable | None = None


def control_commands(parts: Parts) -> Commands:
    """Return every command that a server with *parts* knows."""
    numbers = Numbers(
        counts=parts.counts,
        gauges=lambda: {"smtp.session": parts.clients(), **parts.queue.running()},
        uptime=parts.uptime,
    )
    return {
        **queue_commands(parts.queue.administration, routes_of(parts.program.actions).get),
        **server_commands(parts.queue, parts.reception, parts.relay.administration, numbers),
        **relay_commands(parts.relay.administration),
        **report_commands(parts.relay),
        **table_commands(parts.tables),
    }


def routes_of(actions: Mapping[str, Action]) -> dict[str, Route]:
    """Return where each of *actions* leads."""
    routes = {}
    for name, action in actions.items():
        match action:
            case LocalAction():
                routes[name] = Route.LOCAL
            case RelayAction():
                routes[name] = Route.RELAY
    return routes
