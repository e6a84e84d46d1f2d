"""Which messages need a key that is not there: a server without it must not touch them.

    messages, by the number of their key   an index has those that are encrypted
    envelopes, by the text of their facts  their table is small

What is damaged may look as if it needed any key.  So an entry counts only if its checksum is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue import schema
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.sealed_facts import content_entry, envelope_entry
from smtpdsl.runtime.queue.sqlite import Database
from smtpdsl.runtime.sealing.keys import key_fingerprint
from smtpdsl.runtime.sealing.seal import checksum, key_number_of
from smtpdsl.runtime.sealing.seals import form_of_text, is_intact_text

# If none of so many has the right checksum, there is no such key.
_MAX_LOOKED_AT = 100
_ROUTES = frozenset(route.value for route in Route)
_HELP = (
    "write that key as `queue encryption`, or as `queue encryption backup` if it is an older one; "
    "nothing was changed, and nothing is lost"
)


def missing_keys(database: Database) -> str:
    """Say how many messages need which keys that are not there; nothing if there are none."""
    needed: dict[int, int] = {}
    for number, messages in _envelopes(database).items():
        needed[number] = len(messages)
    for number, count in _messages(database):
        needed[number] = max(count, needed.get(number, 0))
    if not needed:
        return ""
    told = " and ".join(f"{_count(count)} the key {key_fingerprint(number)}" for number, count in needed.items())
    return f"{told}, which this configuration does not have: {_HELP}"


def _count(messages: int) -> str:
    return f"{messages} messages need" if messages > 1 else "1 message needs"


def _messages(database: Database) -> Iterator[tuple[int, int]]:
    """Yield the keys that are not there, and how many messages need them."""
    counts: dict[int, int] = defaultdict(int)
    for (form,) in list(database.rows(schema.SEALED_FORMS)):
        if isinstance(form, int) and (number := _missing(database, form)) is not None and _is_used(database, form):
            counts[number] += database.number(schema.COUNT_SEALED, (form,))
    yield from counts.items()


def _is_used(database: Database, form: int) -> bool:
    """Whether a message really has that form."""
    for looked_at, (number, digest, octets) in enumerate(database.rows(schema.SEALED, (form,))):
        if looked_at >= _MAX_LOOKED_AT:
            break
        # What is in a file is believed: a look at files takes its time, and who is asked for a key is not harmed.
        if octets is None:
            return True
        assert isinstance(number, int), "the table is strict"
        assert isinstance(octets, bytes), "the table is strict"
        if digest == checksum(content_entry(number), form, octets):
            return True
    return False


def _envelopes(database: Database) -> dict[int, set[int]]:
    """Return the keys that are not there, and the messages whose envelopes need them."""
    found: dict[int, set[int]] = defaultdict(set)
    for (form,) in list(database.rows(schema.ENVELOPE_FORMS)):
        assert isinstance(form, str), "the table is strict"
        key_number = _missing(database, form_of_text(form))
        if key_number is not None:
            found[key_number] |= _intact(database, form)
    return {key_number: messages for key_number, messages in found.items() if messages}


def _intact(database: Database, form: str) -> set[int]:
    """Return the messages of envelopes that really have that form."""
    found = set()
    for number, route, text in database.rows(schema.ENVELOPES_OF_FORM, (form,)):
        assert isinstance(number, int), "the table is strict"
        assert isinstance(text, str), "the table is strict"
        if route in _ROUTES and is_intact_text(envelope_entry(number, Route(route)), text):
            found.add(message_of(number))
    return found


def _missing(database: Database, form: int) -> int | None:
    number = key_number_of(form)
    return None if number is None or number in database.seals.keys else number
