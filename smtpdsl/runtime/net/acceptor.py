"""A listening socket at work: who comes is let in, or told why not.

    accept ──▶ gate ──None──▶ a session
                    ──Reply─▶ 421, closed; one line of the log for all that a second brings

The servers of the event loops let everybody in.  And where no descriptor is left, that of
asyncio tries and reports a thousand times a second, once for each place of the backlog, and
that of libuv closes the connection without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.gate import Gate
from smtpdsl.runtime.net.seldom import Seldom

# So many in a row; then the sessions that there are have their turn.
_AT_ONCE = 32
_REST_SECONDS = 1.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CREDENTIALS = struct.Struct("3i")


class Credentials(NamedTuple):
    """The process at the other end of the local socket, as the kernel knows it (unix(7), SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


class Arrival(NamedTuple):
    """A connection that was let in; when it ends, `Gate.leave(counted)` must be called once.

    *source* is the client's address as rules compare it; None on the local socket, where
    there are *credentials* instead.  *counted* is what the gate was told: None for a proxy,
    as it has not said yet for whom it comes.
    """

    source: str | None
    counted: str | None
    credentials: Credentials | None = None


class Terms(NamedTuple):
    """How a listener treats who comes: from a proxy, and may it be told anything before TLS."""

    is_proxied: bool = False
    is_secure: bool = False


# Begins to serve a connection, or fails with an `OSError`; from then on the connection is its own.
Begin: TypeAlias = Callable[[socket.socket, Arrival], Awaitable[None]]


def welcomed_by(welcome: Callable[[Arrival], asyncio.Protocol]) -> Begin:
    """Return what serves connections in this process, each by a protocol that *welcome* makes."""

    async def begin(connection: socket.socket, arrival: Arrival) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: welcome(arrival), connection)

    return begin


class Acceptor:
    """Takes the connections of one listening socket."""

    def __init__(
        self,
        server: socket.socket,
        terms: Terms,
        gate: Gate,
        begin: Begin,
        log: Log,
    ) -> None:
        """Ask *gate* about each connection of *server*, which does not block, and let *begin* serve it."""
        self._server = server
        self._terms = terms
        self._gate = gate
        self._serve = begin
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._refused = Seldom(self._tell_refused, self._loop.call_later)
        self._rest: asyncio.TimerHandle | None = None
        # A task that nobody holds may be gone before it has ended.
        self._beginning: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept from now on."""
        self._rest = None
        self._loop.add_reader(self._server, self._accept)

    def close(self) -> None:
        """Accept nothing more; the socket is the caller's to close."""
        self._loop.remove_reader(self._server)
        if self._rest is not None:
            self._rest.cancel()
        self._refused.close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._server.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                # accept(2): an error of that connection, which is gone.
                continue
            self._receive(connection, peer)

    def _pause(self, error: OSError) -> None:
        """Look again in a second: the connections wait, and would call us without end."""
        self._loop.remove_reader(self._server)
        self._rest = self._loop.call_later(_REST_SECONDS, self.start)
        self._log.warn(f"no connection can be accepted for a second: {(error.strerror or str(error)).lower()}")

    def _receive(self, connection: socket.socket, peer: object) -> None:
        connection.setblocking(False)  # noqa: FBT003 - as the socket module has it
        source = None if connection.family == socket.AF_UNIX else source_of(peer)
        counted = None if self._terms.is_proxied else source
        refusal = self._gate.admit(counted, self._loop.time())
        if refusal is not None:
            self._refuse(connection, source, refusal)
            return
        arrival = Arrival(source, counted, credentials_of(connection) if source is None else None)
        task = self._loop.create_task(self._begin(connection, arrival))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket, arrival: Arrival) -> None:
        try:
            await self._serve(connection, arrival)
        except Exception as error:
            # There is no session that could tell of its end: it was lost before, or could not be made.
            connection.close()
            self._gate.leave(arrival.counted)
            if not isinstance(error, OSError):
                raise

    def _refuse(self, connection: socket.socket, source: str | None, refusal: Reply) -> None:
        with connection:
            # Who expects a handshake could not read it.
            if not self._terms.is_secure:
                with contextlib.suppress(OSError):
                    connection.send(f"{refusal}\r\n".encode("ascii"))
        self._refused.note(f"from {source or 'the local socket'}: {refusal}")

    def _tell_refused(self, count: int, last: str) -> None:
        which = "a connection" if count == 1 else f"{count} connections, the last"
        self._log.warn(f"refused {which} {last}")


def source_of(peer: object) -> str:
    """Return the address of *peer*, as accept(2) has it, as rules compare it."""
    match peer:
        case (str(host), int(_)):
            return host
        case (str(host), int(_), *_):
            # A client of an IPv4 address on an IPv6 socket is a client of that address.
            mapped = host.removeprefix("::ffff:")
            return mapped if mapped != host and "." in mapped else f"[{host}]"
    # The client was gone before we looked.
    return "0.0.0.0"  # noqa: S104 - an address that no client has


def credentials_of(connection: socket.socket) -> Credentials | None:
    """Return who is at the other end of a unix socket; None where the system does not tell."""
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except (AttributeError, OSError):
        return None
    return Credentials(*_CREDENTIALS.unpack(found))
