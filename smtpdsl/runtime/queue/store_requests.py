"""What the embedded store is asked for, as its thread gets it.

event loop   SqliteStore.add(…)  ──▶ AddRequest, with its future
thread                               carried out with all others that wait, or alone if one of them fails
"""

from __future__ import annotations

from collections.abc import Sequence

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.queue.batching import AnyRequest, Request
from smtpdsl.runtime.queue.changing import Change, Changed
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.queue.listing import ListPage, ListQuery
from smtpdsl.runtime.queue.rows import Arrival
from smtpdsl.runtime.queue.sqlite import DamagedPageError, UnreadableMessageError
from smtpdsl.runtime.queue.store import Changes, DueBatch, DueQuery, StoredMessage, Summary, Then


class AddRequest(Request[None]):
    """Keep a message."""

    def __init__(self, arrival: Arrival, then: Then) -> None:
        """Keep what has arrived, and call *then*."""
        super().__init__()
        self.arrival = arrival
        self.octets = arrival.octets
        self._then = then

    def settle(self) -> None:
        """Tell whoever asked, and then whoever is responsible for the message from now on."""
        super().settle()
        self.future.get_loop().call_soon(self._then, self.error)
        if self.error is not None and not self.future.cancelled():
            # Whoever waited may be gone; then it is nobody's mistake that nobody hears of it.
            self.future.exception()


class RecordRequest(Request[Sequence[int]]):
    """Remember what became of envelopes."""

    def __init__(self, changes: Changes, reports: Sequence[Arrival]) -> None:
        """Remember *changes*, and keep the *reports* on them."""
        super().__init__()
        self.changes = changes
        self.reports = reports
        # The rows of messages lie in damaged pages, or beside them.
        self.leaves_messages = False
        self.octets = sum(each.octets for each in reports)


class ReserveRequest(Request[Block]):
    """Reserve numbers."""

    def __init__(self, count: int) -> None:
        """Reserve so many."""
        super().__init__()
        self.count = count


class LoadRequest(Request[DueBatch]):
    """Return what is due."""

    def __init__(self, query: DueQuery) -> None:
        """Look for what *query* asks for."""
        super().__init__()
        self.query = query
        # Messages in damaged pages, which are not read again.
        self.unreadable: set[int] = set()


class HurryRequest(Request[int]):
    """Let envelopes of a lane be due now."""

    def __init__(self, lane: str, now: float, limit: int) -> None:
        """Change up to *limit* of them, at the moment *now*."""
        super().__init__()
        self.lane = lane
        self.now = now
        self.limit = limit


class CountRequest(Request[Summary]):
    """Count."""


class ListRequest(Request[ListPage]):
    """Return a page of envelopes."""

    def __init__(self, query: ListQuery) -> None:
        """Look for what *query* asks for."""
        super().__init__()
        self.query = query
        self.unreadable: set[int] = set()


class ChangeRequest(Request[Changed]):
    """Do what an administrator wants."""

    def __init__(self, numbers: Sequence[int], change: Change, now: float) -> None:
        """Change the envelopes *numbers*, at the moment *now*."""
        super().__init__()
        self.numbers = numbers
        self.change = change
        self.now = now
        self.leaves_messages = False


class FetchRequest(Request[StoredMessage]):
    """Return a message."""

    def __init__(self, message_id: int) -> None:
        """Look for that one."""
        super().__init__()
        self.message_id = message_id


def is_avoidable(error: StorageError, request: AnyRequest) -> bool:
    """Whether *request* can be carried out without the damaged page that it has met; it knows that from now on.

    SQLite does nothing more in a transaction that has met one, so it has to begin again.
    """
    if isinstance(request, LoadRequest | ListRequest) and isinstance(error, UnreadableMessageError):
        is_new = error.message_id not in request.unreadable
        request.unreadable.add(error.message_id)
        return is_new
    if (
        isinstance(request, RecordRequest | ChangeRequest)
        and isinstance(error, DamagedPageError)
        and not request.leaves_messages
    ):
        # What was delivered must not be delivered again; a message without envelopes harms nobody.
        request.leaves_messages = True
        return True
    return False
