"""The keys of the queue over the control socket: which there are, and how many messages need each.

    show keys  ──▶ {"key": "5f1e02aa", "use": "current", "messages": 12}      what comes now gets this one
                   {"key": "07c11399", "use": "backup", "messages": 3}        what came before
                   {"key": null, "use": "none", "messages": 1}                not encrypted

A key is shown by its fingerprint, which tells nothing else of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from smtpdsl.runtime.control.commands import Arguments, Item
from smtpdsl.runtime.queue.administration import Administration
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.sealing.keys import Keys, key_fingerprint

_PLAIN = None


async def show_keys(administration: Administration, arguments: Arguments) -> AsyncIterator[Item]:
    """Yield the keys that the configuration has, and others that are needed."""
    arguments.end()
    counts = await _messages(administration)
    keys = administration.keys
    # The current one first.
    for number in dict.fromkeys([*reversed(keys.numbers), *sorted(each for each in counts if each is not None)]):
        yield {"key": key_fingerprint(number), "use": _use(number, keys), "messages": counts[number]}
    yield {"key": None, "use": "none", "messages": counts[_PLAIN]}


def _use(number: int, keys: Keys) -> str:
    if keys.current is not None and keys.current.number == number:
        return "current"
    return "backup" if number in keys else "missing"


async def _messages(administration: Administration) -> Counter[int | None]:
    """Count the messages that need each key; those whose envelopes have different ones need several."""
    counts: Counter[int | None] = Counter()
    message, needed = -1, frozenset[int]()
    async for listed in administration.listing(Selection()):
        if message_of(listed.number) != message:
            _count(message, needed, counts)
            message, needed = message_of(listed.number), frozenset()
        needed |= listed.keys
    _count(message, needed, counts)
    return counts


def _count(message: int, needed: frozenset[int], counts: Counter[int | None]) -> None:
    if message >= 0:
        counts.update(needed or {_PLAIN})
