"""Clients that measure, and clients that are a nuisance; each runs in the network of a server, as a process of its own.

    python -m benchmarks.talk transactions 100     milliseconds of each, one at a time, with rests between them
    python -m benchmarks.talk sessions 100         EHLO and QUIT
    python -m benchmarks.talk handshakes 100       EHLO, STARTTLS, EHLO and QUIT
    python -m benchmarks.talk probe 20             milliseconds until NOOP is answered, for 20 seconds
    python -m benchmarks.talk echo 20              the same of a process that does nothing else: what the machine adds
    python -m benchmarks.talk hostile 20           the vectors that need no more than a server, for 20 seconds

Prints what was measured as a list, in JSON.  All talk to 127.0.0.1:25.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from random import Random

from benchmarks.servers import RECIPIENT
from tests.vectors.format import Role, Vector
from tests.vectors.modes import Mode, octets_of
from tests.vectors.played import Door
from tests.vectors.player import Player
from tests.vectors.runner import DEFAULT_FILE, read
from tests.vectors.steps import ConnectMany, StopReading

ADDRESS = ("127.0.0.1", 25)
_PATIENCE_SECONDS = 60.0
# Nobody queues behind anybody: what is measured is how long a transaction takes, not how many there can be.
_REST_SECONDS = 0.02
_PROBE_SECONDS = 0.005
_OCTETS = 4096
_QUIET_OCTETS = 1024 * 1024
_NUISANCES = 16


class Client:
    """A client that waits for each reply."""

    def __init__(self) -> None:
        """Connect, and read the greeting."""
        self._socket: socket.socket = socket.create_connection(ADDRESS, _PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._expect()

    def say(self, octets: bytes) -> None:
        """Say *octets*, and wait for the reply, which has to be positive."""
        self._socket.sendall(octets)
        self._expect()

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._socket = context.wrap_socket(self._socket)

    def leave(self) -> None:
        """Say QUIT, and close."""
        self.say(b"QUIT\r\n")
        self._socket.close()

    def _expect(self) -> None:
        line = b"   -"
        while line[3:4] == b"-":
            while b"\n" not in self._unread:
                received = self._socket.recv(65536)
                if not received:
                    message = "the server has closed the connection"
                    raise ConnectionError(message)
                self._unread += received
            line, _, self._unread = self._unread.partition(b"\n")
        if line[:1] not in {b"2", b"3"}:
            message = f"the server says {line!r}"
            raise ConnectionError(message)


def transactions(count: int) -> list[float]:
    """Measure *count* transactions, one after the other."""
    client = Client()
    client.say(b"EHLO client.example.com\r\n")
    line = b"x" * 62 + b"\r\n"
    content = b"From: <sender@example.com>\r\nSubject: a mail\r\n\r\n" + line * (_OCTETS // len(line)) + b".\r\n"
    commands = (b"MAIL FROM:<sender@example.com>\r\n", f"RCPT TO:<{RECIPIENT}>\r\n".encode(), b"DATA\r\n", content)
    found = []
    for _ in range(count):
        time.sleep(_REST_SECONDS)
        start = time.perf_counter()
        for octets in commands:
            client.say(octets)
        found.append(1000 * (time.perf_counter() - start))
    client.leave()
    return found


def sessions(count: int) -> list[float]:
    """Come and go *count* times."""
    for _ in range(count):
        client = Client()
        client.say(b"EHLO client.example.com\r\n")
        client.leave()
    return []


def handshakes(count: int) -> list[float]:
    """Come, make a handshake and go, *count* times."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for _ in range(count):
        client = Client()
        client.say(b"EHLO client.example.com\r\n")
        client.say(b"STARTTLS\r\n")
        client.secure(context)
        client.say(b"EHLO client.example.com\r\n")
        client.leave()
    return []


def probe(seconds: int) -> list[float]:
    """Say NOOP again and again, for some *seconds*; a client that says nothing else is sent away now and then."""
    found = []
    client = Client()
    end = time.perf_counter() + seconds
    for number in itertools.count(1):
        start = time.perf_counter()
        if start > end:
            break
        if number % 50 == 0:
            client.leave()
            client = Client()
            continue
        client.say(b"NOOP\r\n")
        found.append(1000 * (time.perf_counter() - start))
        time.sleep(_PROBE_SECONDS)
    client.leave()
    return found


def echo(seconds: int) -> list[float]:
    """Ask a process that answers at once again and again, for some *seconds*."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        while octets := theirs.recv(1):
            theirs.sendall(octets)
        os._exit(0)
    theirs.close()
    found = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        ours.sendall(b"x")
        ours.recv(1)
        found.append(1000 * (time.perf_counter() - start))
        time.sleep(_PROBE_SECONDS)
    ours.close()
    os.wait()
    return found


def hostile(seconds: int) -> list[float]:
    """Play vectors for some *seconds*, many at a time; how they end is the business of `make vectors`."""
    played = asyncio.run(_hostile(seconds))
    return [float(played)]


async def _hostile(seconds: int) -> int:
    files = sorted(DEFAULT_FILE.parent.glob("*-bad-input.jsonl"))
    runs = _runs([vector for file in files for vector in read(file) if _is_playable(vector)])
    count = 0

    async def play_on() -> None:
        nonlocal count
        for vector, mode in runs:
            await Player(vector, mode, Door(ADDRESS[1]), "127.0.0.1", Random(count)).play()  # noqa: S311 - no secret
            count += 1

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(play_on() for _ in range(_NUISANCES)))
    return count


def _runs(vectors: list[Vector]) -> Iterator[tuple[Vector, Mode]]:
    """Yield *vectors* without end, each in every mode."""
    return itertools.cycle(list(itertools.product(vectors, Mode)))


def _is_playable(vector: Vector) -> bool:
    """Whether *vector* needs a server and nothing else, and hurts nobody but the server."""
    is_loud = octets_of(vector) > _QUIET_OCTETS or any(
        isinstance(step, ConnectMany | StopReading) for step in vector.steps
    )
    return vector.role is Role.CLIENT and vector.listener == "mx" and not vector.setup and not is_loud


KINDS: dict[str, Callable[[int], list[float]]] = {
    "transactions": transactions,
    "sessions": sessions,
    "handshakes": handshakes,
    "probe": probe,
    "echo": echo,
    "hostile": hostile,
}


def main() -> None:
    """Run one of them, and print what it has measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("number", type=int, help="how many, or for how many seconds")
    chosen = parser.parse_args()
    print(json.dumps(KINDS[chosen.kind](chosen.number)))


if __name__ == "__main__":
    main()
