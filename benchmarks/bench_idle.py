"""How much memory a client takes that says nothing; `make bench-accept` runs it, too.

Many clients connect to the real server, over loopback, say EHLO, and are silent.  The memory of
all the server's own processes before and after (what they share counts once: Pss), divided by their
number, is what one of them takes.  With TLS they say EHLO once more behind STARTTLS.

Prints a table, and as the last line the same as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import OURS, Figure, as_data, at_most, table
from benchmarks.servers import AbsentError
from benchmarks.spread import Spread
from smtpdsl.runtime.net.descriptors import raise_limit
from tests.certificates import make_pair
from tests.processes import roles_of, shared_memory_kib
from tests.servers import Server

RULES = 'action "local" maildir\nmatch from any for local action "local"\n'
PKI = 'pki idle cert "/mx.crt" key "/mx.key"\n'
# What this process needs beside its clients.
KEPT_DESCRIPTORS = 100
# The first ones load what all of them need, and take the memory that the start has left behind.
WARM_UP = 1000
AT_ONCE = 200
PATIENCE_SECONDS = 120


class Kind(NamedTuple):
    """How clients connect, how many of them there are, and how many KiB one may take."""

    name: str
    clients: int
    bar: float
    configuration: str
    is_secure: bool = False


KINDS = (
    Kind("plain", 5000, 30.0, f"listen on 127.0.0.1 port PORT\n{RULES}"),
    Kind("tls", 2000, 64.0, f"{PKI}listen on 127.0.0.1 port PORT tls pki idle\n{RULES}", is_secure=True),
)


class Measured(NamedTuple):
    """What *clients* took of the memory of a server, in KiB."""

    clients: int
    before: int
    after: int

    @property
    def each(self) -> float:
        """What one of them takes."""
        return (self.after - self.before) / self.clients


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [kind.name for kind in KINDS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="only these clients")
    parser.add_argument("--clients", type=int, help="so many of each (default: 5000 plain, 2000 with TLS)")
    return parser.parse_args()


def resident(process: int) -> int:
    """Return the memory of the server *process*, and of those that speak with clients for it, in KiB."""
    found = shared_memory_kib(roles_of(process).own)
    assert found, "the process has ended"
    return found


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: bytes) -> None:
    """Send *command*, if there is one, and read the reply."""
    writer.write(command)
    line = b"   -"
    while line[3:4] == b"-":
        line = await reader.readline()
    if line[:1] != b"2":
        message = f"{command!r} is answered {line!r}"
        raise AbsentError(message)


async def connect(port: int, context: ssl.SSLContext | None) -> asyncio.StreamWriter:
    """Come to where a client has nothing more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await converse(reader, writer, b"")
    await converse(reader, writer, b"EHLO idle.test\r\n")
    if context is not None:
        await converse(reader, writer, b"STARTTLS\r\n")
        await writer.start_tls(context)
        await converse(reader, writer, b"EHLO idle.test\r\n")
    return writer


async def measure(server: Server, clients: int, context: ssl.SSLContext | None) -> Measured:
    """Let *clients* connect, and look at the memory of *server*."""
    writers = await crowd(server, WARM_UP, context)
    before = resident(server.pid)
    writers += await crowd(server, clients, context)
    found = Measured(clients, before, resident(server.pid))
    for writer in writers:
        writer.transport.abort()
    return found


async def crowd(server: Server, clients: int, context: ssl.SSLContext | None) -> list[asyncio.StreamWriter]:
    """Connect *clients*, some at a time."""
    writers: list[asyncio.StreamWriter] = []
    while len(writers) < clients:
        count = min(AT_ONCE, clients - len(writers))
        writers += await asyncio.gather(*(connect(server.port, context) for _ in range(count)))
    return writers


def run(kind: Kind, clients: int) -> Measured:
    """Start a server, and measure *kind*."""
    context = None
    with tempfile.TemporaryDirectory(prefix="bench-idle-") as folder:
        # The server gives up root, and has to get there all the same.
        Path(folder).chmod(0o755)
        server = Server(Path(folder), kind.configuration)
        if kind.is_secure:
            pair = make_pair("mx.test")
            (server.root / "mx.crt").write_text(pair.certificate)
            (server.root / "mx.key").touch(mode=0o600)
            (server.root / "mx.key").write_text(pair.key)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=pair.certificate)
            context.check_hostname = False
        try:
            server.start()
            return asyncio.run(asyncio.wait_for(measure(server, clients, context), PATIENCE_SECONDS))
        except AssertionError as error:
            raise AbsentError(str(error)) from None
        finally:
            server.kill()


def measure_all(kinds: Sequence[Kind] = KINDS, clients: int | None = None) -> list[Figure]:
    """Measure *kinds*, with so many *clients* of each, or as many as usual."""
    descriptors = raise_limit() - KEPT_DESCRIPTORS - WARM_UP
    figures = []
    for kind in kinds:
        count = min(clients or kind.clients, descriptors)
        try:
            values = {OURS: Spread([run(kind, count).each])}
        except (AbsentError, OSError) as reason:
            print(f"{kind.name} is absent: {reason}", file=sys.stderr)
            continue
        figures.append(Figure(f"{count} idle clients, {kind.name}, KiB each", values, (at_most(values, kind.bar),)))
    return figures


def main() -> None:
    """Run, and print."""
    chosen = options()
    found = measure_all([kind for kind in KINDS if kind.name in chosen.only], chosen.clients)
    print(*table(found, [OURS]), sep="\n")
    print(json.dumps({"benchmark": "idle", "figures": as_data(found)}))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
