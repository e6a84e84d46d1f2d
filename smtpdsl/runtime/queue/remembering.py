"""What became of envelopes, as a part of a transaction of the embedded store.

    done       5f…01  5f…02  60…01        gone
    messages   5f     60                  gone with the last of their envelopes
    files      60                         to be removed by whoever has told of 60…01, once that is committed

All that waits to be remembered is one run of each statement, however many have asked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.sqlite import Database, Row
from smtpdsl.runtime.queue.store import Changes, Update


class Told(NamedTuple):
    """What somebody has told; who *leaves messages* removes envelopes alone: their messages lie in damaged pages."""

    changes: Changes
    leaves_messages: bool = False


def remember(database: Database, told: Sequence[Told]) -> list[Sequence[int]]:
    """Remember what was *told*; to be called in a transaction, when the reports are in the tables.

    Returns:
        For each the messages that are gone now and had their octets in a file; none is there twice.
    """
    done = [(number,) for changes, _ in told for number in changes.done]
    database.run_for_each(schema.REMOVE_ENVELOPE, done)
    updates = [_update_row(update) for changes, _ in told for update in changes.updates]
    database.run_for_each(schema.UPDATE_ENVELOPE, updates)
    messages = [_messages(each) for each in told]
    files = remove_messages(database, dict.fromkeys(number for each in messages for number in each))
    return [_taken(files, each) for each in messages]


def remove_messages(database: Database, numbers: Iterable[int]) -> set[int]:
    """Remove those of the messages that have no envelopes, and return which of them had their octets in a file."""
    gone = database.run_for_each(schema.REMOVE_MESSAGE, [(number,) for number in numbers])
    return {number for number, has_file in gone if isinstance(number, int) and has_file}


def _messages(told: Told) -> Collection[int]:
    """Return the messages of the envelopes that are done, each once."""
    return dict.fromkeys(() if told.leaves_messages else map(message_of, told.changes.done))


def _taken(files: set[int], messages: Collection[int]) -> Sequence[int]:
    """Take those of *messages* out of *files*."""
    found = [number for number in messages if number in files]
    files.difference_update(found)
    return found


def _update_row(update: Update) -> Row:
    """Put an update into the order of its statement."""
    number, state, due, tries, last_try, last_error, last_status = update
    return (state.value, due, tries, last_try, last_error, last_status, number)
