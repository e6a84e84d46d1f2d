"""A server's life: open the queue, listen, serve, and stop in good order.

    start    bind every address ▶ give up root ▶ lock and open the spool ▶ deliver what is due ▶ "ready"
    stop     no new clients ▶ open transactions end ▶ running deliveries end ▶ close the spool

SIGTERM and SIGINT stop; a second one does not wait.  At whatever moment the process dies,
what a client was told 250 for is in the spool.

If the server was started as root, everything from there on is done by a process that has no
rights to speak of.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import secrets
import signal
import socket
import time
from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple

import smtpdsl
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Endpoint, Listener, ListenerTls
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.control.parts import Parts, control_commands
from smtpdsl.runtime.control.port import ControlPort, control_socket, owners
from smtpdsl.runtime.control.session import Terms as ControlTerms
from smtpdsl.runtime.control.statistics import CountingLog
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.fault import describe_fault
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.acceptor import Acceptor, Terms
from smtpdsl.runtime.net.acceptors import Acceptors
from smtpdsl.runtime.net.descriptors import raise_limit
from smtpdsl.runtime.net.gate import Gate
from smtpdsl.runtime.net.hosts import HostsFile
from smtpdsl.runtime.net.limits import gate_limits, memory, session_limits, shortage, timeouts
from smtpdsl.runtime.net.listener import ListenError, bind, shown
from smtpdsl.runtime.net.local_socket import PATH, local_socket
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.quiet_log import QuietLog
from smtpdsl.runtime.net.reverse_names import ReverseNames
from smtpdsl.runtime.net.service import Service, Sessions, Shared
from smtpdsl.runtime.net.session import Session
from smtpdsl.runtime.net.tls_files import OWN_FILES
from smtpdsl.runtime.parts import mail_queue, relay_agent
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.queue.manager import Queue
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.services import Services
from smtpdsl.runtime.world import World

# How long open transactions and running deliveries are waited for when the server stops.
GRACE_SECONDS = 10.0


class SupervisorError(Exception):
    """The process that acts for root is dead, so this one had to stop; the text is one sentence."""


class _Door(NamedTuple):
    """An address that is listened on; without an *endpoint* it is the local socket."""

    listener: Listener
    endpoint: Endpoint | None
    socket: socket.socket

    @property
    def shown(self) -> str:
        """How the log calls it."""
        return "the local socket" if self.endpoint is None else shown(self.endpoint)


class Server:
    """A configuration that is served."""

    def __init__(self, program: Program, world: World) -> None:
        """Prepare to serve *program*; nothing is opened yet."""
        self._program = program
        self._log = CountingLog(world.log)
        self._world = world._replace(log=self._log)
        self._started_at = time.monotonic()
        self._started_by = os.geteuid()
        rootless = world.rootless
        self._files = rootless.files if rootless is not None else OWN_FILES
        others = rootless.sources if rootless is not None else None
        self._policy = Policy(program, world.site, world.outside, others, clock=world.clock, warn=world.log.warn)
        self._sessions = Sessions()
        self._acceptors = Acceptors()
        self._directory = Directory(TableIndex(), others.verify if others is not None else None)
        self._lost = ""
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._session_ids = map(_session_id, itertools.count(secrets.randbits(31)))

    async def run(self) -> None:
        """Serve until a signal says stop.

        Raises:
            SpoolError: The spool cannot be opened.
            ListenError: An address cannot be listened on.
            TlsSetupError: A certificate cannot be used.
            PrivilegeError: Root cannot be given up.
            SupervisorError: The process that acts for root has died.
        """
        log = self._world.log
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        log.info(f"smtpdsl {smtpdsl.__version__} starting, configuration {self._program.digest[:8]}")
        with contextlib.ExitStack() as sockets:
            # Bound before anything is delivered: who cannot serve, changes nothing.
            doors = [door for listener in self._program.listeners for door in self._doors(listener, sockets)]
            quiet = QuietLog(log, asyncio.get_running_loop().call_later)
            dns = NameServers(trusted=[each.text for each in self._program.settings.trusted_resolvers])
            relay = relay_agent(self._program, self._world, dns, self._files)
            queue = mail_queue(self._program, self._world, self._policy, relay)
            names = ReverseNames(dns, HostsFile(), time.monotonic)
            shared = self._shared(queue, names, quiet)
            services = Services(self._program, shared, self._directory, self._world.locate, self._files)
            control = control_socket(self._world.locate, log, sockets)
            rooms = [services.service(door.listener, door.endpoint) for door in doors]
            watch = self._give_up_root()
            await queue.start()
            self._catch_signals()
            port = self._control_port(control, queue, relay, shared.gate) if control is not None else None
            try:
                await self._tell_summary(queue)
                self._listen(doors, rooms)
                if port is not None:
                    port.start()
                log.info("ready")
                await self._stop.wait()
            finally:
                watch.cancel()
                if port is not None:
                    port.close()
                await self._end(queue)
                quiet.close()
                await names.close()
                self._directory.close()
                await relay.close()
        log.info("Exiting")
        if self._lost:
            raise SupervisorError(self._lost)

    # ------------------------------------------------------------ root

    def _give_up_root(self) -> asyncio.Task[None]:
        """Do what needs root for the last time; return what has keys watched from now on.

        Raises:
            SpoolError: The spool cannot be handed over.
            PrivilegeError: Root cannot be given up.
        """
        rootless = self._world.rootless
        if rootless is None:
            return asyncio.ensure_future(asyncio.sleep(0))
        rootless.settle(self._world.spool)
        rootless.supervisor.watch(self._on_lost)
        return asyncio.ensure_future(rootless.watch())

    def _on_lost(self, why: str) -> None:
        """Stop: nothing can be delivered, and nobody but root could start that process again."""
        self._lost = why
        self._world.log.warn(f"{why}: the server has to stop")
        self.stop()

    # ------------------------------------------------------------ parts

    def _doors(self, listener: Listener, sockets: contextlib.ExitStack) -> Iterator[_Door]:
        """Bind what *listener* listens on, until the end of *sockets*."""
        for endpoint in listener.endpoints:
            yield _Door(listener, endpoint, sockets.enter_context(bind(listener, endpoint)))
        if not listener.is_socket:
            return
        try:
            yield _Door(listener, None, sockets.enter_context(local_socket(listener, self._world.locate(PATH))))
        except ListenError as error:
            # Every server has one, and most users may not make it where it belongs; who asks for it has to get it.
            if listener.span.start < listener.span.end:
                raise
            self._world.log.warn(str(error))

    async def _tell_summary(self, queue: Queue) -> None:
        found = await queue.summary()
        suspended = f", {found.suspended} suspended" if found.suspended else ""
        self._world.log.info(
            f"the queue has {found.messages} messages; envelopes: {found.pending} pending, {found.held} held, "
            f"{found.damaged} damaged{suspended}"
        )

    def _control_port(self, control: socket.socket, queue: Queue, relay: RelayAgent, gate: Gate) -> ControlPort:
        parts = Parts(
            program=self._program,
            queue=queue,
            relay=relay,
            reception=self._acceptors,
            counts=lambda: self._log.counts,
            clients=lambda: gate.connections,
            uptime=lambda: time.monotonic() - self._started_at,
        )
        return ControlPort(control, ControlTerms(control_commands(parts), owners(self._started_by), self._world.log))

    def _shared(self, queue: Queue, names: ReverseNames, log: Log) -> Shared:
        program, world, settings = self._program, self._world, self._program.settings
        # What runs the programs of users is there already, and has the limit that it was given.
        descriptors = raise_limit()
        if too_few := shortage(settings, descriptors):
            world.log.warn(too_few)
        return Shared(
            configuration=program.digest[:8],
            policy=self._policy,
            intake=queue,
            log=log,
            clock=world.clock,
            next_session_id=self._session_ids.__next__,
            find_name=names.find,
            sessions=self._sessions,
            gate=Gate(gate_limits(settings, descriptors)),
            budget=memory(settings),
            limits=session_limits(settings),
            timeouts=timeouts(settings),
        )

    def _listen(self, doors: list[_Door], services: list[Service]) -> None:
        for door, service in zip(doors, services, strict=True):
            listener = door.listener
            terms = Terms(is_proxied=bool(listener.proxy_versions), is_secure=listener.tls is ListenerTls.IMPLICIT)
            welcome = functools.partial(Session, service)
            acceptor = Acceptor(door.socket, terms, service.shared.gate, welcome, self._world.log)
            self._acceptors.start(acceptor)
            self._world.log.info(f"listening on {door.shown}")

    def _on_fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report what nobody has caught: a mistake of ours, which costs one session and is no reason to stop."""
        error = context.get("exception")
        what = describe_fault(error) if isinstance(error, BaseException) else str(context.get("message"))
        self._world.log.warn(f"fault: {what}")

    # ------------------------------------------------------------ the end

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """Begin to stop; called again, without waiting for anybody."""
        if self._stop.is_set():
            self._hurry.set()
            self._sessions.abort()
        self._stop.set()

    async def _end(self, queue: Queue) -> None:
        """Let open transactions and running deliveries end, but not for ever."""
        self._world.log.info("stopping")
        self._acceptors.close()
        self._sessions.drain()
        await self._in_grace(self._sessions.wait_until_none())
        self._sessions.abort()
        grace = 0.0 if self._hurry.is_set() else GRACE_SECONDS
        await queue.stop(grace)
        await self._world.supervisor.close(grace)

    async def _in_grace(self, coroutine: Coroutine[None, None, None]) -> None:
        """Wait for *coroutine*, until the grace is over or somebody is in a hurry."""
        tasks = {asyncio.ensure_future(coroutine), asyncio.ensure_future(self._hurry.wait())}
        _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _session_id(number: int) -> str:
    """Spell a session: a counter, and digits that nobody can guess."""
    return f"{number & 0xFFFFFFFF:08x}{secrets.randbits(32):08x}"
