"""An SMTP process: it speaks with clients, and has no rights at all.

    while root    keys ──▶ memory
    then          root ──▶ the account, and no file can be written any more
    from then on  connections ◀── channel          everything else ◀─▶ link

It ends when it has no sessions and nobody comes any more, or when the queue process is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from smtpdsl.ir.answers import Site
from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.runtime.confinement import confine
from smtpdsl.runtime.control.statistics import CountingLog
from smtpdsl.runtime.fault import report_faults
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.loops import loop_factory
from smtpdsl.runtime.net.acceptor import Arrival
from smtpdsl.runtime.net.descriptors import raise_limit
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from smtpdsl.runtime.policy import Outside, Policy
from smtpdsl.runtime.privileges import PrivilegeError, give_up_root
from smtpdsl.runtime.reception import Means, Reception
from smtpdsl.runtime.roles.descriptors import LostConnectionError, receive_connection
from smtpdsl.runtime.roles.frames import Link
from smtpdsl.runtime.roles.messages import (
    ToQueue,
    ToSmtp,
    block_of,
    decode_admission,
    decode_failures,
    decode_refusal,
    decode_tried,
    encode_counts,
    number,
    numbered,
    numbers_of,
    octets_of,
    paired,
)
from smtpdsl.runtime.roles.remote_parts import RemoteGate, RemoteRoot, SharedThrottle
from smtpdsl.runtime.roles.remote_queue import RemoteQueue
from smtpdsl.runtime.supervisor.asking import AskedSources
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.chartering import charter_of, listener_files
from smtpdsl.runtime.supervisor.held_files import HeldFiles

# By which the queue process knows, too, that this one is alive.
_COUNTING_SECONDS = 10.0
_LAST_SECONDS = 10.0
# Connections that are taken in a row.
_AT_ONCE = 32
# Which the queue process gets, and acts on.
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Setting(NamedTuple):
    """What every SMTP process of a server is given.

    An *account* is what it becomes if it is root.  It must not get to the *spool*.  *processes* of them share the
    work.
    """

    program: Program
    site: Site
    outside: Outside
    locate: Callable[[str], str]
    log: Log
    root: str
    account: Account | None
    spool: str
    processes: int


def serve(setting: Setting, link: socket.socket, channel: socket.socket) -> None:
    """Serve the clients that come over *channel*, until nobody comes any more."""
    for name in _IGNORED:
        signal.signal(name, signal.SIG_IGN)

    async def run() -> None:
        await SmtpProcess(setting).run(link, channel)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run())


class SmtpProcess:
    """What runs in such a process."""

    def __init__(self, setting: Setting) -> None:
        """Be told what to serve, on the running event loop."""
        self._setting = setting
        self._log = CountingLog(setting.log)
        self._is_over = asyncio.Event()
        self._beginning: set[asyncio.Task[None]] = set()
        self._link = Link(self._hear, self._on_lost)
        send = self._link.send
        self._queue = RemoteQueue(send)
        self._gate = RemoteGate(send)
        self._root = RemoteRoot(send)
        self._throttle = SharedThrottle(send)
        # From the moment on at which it is known that it can serve.
        self._reception: Reception | None = None

    async def run(self, link: socket.socket, channel: socket.socket) -> None:
        """Serve until the end; what cannot be served is told to the queue process."""
        loop = asyncio.get_running_loop()
        report_faults(loop, self._log)
        dns = NameServers(trusted=[each.text for each in self._setting.program.settings.trusted_resolvers])
        failure = ""
        try:
            reception, watch = self._prepare(dns)
        except (TlsSetupError, PrivilegeError) as error:
            failure = str(error)
        # Nothing that another process says is read before this one has given up what it can.
        await loop.create_connection(lambda: self._link, sock=link)
        if failure:
            self._link.send(ToQueue.FAILED, octets_of(failure))
            self._link.close()
            return
        self._reception = reception
        self._link.send(ToQueue.READY, number(os.getpid()))
        self._tell_counts()
        loop.add_reader(channel, partial(self._receive, channel, reception))
        await self._is_over.wait()
        await self._end(reception, watch)

    # ------------------------------------------------------------ the beginning

    def _prepare(self, dns: NameServers) -> tuple[Reception, asyncio.Task[None] | None]:
        """Read the keys, and give up everything; return who serves, and what watches the keys from now on.

        Raises:
            TlsSetupError: A certificate cannot be used.
            PrivilegeError: Root cannot be given up.
        """
        setting = self._setting
        charter = charter_of(setting.program, setting.account, setting.root) if setting.account is not None else None
        held = HeldFiles(charter, listener_files(setting.program)) if charter is not None else None
        reception = Reception(setting.program, self._means(dns, held or OWN_FILES, charter))
        raise_limit()
        if setting.account is not None:
            give_up_root(setting.account)
        confine(setting.spool)
        if held is None:
            return reception, None
        return reception, asyncio.ensure_future(held.watch(self._root, self._log.warn))

    def _means(self, dns: NameServers, files: Files, charter: Charter | None) -> Means:
        setting, log = self._setting, self._log
        sources = AskedSources(self._root, charter, log.warn) if charter is not None else None
        return Means(
            policy=Policy(setting.program, setting.site, setting.outside, sources, warn=log.warn),
            intake=self._queue,
            door=self._gate,
            dns=dns,
            log=log,
            clock=time.time,
            locate=setting.locate,
            files=files,
            verify=sources.verify if sources is not None else None,
            throttle=self._throttle,
            share=1 / setting.processes,
        )

    # ------------------------------------------------------------ clients

    def _receive(self, channel: socket.socket, reception: Reception) -> None:
        """Take connections that are there; then the sessions that there are have their turn."""
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                found = receive_connection(channel)
            except BlockingIOError:
                return
            except LostConnectionError as error:
                self._gate.leave(error.arrival.counted)
                self._log.warn(f"a client was hung up on: {error}")
                continue
            if found is None:
                loop.remove_reader(channel)
                self._is_over.set()
                return
            task = loop.create_task(self._begin(reception, *found))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, reception: Reception, address: int, connection: socket.socket, arrival: Arrival) -> None:
        try:
            await reception.begin(address, connection, arrival)
        except Exception as error:
            # There is no session that could tell of its end.
            connection.close()
            self._gate.leave(arrival.counted)
            if not isinstance(error, OSError):
                raise

    # ------------------------------------------------------------ the queue process

    def _hear(self, kind: int, payload: bytes) -> None:
        self._HEARD[ToSmtp(kind)](self, payload)

    def _on_numbers(self, payload: bytes) -> None:
        self._queue.add_numbers(block_of(payload))

    def _on_taken(self, payload: bytes) -> None:
        self._queue.taken(numbers_of(payload))

    def _on_refused(self, payload: bytes) -> None:
        self._queue.refused(*decode_refusal(payload))

    def _on_room(self, payload: bytes) -> None:
        self._queue.written(*paired(payload))

    def _on_admitted(self, payload: bytes) -> None:
        ask, reply = numbered(payload)
        self._gate.admitted(ask, decode_admission(reply))

    def _on_answers(self, payload: bytes) -> None:
        self._root.answered(*numbered(payload))

    def _on_tried(self, payload: bytes) -> None:
        self._throttle.heard(time.monotonic(), decode_tried(payload))

    def _on_failures(self, payload: bytes) -> None:
        self._throttle.remember(time.monotonic(), decode_failures(payload))

    def _on_count(self, _: bytes = b"") -> None:
        self._link.send(ToQueue.COUNTS, encode_counts(self._log.counts))

    def _tell_counts(self) -> None:
        """Tell now and then what was counted, lest it be lost with this process."""
        self._on_count()
        asyncio.get_running_loop().call_later(_COUNTING_SECONDS, self._tell_counts)

    def _on_abort(self, _: bytes) -> None:
        if self._reception is not None:
            self._reception.abort()

    _HEARD: Mapping[ToSmtp, Callable[[SmtpProcess, bytes], None]] = {
        ToSmtp.NUMBERS: _on_numbers,
        ToSmtp.TAKEN: _on_taken,
        ToSmtp.REFUSED: _on_refused,
        ToSmtp.ROOM: _on_room,
        ToSmtp.ADMITTED: _on_admitted,
        ToSmtp.ANSWERS: _on_answers,
        ToSmtp.TRIED: _on_tried,
        ToSmtp.COUNT: _on_count,
        ToSmtp.FAILURES: _on_failures,
        ToSmtp.ABORT: _on_abort,
    }

    def _on_lost(self, _: str) -> None:
        """End everything: what clients say now would be lost."""
        self._queue.lose()
        self._gate.lose()
        self._root.lose()
        self._on_abort(b"")
        self._is_over.set()
        # Nobody is left who could end this process if something in it does not.
        asyncio.get_running_loop().call_later(_LAST_SECONDS, os._exit, os.EX_UNAVAILABLE)

    # ------------------------------------------------------------ the end

    async def _end(self, reception: Reception, watch: asyncio.Task[None] | None) -> None:
        """Let open transactions end; the queue process says when it waits no more."""
        if self._beginning:
            await asyncio.wait(self._beginning)
        reception.drain()
        await reception.wait_until_none()
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        await reception.close()
        self._link.close()
