"""The SMTP processes of a server, as the queue process sees them together.

    connection ──▶ the process that has the fewest ──▶ a session there

One that ends is replaced: its clients have lost their connections, and nothing else.  One that says nothing for some
time does not serve them either, and is ended (`lookout`).
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.acceptor import Arrival
from smtpdsl.runtime.roles.descriptors import descriptor_pair, send_connection
from smtpdsl.runtime.roles.lookout import Lookout, kill
from smtpdsl.runtime.roles.messages import ToSmtp, Tried, encode_failures, encode_tried
from smtpdsl.runtime.roles.nursery import Nursery
from smtpdsl.runtime.roles.smtp_peer import House, SmtpPeer
from smtpdsl.runtime.sasl.throttle import Throttle

# What ends at once would else be started without end.
_REST_SECONDS = 1.0
# How long a client waits for a process to speak with.
_PATIENCE_SECONDS = 10.0


class SmtpProcessError(Exception):
    """The processes that speak with clients cannot be had; the text is one sentence."""


class SmtpPool:
    """Implements `Receiver`."""

    def __init__(
        self,
        nursery: Nursery,
        house: House,
        log: Log,
        on_none: Callable[[str], None],
        kill: Callable[[int], None] = kill,
    ) -> None:
        """Have the *nursery* start processes that need what *house* has.

        Args:
            nursery: Starts them.
            house: The queue, and what else they need.
            log: Told of a process that ends.
            on_none: Told, with a sentence, if there is none any more and there will be none.
            kill: Ends the process with a number.
        """
        self._nursery = nursery
        self._house = house
        self._log = log
        self._on_none = on_none
        self._lookout = Lookout(lambda: self._channels, kill)
        # What one that comes later has to know.
        self._throttle = Throttle()
        self._channels: dict[SmtpPeer, socket.socket] = {}
        # Done when a process takes connections again that had no room for more.
        self._rooms: dict[SmtpPeer, asyncio.Future[None]] = {}
        # When one was started last, or is going to be; and what those have counted that are gone.
        self._next_start = -math.inf
        self._gone: Counter[str] = Counter()
        self._starting: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._is_draining = False

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Start all of them.

        Raises:
            SmtpProcessError: One of them cannot serve.
        """
        try:
            peers = [await self._start() for _ in range(self._nursery.count)]
        except OSError as error:
            message = f"no process can be started: {error.strerror}"
            raise SmtpProcessError(message) from None
        for peer in peers:
            found = await peer.ready
            if isinstance(found, str):
                raise SmtpProcessError(found)

    def open(self) -> None:
        """Let them bring mail: the queue is there."""
        self._is_open = True
        self._nursery.watch(self._on_no_nursery)
        for peer in self._channels:
            peer.give_numbers()
        for _ in range(self._nursery.count - len(self._channels)):
            # It has ended since it was ready.
            self._begin_to_replace()
        self._lookout.look()

    def _on_no_nursery(self) -> None:
        self._log.warn(
            "the process that starts those which speak with clients is dead: mail goes on until the last of them "
            "ends, and a restart of the server would start it again"
        )

    async def _start(self) -> SmtpPeer:
        """Start one.

        Raises:
            OSError: The nursery is dead.
        """
        peer = SmtpPeer(self._house, self._tell_others, self._on_end)
        link, their_link = socket.socketpair()
        channel, their_channel = descriptor_pair()
        with their_link, their_channel:
            try:
                self._nursery.start(their_link, their_channel)
            except OSError:
                link.close()
                channel.close()
                raise
        link.setblocking(False)  # noqa: FBT003 - as the socket module has it
        # Nobody can tell it anything before there is a connection.
        await asyncio.get_running_loop().create_connection(lambda: peer.link, sock=link)
        if peer.ended.done():
            channel.close()
            return peer
        self._channels[peer] = channel
        if self._is_draining:
            channel.shutdown(socket.SHUT_WR)
        return peer

    def _on_end(self, peer: SmtpPeer, connections: int, why: str) -> None:
        if peer in self._rooms:
            self._on_room(peer)
        if (channel := self._channels.pop(peer, None)) is not None:
            channel.close()
        # Otherwise what has been counted would grow less.
        self._gone.update(peer.last_counts)
        if self._is_draining or not self._is_open:
            return
        which = f"{peer.ready.result()} " if isinstance(peer.ready.result(), int) else ""
        self._log.warn(
            f"the SMTP process {which}is gone, with {connections} connections: {why}; another one is started"
        )
        self._begin_to_replace()

    def _begin_to_replace(self) -> None:
        task = asyncio.ensure_future(self._replace())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _replace(self) -> None:
        """Start another one: at once, unless one was started just now."""
        now = asyncio.get_running_loop().time()
        self._next_start = max(now, self._next_start + _REST_SECONDS)
        await asyncio.sleep(self._next_start - now)
        if self._is_draining:
            return
        try:
            peer = await self._start()
        except ConnectionError:
            self._log.warn("no other one can be started: the process that starts them is dead")
            if not self._channels:
                self._on_none("no process is left that speaks with clients")
            return
        except OSError as error:
            self._log.warn(f"no other one can be started now: {error.strerror}")
            self._begin_to_replace()
            return
        peer.link.send(ToSmtp.FAILURES, encode_failures(self._throttle.remembered(asyncio.get_running_loop().time())))
        peer.give_numbers()
        found = await peer.ready
        if isinstance(found, str):
            self._log.warn(f"another SMTP process cannot serve: {found}")

    # ------------------------------------------------------------ clients

    async def begin(self, number: int, connection: socket.socket, arrival: Arrival) -> None:
        """Give *connection*, of a client who has come to the address *number*, to one of them."""
        while True:
            peers = sorted(self._ready(), key=lambda each: each.connections)
            if not peers:
                await self._wait_for_somebody()
            for peer in peers:
                if self._has_taken(peer, number, connection, arrival):
                    connection.close()
                    return
            if peers:
                await asyncio.wait([self._room(peer) for peer in peers], return_when=asyncio.FIRST_COMPLETED)

    async def _wait_for_somebody(self) -> None:
        """Wait until a process is ready that can be given clients.

        Raises:
            OSError: None will be, or not soon.
        """
        coming: list[asyncio.Future[Any]] = [each.becoming_able for each in self._channels]
        coming = [*(each for each in coming if not each.done()), *self._starting]
        if self._is_draining or not coming:
            message = "there is nobody to speak with it"
            raise ConnectionAbortedError(message)
        done, _ = await asyncio.wait(coming, timeout=_PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            message = "nobody speaks with it for now"
            raise ConnectionAbortedError(message)

    def _has_taken(self, peer: SmtpPeer, number: int, connection: socket.socket, arrival: Arrival) -> bool:
        """Try to give *connection* to *peer*, and return whether it is its own now."""
        try:
            send_connection(self._channels[peer], number, connection, arrival)
        except BlockingIOError:
            return False
        except ConnectionError:
            # It is about to end, or takes nobody any more.
            peer.link.abort()
            return False
        peer.arrive(arrival.counted)
        return True

    def _room(self, peer: SmtpPeer) -> asyncio.Future[None]:
        """Return what is done when *peer* takes connections again, or has ended; several may wait for it."""
        room = self._rooms.get(peer)
        if room is None:
            loop = asyncio.get_running_loop()
            room = self._rooms[peer] = loop.create_future()
            loop.add_writer(self._channels[peer], self._on_room, peer)
        return room

    def _on_room(self, peer: SmtpPeer) -> None:
        asyncio.get_running_loop().remove_writer(self._channels[peer])
        self._rooms.pop(peer).set_result(None)

    def _ready(self) -> list[SmtpPeer]:
        if self._is_draining:
            return []
        return [peer for peer in self._channels if peer.is_able]

    def _tell_others(self, teller: SmtpPeer, tried: Tried) -> None:
        note: Callable[[float, str, str], object] = (
            self._throttle.succeeded if tried.is_right else self._throttle.failed
        )
        note(asyncio.get_running_loop().time(), tried.source, tried.login)
        payload = encode_tried(tried)
        for peer in self._channels:
            # Whoever does not listen is not told more and more.
            if peer is not teller and not peer.link.is_full:
                peer.link.send(ToSmtp.TRIED, payload)

    async def counts(self) -> Counter[str]:
        """Return what they have counted, all together."""
        total = Counter(self._gone)
        for counts in await asyncio.gather(*(peer.counts() for peer in self._channels)):
            total.update(counts)
        return total

    # ------------------------------------------------------------ the end

    def drain(self) -> None:
        """Let each session end when its transaction has ended, and with the last one its process."""
        self._is_draining = True
        self._nursery.close()
        for channel in self._channels.values():
            channel.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """End all sessions now."""
        for peer in self._channels:
            peer.link.send(ToSmtp.ABORT)

    async def wait_until_none(self) -> None:
        """Wait for the last process to end."""
        while self._channels:
            await asyncio.wait([peer.ended for peer in self._channels])

    async def close(self) -> None:
        """Hang up on whoever is still there."""
        self._lookout.close()
        for task in self._starting:
            task.cancel()
        if self._channels:
            # What they were told last, their clients may still hear.
            await asyncio.wait([peer.ended for peer in self._channels], timeout=_REST_SECONDS)
        for peer in tuple(self._channels):
            peer.link.abort()
        await self.wait_until_none()
