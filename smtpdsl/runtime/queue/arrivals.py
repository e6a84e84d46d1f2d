"""Messages on their way into the queue: each is numbered, stored, and then attempted at once.

next_message_id ──▶ take ──▶ file, if it is large ──▶ row ──committed──▶ done, and offered to the routes
                                   └─ failed ──────────┴─ failed ──────▶ refused, and nothing is left
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from smtpdsl.runtime.interfaces import InlineContent, StorageError, Submission
from smtpdsl.runtime.queue.ids import MAX_ENVELOPES, Block, MessageNumbers
from smtpdsl.runtime.queue.spool import ContentFolder
from smtpdsl.runtime.queue.sqlite_store import BLOCK_SIZE
from smtpdsl.runtime.queue.store import Store
from smtpdsl.runtime.queue.writer import SpoolWriter
from smtpdsl.runtime.sealing.seal import PLAIN, Seal


class Body(NamedTuple):
    """The content of a message; if it has no octets they are in a file, which has the *seal*."""

    octets: bytes | None
    size: int
    seal: Seal = PLAIN


class Arrivals:
    """Takes them."""

    def __init__(self, store: Store, content: ContentFolder, offer: Callable[[Submission, Body], None]) -> None:
        """Keep them in *store*, and large ones in *content*; *offer* is called with each that is there."""
        self._store = store
        self._content = content
        self._offer = offer
        self._numbers = MessageNumbers(store.first_block, self._ask_for_numbers)
        self._asks_for_numbers = False

    def next_message_id(self) -> int:
        """Return a number that no other message of this spool has."""
        return self._numbers.take()

    def reserve(self) -> asyncio.Future[Block]:
        """Return numbers for messages that come from another process; it fails with `StorageError`."""
        return self._store.reserve(BLOCK_SIZE)

    def _ask_for_numbers(self) -> None:
        if not self._asks_for_numbers:
            self._asks_for_numbers = True
            self.reserve().add_done_callback(self._on_reserved)

    def _on_reserved(self, future: asyncio.Future[Block]) -> None:
        self._asks_for_numbers = False
        # If it failed, the next message asks again.
        if future.exception() is None:
            self._numbers.add(future.result())

    def take(self, submission: Submission) -> Awaitable[None]:
        """Take the responsibility for a message; done when it is on stable storage.

        Whoever waits for it may go away, and the message is ours all the same.
        """
        assert 0 < len(submission.envelopes) <= MAX_ENVELOPES, "a message without envelopes would never go"
        content = submission.content
        if isinstance(content, InlineContent):
            return self._add(submission, Body(content.octets, content.size))
        assert isinstance(content, SpoolWriter), "it comes from open_content"
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        content.seal().add_done_callback(partial(self._on_sealed, submission, content, accepted))
        return accepted

    def _on_sealed(
        self, submission: Submission, writer: SpoolWriter, accepted: asyncio.Future[None], sealed: asyncio.Future[None]
    ) -> None:
        if sealed.exception() is not None:
            _pass_on(accepted, sealed)
            return
        self._content.trust(submission.message_id)
        added = self._add(submission, Body(None, writer.size, writer.how_sealed))
        added.add_done_callback(partial(_pass_on, accepted))

    def _add(self, submission: Submission, body: Body) -> asyncio.Future[None]:
        then = partial(self._on_added, submission, body)
        return self._store.add(submission, body.octets, body.size, body.seal, then=then)

    def _on_added(self, submission: Submission, body: Body, error: StorageError | None) -> None:
        if error is None:
            self._offer(submission, body)
        elif body.octets is None:
            self._content.remove(submission.message_id)


def _pass_on(accepted: asyncio.Future[None], done: asyncio.Future[None]) -> None:
    error = done.exception()
    if accepted.done():
        return
    if error is None:
        accepted.set_result(None)
    else:
        accepted.set_exception(error)
        # Whoever waited may be gone; then it is nobody's mistake that nobody hears of it.
        accepted.exception()
