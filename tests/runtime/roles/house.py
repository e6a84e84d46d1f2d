"""The queue process as SMTP processes find it, and such a process as a test wants it, behind a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections import deque

from smtpdsl.runtime.interfaces import StorageError
from smtpdsl.runtime.net.gate import Gate, GateLimits
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.frames import FrameReader
from smtpdsl.runtime.roles.messages import ToQueue, ToSmtp, Tried, number
from smtpdsl.runtime.roles.smtp_peer import House, SmtpPeer
from smtpdsl.runtime.supervisor.asking import Root
from smtpdsl.runtime.supervisor.batches import encode_questions
from smtpdsl.runtime.supervisor.questions import ReadFile
from tests.runtime.net.places import Intake
from tests.runtime.policies import policy_of

POLICY = policy_of('action "local" maildir\nmatch from any for local action "local"\n')
# Every process gets ten numbers at a time: 100 … 109, then 200 … 209.
BLOCK, STEP = 10, 100


class Spool(Intake):
    """A queue that gives numbers."""

    def __init__(self, error: StorageError | None = None, *, has_numbers: bool = True) -> None:
        """Fail with *error*, if there is one."""
        super().__init__(error)
        self._has_numbers = has_numbers
        self._start = 0

    def reserve(self) -> asyncio.Future[Block]:
        """Give ten of them."""
        reserved: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        if self._has_numbers:
            self._start += STEP
            reserved.set_result(Block(self._start, self._start + BLOCK))
        else:
            reserved.set_exception(StorageError("no room"))
        return reserved


class Process:
    """The other end of a link: says what a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be connected."""
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._heard: deque[tuple[int, bytes]] = deque()

    def say(self, kind: int, *parts: bytes) -> None:
        """Send a frame."""
        payload = b"".join(parts)
        self.write(len(payload).to_bytes(4, "big") + bytes([kind]) + payload)

    def write(self, octets: bytes) -> None:
        """Send octets."""
        self._writer.write(octets)

    async def hear(self, kind: int) -> bytes:
        """Return the payload of the next frame of *kind*; others are passed over."""
        while True:
            while self._heard:
                found, payload = self._heard.popleft()
                if found == kind:
                    return payload
            octets = await self._reader.read(1 << 20)
            assert octets, f"the end, instead of {ToSmtp(kind)!r}"
            self._heard += self._frames.feed(octets)

    async def be_understood(self) -> None:
        """Return when everything that was said was heard."""
        self.say(ToQueue.ASK, number(0), encode_questions([ReadFile(0)]))
        await self.hear(ToSmtp.ANSWERS)

    def end(self) -> None:
        """Be gone."""
        self._writer.transport.abort()


class FakeHouse:
    """What a process needs, and what was told of it."""

    def __init__(self, spool: Spool | None = None, root: Root | None = None) -> None:
        """Have nothing yet."""
        self.spool = spool or Spool()
        self.gate = Gate(GateLimits(connections=20, of_source=20))
        self.house = House(self.spool, self.gate, root, POLICY)
        self.told: list[Tried] = []
        self.ended: list[str] = []

    async def connect(self, clients: int = 0) -> tuple[SmtpPeer, Process]:
        """Have a process that has numbers, and so many *clients*."""
        peer = SmtpPeer(self.house, lambda _, tried: self.told.append(tried), lambda _, __, why: self.ended.append(why))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - as the socket module has it
        await asyncio.get_running_loop().create_connection(lambda: peer.link, sock=ours)
        process = Process(*await asyncio.open_connection(sock=theirs))
        peer.give_numbers()
        await process.hear(ToSmtp.NUMBERS)
        for _ in range(clients):
            assert self.gate.admit("192.0.2.1", 0) is None
            peer.arrive("192.0.2.1")
        return peer, process
