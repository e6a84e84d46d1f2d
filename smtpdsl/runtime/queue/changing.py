"""What an administrator does to envelopes, as transactions of the embedded store.

    schedule   pending, held, damaged ──▶ pending, due now
    hold       pending                ──▶ suspended
    release    suspended              ──▶ pending, due as it was
    remove     any                    ──▶ gone, the last one with its message; nobody is told
    rebind     any, of that route     ──▶ another action; due now, unless it is suspended

An envelope that is in another state by now is left alone.  The time to live of one that goes
on begins anew: whoever frees mail after a week does not want it to expire at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.facts import FactsError
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.remembering import remove_messages
from smtpdsl.runtime.queue.sealed_facts import open_envelope, seal_envelope
from smtpdsl.runtime.queue.sqlite import Database

_SCHEDULE = """
    UPDATE envelope SET due = ?1, freed = iif(state = 'pending', freed, ?1), state = 'pending'
    WHERE id = ?2 AND state != 'suspended' RETURNING id
"""
_HOLD = "UPDATE envelope SET state = 'suspended' WHERE id = ? AND state = 'pending' RETURNING id"
_RELEASE = "UPDATE envelope SET state = 'pending', freed = ?1 WHERE id = ?2 AND state = 'suspended' RETURNING id"
_REMOVE = "DELETE FROM envelope WHERE id = ? RETURNING id"
_BINDING = "SELECT route, facts FROM envelope WHERE id = ?"
_REBIND = """
    UPDATE envelope SET facts = ?1, due = ?2, freed = iif(state = 'pending', freed, ?2),
        state = iif(state = 'suspended', state, 'pending')
    WHERE id = ?3 RETURNING id
"""


class Deed(Enum):
    """What is done; the value is the word of the command."""

    SCHEDULE = "schedule"
    HOLD = "hold"
    RELEASE = "release"
    REMOVE = "remove"
    REBIND = "rebind"


class Change(NamedTuple):
    """What is done to envelopes.  For REBIND, *action* is the new one, and *route* where it leads, if that is known."""

    deed: Deed
    action: str = ""
    route: Route | None = None


class Changed(NamedTuple):
    """Which envelopes have changed, and which messages are gone and had their octets in a file."""

    numbers: Sequence[int]
    files: Sequence[int] = ()


def change_envelopes(
    database: Database, numbers: Sequence[int], change: Change, now: float, *, leaves_messages: bool = False
) -> Changed:
    """Do it to the envelopes *numbers*; to be called in a transaction.

    Who *leaves messages* removes envelopes alone: their messages lie in a damaged part of the database.
    """
    match change.deed:
        case Deed.SCHEDULE:
            return _changed(database, _SCHEDULE, [(now, number) for number in numbers])
        case Deed.HOLD:
            return _changed(database, _HOLD, [(number,) for number in numbers])
        case Deed.RELEASE:
            return _changed(database, _RELEASE, [(now, number) for number in numbers])
        case Deed.REMOVE:
            return _remove(database, numbers, leaves_messages=leaves_messages)
        case Deed.REBIND:
            return _rebind(database, numbers, change, now)


def _changed(database: Database, statement: str, rows: Sequence[tuple[float | str, ...]]) -> Changed:
    return Changed([number for (number,) in database.run_for_each(statement, rows) if isinstance(number, int)])


def _remove(database: Database, numbers: Sequence[int], *, leaves_messages: bool) -> Changed:
    removed = _changed(database, _REMOVE, [(number,) for number in numbers]).numbers
    messages = dict.fromkeys(() if leaves_messages else map(message_of, removed))
    return Changed(removed, sorted(remove_messages(database, messages)))


def _rebind(database: Database, numbers: Sequence[int], change: Change, now: float) -> Changed:
    rows: list[tuple[float | str, ...]] = []
    for number in numbers:
        for route_name, text in database.rows(_BINDING, (number,)):
            route = Route(route_name)
            if change.route not in {None, route}:
                continue
            try:
                envelope = open_envelope(database.seals, number, route, text)
            except FactsError:
                continue
            facts = seal_envelope(database.seals, number, envelope._replace(action=change.action))
            rows.append((facts, now, number))
    return _changed(database, _REBIND, rows)
