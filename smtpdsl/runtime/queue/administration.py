"""The queue in the hands of an administrator: seen page by page, and changed where it lies.

    change ──▶ page of numbers ──▶ withdrawn from the routes ──▶ transaction ──▶ thawed, looked at again
                                         └─ in an attempt ──▶ when that has ended ──▶ transaction ──▶ thawed

What is withdrawn cannot be attempted until the store has changed, and what is attempted is not
changed until the store knows how that ended: so store and memory never disagree.  A server that
dies in between has done some pages, and the others not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from smtpdsl.runtime.interfaces import Content, Route
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.changing import Change, Changed, Deed
from smtpdsl.runtime.queue.checking import SpoolDamageError
from smtpdsl.runtime.queue.ids import envelope_hex
from smtpdsl.runtime.queue.listing import Listed, ListPage, ListQuery
from smtpdsl.runtime.queue.report import report_removed
from smtpdsl.runtime.queue.route_queue import RouteQueue
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.queue.store import StoredMessage
from smtpdsl.runtime.sealing.keys import Keys
from smtpdsl.runtime.sealing.seal import PLAIN, Seal

# Envelopes of one transaction.
_AT_ONCE = 512


class Effect(NamedTuple):
    """How many envelopes have changed, and how many will when the attempt ends that they are in.

    Those that are *unfit* for the new action have another route.
    """

    done: int
    later: int = 0
    unfit: int = 0

    def plus(self, other: Effect) -> Effect:
        """Add what was done to another page."""
        return Effect(self.done + other.done, self.later + other.later, self.unfit + other.unfit)


class Kept(Protocol):
    """What administration asks of a store; every future fails with `StorageError`."""

    def listing(self, query: ListQuery) -> asyncio.Future[ListPage]:
        """Return a page of envelopes."""

    def change(self, numbers: Sequence[int], change: Change, now: float) -> asyncio.Future[Changed]:
        """Do what an administrator wants with the envelopes *numbers*."""

    def message(self, message_id: int) -> asyncio.Future[StoredMessage]:
        """Return a message."""


class Files(Protocol):
    """What administration asks of the folder of large messages."""

    keys: Keys

    def content(self, message_id: int, octets: bytes | None, size: int, seal: Seal = PLAIN) -> Content:
        """Say where the mail data of a message is."""

    async def check(self, message_id: int, content: Content) -> None:
        """Raise `SpoolDamageError` if the file of a message is not what was written."""

    def remove(self, message_id: int) -> None:
        """Remove the file of a message that is gone."""


class _Later(NamedTuple):
    """A change that waits for the end of an attempt."""

    listed: Listed
    change: Change


class Administration:
    """Lists and changes what a store has; the *routes* are those of a running server."""

    def __init__(
        self,
        store: Kept,
        files: Files,
        log: Log,
        clock: Callable[[], float],
        routes: Mapping[Route, RouteQueue] | None = None,
    ) -> None:
        """Change *store*; where there are no *routes*, nothing is attempted."""
        self._store = store
        self._files = files
        self._log = log
        self._clock = clock
        self._routes = routes if routes is not None else {}
        self._later: dict[int, list[_Later]] = {}
        self._running: set[asyncio.Future[Any]] = set()

    # ------------------------------------------------------------ to be seen

    async def listing(self, selection: Selection) -> AsyncGenerator[Listed, None]:
        """Yield the selected envelopes that there are now, in the order in which their messages came.

        Raises:
            StorageError: The store cannot be read now.
        """
        query: ListQuery | None = ListQuery(selection)
        while query is not None:
            page = await self._store.listing(query)
            for listed in page.listed:
                yield self._as_it_is(listed)
            query = page.following

    def _as_it_is(self, listed: Listed) -> Listed:
        route = self._routes.get(listed.route)
        started = route.started(listed.number) if route is not None else None
        return listed if started is None else listed._replace(started=started)

    @property
    def keys(self) -> Keys:
        """The keys that entries are encrypted with."""
        return self._files.keys

    async def content(self, message_id: int) -> Content:
        """Say where the mail data of a message is.

        Raises:
            StorageError: It is damaged, or cannot be read now.
        """
        stored = await self._store.message(message_id)
        return self._files.content(message_id, stored.octets, stored.size, stored.seal)

    async def damage(self, message_id: int, content: Content) -> str:
        """Say in what *content*, which is that of a message, differs from what was written; nothing if it does not.

        Raises:
            OSError: It cannot be read now.
        """
        try:
            await self._files.check(message_id, content)
        except SpoolDamageError as error:
            return str(error)
        return ""

    # ------------------------------------------------------------ to be changed

    async def change(self, selection: Selection, change: Change) -> Effect:
        """Do what *change* says to the selected envelopes that there are now.

        Who cancels it stops it between two pages.

        Raises:
            StorageError: The store cannot be changed now; what was done so far stays done.
        """
        effect = Effect(0)
        query: ListQuery | None = ListQuery(selection, rows=_AT_ONCE, facts=change.deed is Deed.REMOVE)
        try:
            while query is not None:
                page = await self._store.listing(query)
                effect = effect.plus(await self._complete(self._change(page.listed, change)))
                query = page.following
        finally:
            self._look_again()
        return effect

    async def _complete(self, page: Coroutine[None, None, Effect]) -> Effect:
        """Wait for *page*, which is completed even if nobody waits for it any more."""
        task = asyncio.ensure_future(page)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda _: self._look_again())
            raise

    async def _change(self, listed: Sequence[Listed], change: Change) -> Effect:
        """Do it to a page, but for what has another route than the new action."""
        page = [each for each in listed if change.route in {None, each.route}]
        attempted = self._withdraw(page)
        idle = [each for each in page if each.number not in attempted]
        later = 0
        for each in page:
            if each.number in attempted:
                later += self._put_off(each, change)
        try:
            changed = await self._store.change([each.number for each in idle], change, self._clock())
        finally:
            self._thaw(idle)
        self._conclude(idle, change, changed)
        return Effect(len(changed.numbers), later, len(listed) - len(page))

    def _withdraw(self, page: Sequence[Listed]) -> frozenset[int]:
        """Keep everybody's hands off *page*; return what is attempted just now."""
        attempted: frozenset[int] = frozenset()
        for route, route_queue in self._routes.items():
            attempted |= route_queue.withdraw([each.number for each in page if each.route is route])
        return attempted

    def _put_off(self, listed: Listed, change: Change) -> bool:
        """Do it when the attempt has ended; what is attempted already need not be scheduled."""
        if change.deed is Deed.SCHEDULE:
            self._thaw([listed])
            return False
        self._later.setdefault(listed.number, []).append(_Later(listed, change))
        return True

    def _conclude(self, page: Sequence[Listed], change: Change, changed: Changed) -> None:
        for message_id in changed.files:
            self._files.remove(message_id)
        if change.deed is Deed.REMOVE:
            gone = set(changed.numbers)
            for each in page:
                if each.number in gone:
                    report_removed(self._log, each, self._clock())

    def _thaw(self, page: Sequence[Listed]) -> None:
        for route, route_queue in self._routes.items():
            route_queue.thaw([each.number for each in page if each.route is route])

    def _look_again(self) -> None:
        for route in self._routes.values():
            route.look_again()

    # ------------------------------------------------------------ the end of attempts

    def on_idle(self, numbers: Iterable[int]) -> None:
        """Do what has waited for the end of the attempts of *numbers*; the store knows what became of them."""
        for number in numbers:
            for later in self._later.pop(number, ()):
                future = self._store.change([number], later.change, self._clock())
                self._running.add(future)
                future.add_done_callback(partial(self._on_changed, later))

    def _on_changed(self, later: _Later, future: asyncio.Future[Changed]) -> None:
        self._running.discard(future)
        self._thaw([later.listed])
        error = future.exception()
        if error is None:
            self._conclude([later.listed], later.change, future.result())
        else:
            shown = envelope_hex(later.listed.number)
            self._log.warn(f"control: {later.change.deed.value}: envelope {shown} stays as it is: {error}")
        self._look_again()

    async def finish(self) -> None:
        """Do what still waits: there are no attempts any more."""
        self.on_idle(list(self._later))
        while self._running:
            await asyncio.wait(self._running)
