"""The relay over the control socket: what is known of other servers, and what was paused.

show routes                                  ──▶ {"number": 3, "address": "192.0.2.25", "connections": 2, …}
resume route   {"number": "3"}               ──▶ {"routes": 1}, or an error if there is nothing to resume
pause mta from {"source": "", "domain": "a"} ──▶ nothing, or an error if it is paused already
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from smtpdsl.runtime.control.commands import Arguments, Commands, ControlError, Item, rows_of
from smtpdsl.runtime.relay.administration import RelayAdministration

# Of a number that somebody may type.
_MAX_DIGITS = 10


def relay_commands(relay: RelayAdministration) -> Commands:
    """Return the commands about relaying."""
    return {
        "show routes": rows_of(lambda _: _items(relay.routes())),
        "show hosts": rows_of(lambda _: _items(relay.hosts())),
        "show relays": rows_of(lambda _: _items(relay.relays())),
        "show hoststats": rows_of(lambda _: _items(relay.statistics())),
        "show mta paused": rows_of(lambda _: _items(relay.paused())),
        "resume route": rows_of(lambda arguments: _resume_route(relay, arguments)),
    }


def _items(facts: Iterable[Any]) -> Iterator[Item]:
    """Yield each of *facts* by the names of its fields."""
    return (each._asdict() for each in facts)


def _resume_route(relay: RelayAdministration, arguments: Arguments) -> Iterable[Item]:
    text = arguments.text("number")
    arguments.end()
    if text and not (text.isascii() and text.isdecimal() and len(text) < _MAX_DIGITS):
        message = f'expected the number of a route, as `show routes` has it, found "{text}"'
        raise ControlError(message, "wrong-use")
    count = relay.resume_route(int(text) if text else None)
    if text and not count:
        message = f"no route {text} is left alone"
        raise ControlError(message, "unchanged")
    return [{"routes": count}]
