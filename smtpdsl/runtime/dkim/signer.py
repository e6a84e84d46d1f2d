"""Which messages are signed, when, and how often: those that this host vouches for, once.

    logged in, on the local socket, from an address of this host, a report of ours     signed
    whatever came from elsewhere, and is only sent on                                   not signed

A short message is signed at once, which takes about as long as its delivery; a long one in a thread.  One
that goes to many servers is signed for the first of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from smtpdsl.ir.matching import service_matches
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.runtime.delivery.content import open_content
from smtpdsl.runtime.dkim.keys import Keys
from smtpdsl.runtime.dkim.signing import sign
from smtpdsl.runtime.interfaces import InlineContent, QueuedMessage

# Each is a kilobyte or two.
_MAX_KNOWN = 500

# The number of a message, and the revision of the keys.
_Key: TypeAlias = tuple[int, int]


class Signer:
    """Signs messages."""

    def __init__(self, keys: Keys, addresses: Iterable[str], clock: Callable[[], float] = time.time) -> None:
        """Sign with *keys* what comes from one of *addresses*, those of this host; *clock* gives seconds since 1970."""
        self._keys = keys
        self._addresses = (LOCAL, *addresses)
        self._clock = clock
        self._known: OrderedDict[_Key, bytes] = OrderedDict()
        self._running: dict[_Key, asyncio.Future[bytes]] = {}

    async def prefix(self, message: QueuedMessage) -> bytes:
        """Return the lines that stand before the header of *message* when it leaves.

        Raises:
            ContentError: The message cannot be read.
        """
        if not self._vouches(message.client):
            return b""
        self._keys.look()
        key = message.message_id, self._keys.revision
        prefix = self._known.get(key)
        if prefix is None:
            is_short = isinstance(message.content, InlineContent)
            prefix = self._sign(message) if is_short else await self._in_thread(key, message)
            self._known[key] = prefix
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        return prefix

    async def _in_thread(self, key: _Key, message: QueuedMessage) -> bytes:
        """Sign a message, or wait until it is: several servers may get it at the same time."""
        running = self._running.get(key)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(None, self._sign, message)
            self._running[key] = running
            running.add_done_callback(partial(self._ended, key))
        # Whoever waits may be stopped; the others wait on.
        return await asyncio.shield(running)

    def _ended(self, key: _Key, future: asyncio.Future[bytes]) -> None:
        del self._running[key]
        if not future.cancelled():
            # It may be that nobody waits any more, to whom it could be said.
            future.exception()

    def _vouches(self, client: Client) -> bool:
        if client.login is not None:
            return True
        return any(service_matches(Service.NETADDR, each, client.source, "") for each in self._addresses)

    def _sign(self, message: QueuedMessage) -> bytes:
        with open_content(message.content) as opened:
            return sign(opened.chunks(b""), message.reverse_path, self._keys.of, self._clock())
