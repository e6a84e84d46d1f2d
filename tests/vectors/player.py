"""Plays a vector as a client of the server: reach its state, make its steps, see how it ends.

    connect ▶ pre: greeting, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA ▶ steps ▶ wait for the end ▶ Played

A text is written, and its replies are awaited: as many as the vector expects for it where that can
be told, else until the server has been silent for a while.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from random import Random
from typing import assert_never

from tests.vectors.codes import Codes
from tests.vectors.crowd import play_crowd
from tests.vectors.format import PRES, Vector
from tests.vectors.modes import Mode, blocks, pieces
from tests.vectors.played import LOGIN, PASSWORD, Door, Played
from tests.vectors.replies import shown
from tests.vectors.steps import (
    ConnectMany,
    Early,
    HalfClose,
    Handshake,
    Listen,
    Pause,
    Repeat,
    Reset,
    Slowly,
    Step,
    StopReading,
    TlsClose,
    Write,
)
from tests.vectors.tls_client import TlsClient
from tests.vectors.wire import Wire, within

SENDER, RECIPIENT = "a@elsewhere.test", "alice@local.test"

# How long the server may be silent between two steps, and after the last one.
_SILENCE_SECONDS = 0.5
_LAST_SILENCE_SECONDS = 0.25
# How long a reply or the end of a connection is waited for; the longest limit of the fixture is 10 s.
_PATIENCE_SECONDS = 15.0
_DOUBT_SECONDS = 1.0
_CLOSING_SECONDS = 30.0
_HANDSHAKE_SECONDS = 15.0
# How often a connection that is not read is looked at until it has to be closed.
_LOOKS = 150


class _NotReachedError(Exception):
    """The state in which a vector begins could not be reached."""


class Player:
    """Plays one vector once."""

    def __init__(self, vector: Vector, mode: Mode, door: Door, source: str, random: Random) -> None:
        """Play *vector* through *door*, from the address *source*."""
        self.vector = vector
        self._mode, self._door, self._source, self._random = mode, door, source, random
        self._codes = Codes(vector.codes)
        self._early = 0
        self._is_reading = True
        self._problems: list[str] = []
        self._counts = _reply_counts(vector)

    async def play(self) -> Played:
        """Play it; whatever goes wrong is told in what is returned."""
        try:
            self._wire = await Wire.connect(self._door.port, self._source)
        except OSError as error:
            return Played((), (), is_closed=True, sent=(), problems=(f"no connection: {error}",))
        wire = self._wire
        try:
            await self._reach(self.vector.pre)
            await self._make_steps()
            await self._wait_for_the_end()
        except _NotReachedError as error:
            self._problems.append(str(error))
        is_closed = wire.is_closed
        await wire.leave()
        replies = tuple(wire.reader.replies)
        return Played(
            replies[: self._early],
            replies[self._early :],
            is_closed,
            tuple(wire.sent),
            tuple(wire.reader.problems),
            tuple(self._problems),
        )

    # ------------------------------------------------------------ the state before

    async def _reach(self, pre: str) -> None:
        """Say what leads to the state *pre* of the listener."""
        if pre == "raw":
            return
        if self._door.is_implicit_tls:
            await self._secure()
        await self._expect("220", b"")
        if self._door.starts_tls:
            await self._expect("250", b"EHLO client.test\r\n")
            await self._expect("220", b"STARTTLS\r\n")
            await self._secure()
            await self._expect("250", b"EHLO client.test\r\n")
        if self._door.logs_in:
            response = b64encode(f"\0{LOGIN}\0{PASSWORD}".encode())
            await self._expect("235", b"AUTH PLAIN %s\r\n" % response)
        words = [b"EHLO client.test\r\n", b"MAIL FROM:<%s>\r\n" % SENDER.encode()]
        words += [b"RCPT TO:<%s>\r\n" % RECIPIENT.encode(), b"DATA\r\n"]
        for octets in words[int(self._door.starts_tls) : PRES.index(pre) - 1]:
            await self._expect("354" if octets == b"DATA\r\n" else "250", octets)
        self._early = len(self._wire.codes)

    async def _secure(self) -> None:
        problem = await self._wire.handshake(TlsClient(Handshake()), _HANDSHAKE_SECONDS)
        if problem:
            message = f"TLS did not come up before the vector began: {problem}"
            raise _NotReachedError(message)

    async def _expect(self, code: str, octets: bytes) -> None:
        """Say *octets*, and get a reply with *code*."""
        wire, before = self._wire, len(self._wire.codes)
        await wire.send(octets)
        while len(wire.codes) == before and not wire.is_closed and await wire.news(_PATIENCE_SECONDS):
            pass
        self._early = len(wire.codes)
        if wire.codes[before:] != [code]:
            found = [f"{each.code} {each.text}" for each in wire.reader.replies[before:]]
            message = f"the state before was not reached: {shown(octets)} got {found}, not {code}"
            raise _NotReachedError(message)

    # ------------------------------------------------------------ the steps

    async def _make_steps(self) -> None:
        for position, step in enumerate(self.vector.steps):
            await self._make(step)
            is_last = position == len(self.vector.steps) - 1
            if isinstance(step, Write | Slowly) and not is_last and (not isinstance(step, Write) or step.reads):
                await self._read_replies(self._counts[position])

    async def _make(self, step: Step) -> None:
        wire = self._wire
        match step:
            case Write(octets) | Early(octets):
                await self._write(octets)
            case Repeat(count, octets):
                for block in blocks(octets, count):
                    await self._write(block)
            case Pause(seconds) | Listen(seconds):
                await within(wire.closed, seconds)
            case Slowly(octets, gap):
                for at in range(len(octets)):
                    await wire.send(octets[at : at + 1])
                    if await within(wire.closed, gap):
                        return
            case HalfClose():
                wire.half_close()
            case Reset():
                wire.reset()
            case Handshake():
                await self._handshake(step)
            case TlsClose():
                wire.end_tls()
            case StopReading():
                wire.transport.pause_reading()
                self._is_reading = False
            case ConnectMany():
                self._problems += await play_crowd(step, self._door.port, self._source)
            case _:
                assert_never(step)

    async def _write(self, octets: bytes) -> None:
        """Write *octets*, in the pieces of the mode."""
        cut = pieces(octets, self._mode, self._random)
        for piece in cut:
            if self._wire.is_closed:
                return
            await self._send(piece)
            if len(cut) > 1:
                # Lets the piece go on its way alone, where there are not too many of them.
                await asyncio.sleep(0.001 if len(cut) < 500 else 0)

    async def _send(self, piece: bytes) -> None:
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._wire.send(piece)
        except TimeoutError:
            self._problems.append(f"the server took nothing for {_CLOSING_SECONDS:g} seconds")
            self._wire.transport.abort()

    async def _handshake(self, step: Handshake) -> None:
        if self._wire.codes and self._wire.codes[-1] != "220":
            # The server did not say that it may begin.
            return
        try:
            tls = TlsClient(step)
        except (ValueError, ssl.SSLError) as error:
            self._problems.append(f"the harness cannot make such a handshake: {error}")
            return
        problem = await self._wire.handshake(tls, _HANDSHAKE_SECONDS)
        if step.fails and not problem:
            self._problems.append("the handshake came about, and should have failed")
        elif problem and not step.fails and self.vector.conn == "open":
            self._problems.append(f"the handshake failed: {problem}")

    async def _read_replies(self, count: int | None) -> None:
        """Read until there are the first *count* items of what is expected, or until the server is silent."""
        wire = self._wire
        while not wire.is_closed:
            if count is not None and self._codes.fit(self._found, count):
                return
            if not await wire.news(_SILENCE_SECONDS):
                return

    @property
    def _found(self) -> list[str]:
        return self._wire.codes[self._early :]

    # ------------------------------------------------------------ the end

    async def _wait_for_the_end(self) -> None:
        """Wait until the last replies are here and the connection is closed, or is going to stay open."""
        wire = self._wire
        if not self._is_reading:
            # What was said before the end is read when nothing else is to be seen.
            for _ in range(_LOOKS):
                if wire.was_ended or await within(wire.closed, _CLOSING_SECONDS / _LOOKS):
                    break
            wire.transport.resume_reading()
        if self.vector.conn == "closed":
            await within(wire.closed, _CLOSING_SECONDS)
            return
        while not wire.is_closed and not self._codes.fit(self._found):
            # With as many replies as are expected, or more, there is no reason to believe in another one.
            is_short = len(self._found) < len(self.vector.codes)
            if not await wire.news(_PATIENCE_SECONDS if is_short else _DOUBT_SECONDS):
                break
        while not wire.is_closed and await wire.news(_LAST_SILENCE_SECONDS):
            pass


def _reply_counts(vector: Vector) -> dict[int, int | None]:
    """Return, for the position of each step, how many items of `codes` are expected after it; None: nobody knows."""
    texts = [at for at, step in enumerate(vector.steps) if isinstance(step, Slowly | Write) and _reads(step)]
    repeats = [at for at, step in enumerate(vector.steps) if isinstance(step, Repeat)]
    for answered in (texts, sorted(texts + repeats)):
        if len(answered) == len(vector.codes):
            return {at: count for count, at in enumerate(answered, 1)}
    return dict.fromkeys(texts)


def _reads(step: Step) -> bool:
    return not isinstance(step, Write) or step.reads
