"""The queue over the control socket; the same commands serve a spool that no server has.

    show queue       ──▶ an item for each envelope
    show envelope    ──▶ one item with everything
    show message     ──▶ {"octets": base64} … the mail data piece by piece
    schedule …       ──▶ {"done": 5, "later": 1}

Which envelopes are meant is said by the same arguments everywhere (`envelopes`).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from smtpdsl.runtime.control.commands import Arguments, Commands, ControlError, Item
from smtpdsl.runtime.control.envelopes import SHOWN_STATES, details_of, row_of, selection_of, states_of
from smtpdsl.runtime.control.key_commands import show_keys
from smtpdsl.runtime.delivery.content import ContentError, OpenContent, open_content
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.administration import Administration
from smtpdsl.runtime.queue.changing import Change, Deed
from smtpdsl.runtime.queue.ids import envelope_hex, message_hex, message_of
from smtpdsl.runtime.queue.listing import Listed
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.queue.store import State

# Names the route of an action of the configuration; None if it has no such action.
FindRoute = Callable[[str], Route | None]

# A piece of a message, before base64 makes it longer by a third.
_PIECE_OCTETS = 256 * 1024


def queue_commands(administration: Administration, find_route: FindRoute) -> Commands:
    """Return the commands that see and change what *administration* has; *find_route* knows the actions."""
    queue = QueueCommands(administration, find_route)
    simple = (Deed.SCHEDULE, Deed.HOLD, Deed.RELEASE, Deed.REMOVE)
    return {
        "show queue": queue.show,
        "show envelope": queue.show_envelope,
        "show message": queue.show_message,
        "show keys": partial(show_keys, administration),
        "rebind": queue.rebind,
        **{deed.value: partial(queue.change, Change(deed)) for deed in simple},
    }


class QueueCommands:
    """Each method is a command."""

    def __init__(self, administration: Administration, find_route: FindRoute) -> None:
        """See and change what *administration* has."""
        self._administration = administration
        self._find_route = find_route

    async def show(self, arguments: Arguments) -> AsyncIterator[Item]:
        """Yield the selected envelopes; what is named has to be there, whether the filters take it or not."""
        states = states_of(arguments, SHOWN_STATES)
        selection = selection_of(arguments, states)
        arguments.end()
        missing = dict.fromkeys(selection.ids)
        async for listed in self._administration.listing(selection):
            row = row_of(listed)
            for found in (row["id"], row["message"]) if missing else ():
                missing.pop(str(found), None)
            if not states or row["state"] in states:
                yield row
        gone = [each for each in missing if await self._first(Selection(ids=(each,))) is None]
        if gone:
            raise _not_there(gone)

    async def show_envelope(self, arguments: Arguments) -> AsyncIterator[Item]:
        """Yield the selected envelopes with everything that is known of them."""
        selection = selection_of(arguments)
        arguments.end()
        found = False
        async for listed in self._administration.listing(selection):
            found = True
            yield details_of(listed)
        if not found:
            raise _not_there(selection.ids)

    async def show_message(self, arguments: Arguments) -> AsyncIterator[Item]:
        """Yield the mail data of the message that the selected envelopes belong to; if it is damaged, say so then."""
        selection = selection_of(arguments)
        arguments.end()
        first = await self._first(selection)
        if first is None:
            raise _not_there(selection.ids)
        message_id = message_of(first.number)
        content = await self._administration.content(message_id)
        try:
            damage = await self._administration.damage(message_id, content)
            with open_content(content) as opened:
                async for piece in _pieces(opened):
                    yield {"octets": base64.b64encode(piece).decode("ascii")}
        except ContentError as error:
            raise ControlError(str(error)) from None
        except OSError as error:
            message = f"cannot read the file of the message: {error.strerror}"
            raise ControlError(message) from None
        if damage:
            message = f"the message {message_hex(message_id)} is damaged, and not what came in: {damage}"
            raise ControlError(message, "damaged")
        set_aside = await self._first(selection._replace(states=frozenset({State.DAMAGED})))
        if set_aside is not None:
            raise _set_aside(set_aside)

    async def _first(self, selection: Selection) -> Listed | None:
        """Return the first of the selected envelopes, if there is one."""
        async with aclosing(self._administration.listing(selection)) as listing:
            return await anext(listing, None)

    async def change(self, what: Change, arguments: Arguments) -> AsyncIterator[Item]:
        """Change the selected envelopes."""
        selection = selection_of(arguments)
        arguments.end()
        effect = await self._administration.change(selection, what)
        yield effect._asdict()

    async def rebind(self, arguments: Arguments) -> AsyncIterator[Item]:
        """Give the selected envelopes another action."""
        name, is_forced = arguments.text("to action"), arguments.flag("force")
        route = self._find_route(name)
        if route is None and not is_forced:
            message = f'the configuration has no action "{name}"'
            raise ControlError(message, "unknown-action")
        async for item in self.change(Change(Deed.REBIND, name, route), arguments):
            yield item


async def _pieces(opened: OpenContent) -> AsyncIterator[bytes]:
    """Read in another thread: a file may lie on a slow disk."""
    chunks = iter(opened.chunks(b""))
    while (piece := await asyncio.to_thread(next, chunks, None)) is not None:
        for start in range(0, len(piece), _PIECE_OCTETS):
            yield piece[start : start + _PIECE_OCTETS]


def _not_there(ids: Sequence[str]) -> ControlError:
    return ControlError(f"not in the queue: {', '.join(ids) or 'nothing'}", "not-found")


def _set_aside(listed: Listed) -> ControlError:
    """Return what was wrong with an envelope when it was tried last, though its message is right now."""
    shown, problem = envelope_hex(listed.number), listed.problem or listed.last_error
    return ControlError(
        f"the envelope {shown} is damaged: {problem}; when that is mended, `schedule` tries it again", "damaged"
    )
