"""Frames between two processes of a server, over a stream socket.

    │ length of the payload, 4 octets │ kind, 1 octet │ payload │

What is sent in one turn of the event loop is written at once.  Nothing is believed of a peer but
that its octets come in order: a length that no frame has ends the connection.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from typing import cast

_HEAD = struct.Struct("!IB")
# A message with tens of thousands of recipients; what is longer was not sent by us.
MAX_PAYLOAD_OCTETS = 64 * 1024 * 1024


class FrameError(Exception):
    """The peer has sent what is no frame, or a payload that is not what its kind says; the text is a clause."""


class FrameReader:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: list[bytes] = []
        self._octets = 0
        # How many octets are needed before there is anything to do.
        self._needed = _HEAD.size

    def feed(self, octets: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the kind and the payload of each frame that is complete now.

        Raises:
            FrameError: There is none of such a length.
        """
        self._pieces.append(octets)
        self._octets += len(octets)
        if self._octets < self._needed:
            return
        held = octets if len(self._pieces) == 1 else b"".join(self._pieces)
        start = 0
        while len(held) - start >= _HEAD.size:
            length, kind = _HEAD.unpack_from(held, start)
            if length > MAX_PAYLOAD_OCTETS:
                message = f"a frame of {length} octets"
                raise FrameError(message)
            end = start + _HEAD.size + length
            if end > len(held):
                break
            yield kind, held[start + _HEAD.size : end]
            start = end
        self._keep(held[start:] if start else held)

    def _keep(self, rest: bytes) -> None:
        self._pieces = [rest] if rest else []
        self._octets = len(rest)
        self._needed = _HEAD.size
        if len(rest) >= _HEAD.size:
            self._needed += _HEAD.unpack_from(rest)[0]


class Link(asyncio.Protocol):
    """One end of a connection to another process of the server."""

    def __init__(self, heard: Callable[[int, bytes], None], lost: Callable[[str], None]) -> None:
        """Pass each frame on to *heard*; *lost* is told once when the connection is over, and why, as a clause.

        A `FrameError` that *heard* raises ends the connection.
        """
        self._heard = heard
        self._lost = lost
        self._reader = FrameReader()
        self._waiting: list[bytes] = []
        self._why = ""
        # What it does not listen for now, as it has more to do than it likes.
        self._holds: set[str] = set()
        # The peer reads less than it is told.
        self.is_full = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be able to send."""
        # A stream's; that of uvloop is no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass the frames on that are complete."""
        try:
            for kind, payload in self._reader.feed(data):
                self._heard(kind, payload)
        except FrameError as error:
            self.abort(f"it has sent {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it is over."""
        self._lost(
            self._why or (f"the connection failed: {exc}" if exc is not None else "it ended by itself, or was killed")
        )

    def pause_writing(self) -> None:
        """Take notice that the peer does not read."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Take notice that it does."""
        self.is_full = False

    def hold(self, reason: str) -> None:
        """Hear nothing more for *reason*, until it goes away; what has come with the last octets is still heard."""
        if not self._holds and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """Listen again, unless there is another reason not to."""
        was_held = bool(self._holds)
        self._holds.discard(reason)
        if was_held and not self._holds and not self._transport.is_closing():
            self._transport.resume_reading()

    def send(self, kind: int, *parts: bytes) -> None:
        """Send a frame; its payload is *parts*, one after the other."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(_HEAD.pack(sum(map(len, parts)), kind))
        self._waiting += parts

    def flush(self) -> None:
        """Write what waits to be sent."""
        octets = b"".join(self._waiting)
        self._waiting.clear()
        if octets and not self._transport.is_closing():
            self._transport.write(octets)

    def close(self) -> None:
        """End the connection, behind what was sent."""
        self.flush()
        self._transport.close()

    def abort(self, why: str = "") -> None:
        """End the connection now; *why* is a clause."""
        self._why = self._why or why
        self._waiting.clear()
        self._transport.abort()
