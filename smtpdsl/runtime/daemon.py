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
import secrets
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import smtpdsl
from smtpdsl.ir.answers import Site
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Endpoint, Listener, ListenerTls
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.bounces import Bouncer, PolicyRouter
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.delivery.exchangers import Exchangers, Own
from smtpdsl.runtime.delivery.local import LocalAgent
from smtpdsl.runtime.delivery.relay import RelayAgent
from smtpdsl.runtime.delivery.relay_limits import RelayLimits
from smtpdsl.runtime.fault import describe_fault
from smtpdsl.runtime.interfaces import DeliveryAgent, Route, Supervisor
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.acceptor import Acceptor, Terms
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
from smtpdsl.runtime.policy import Outside, Policy
from smtpdsl.runtime.queue.lanes import Limits as LaneLimits
from smtpdsl.runtime.queue.manager import Queue, Settings
from smtpdsl.runtime.services import Services
from smtpdsl.runtime.supervisor.rootless import Rootless

# How long open transactions and running deliveries are waited for when the server stops.
GRACE_SECONDS = 10.0


class SupervisorError(Exception):
    """The process that acts for root is dead, so this one had to stop; the text is one sentence."""


class World(NamedTuple):
    """What a server is given of the machine it runs on.

    *locate* turns a path of the configuration into one of this machine; *paused* names the
    routes that attempt nothing.  A server that is *rootless* was started as root.
    """

    site: Site
    outside: Outside
    locate: Callable[[str], str]
    spool: str
    supervisor: Supervisor
    log: Log
    paused: frozenset[Route] = frozenset()
    clock: Callable[[], float] = time.time
    rootless: Rootless | None = None


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
        self._world = world
        rootless = world.rootless
        self._files = rootless.files if rootless is not None else OWN_FILES
        others = rootless.sources if rootless is not None else None
        self._policy = Policy(program, world.site, world.outside, others)
        self._sessions = Sessions()
        self._acceptors: list[Acceptor] = []
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
            dns = NameServers()
            relay = self._relay(dns)
            queue = self._queue(relay)
            names = ReverseNames(dns, HostsFile(), time.monotonic)
            shared = self._shared(queue, names, quiet)
            services = Services(self._program, shared, self._directory, self._world.locate, self._files)
            rooms = [services.service(door.listener, door.endpoint) for door in doors]
            watch = self._give_up_root()
            await queue.start()
            self._catch_signals()
            try:
                await self._tell_summary(queue)
                self._listen(doors, rooms)
                log.info("ready")
                await self._stop.wait()
            finally:
                watch.cancel()
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

    def _relay(self, dns: NameServers) -> RelayAgent:
        """Return the agent that sends mail on; it never sends any to this server.

        Raises:
            TlsSetupError: A certificate cannot be used.
        """
        program, world = self._program, self._world
        names = [world.site.server_name, *(listener.hostname.value for listener in program.listeners)]
        exchangers = Exchangers(dns, Own.of(names, world.site.addresses), time.monotonic)
        return RelayAgent(
            program.actions,
            world.site.server_name,
            exchangers=exchangers,
            relay_limits=RelayLimits(program.settings),
            locate=world.locate,
            files=self._files,
            log=world.log,
        )

    def _queue(self, relay: RelayAgent) -> Queue:
        program, world = self._program, self._world
        local = LocalAgent(program.actions, world.site, self._policy.account, world.locate, world.supervisor)
        limits = program.settings.mda_limits
        settings = Settings(
            local=LaneLimits(limits["max-session"].value, limits["max-session-per-user"].value),
            max_inflight=program.settings.scheduler_limits["max-inflight"].value,
            paused=world.paused,
            warn_after=program.settings.warn_intervals.value,
        )
        agents: dict[Route, DeliveryAgent] = {Route.LOCAL: local, Route.RELAY: relay}
        name = world.site.server_name
        reporter = Bouncer(name, PolicyRouter(self._policy, name))
        return Queue(world.spool, agents, world.log, world.clock, settings, reporter=reporter)

    async def _tell_summary(self, queue: Queue) -> None:
        found = await queue.summary()
        self._world.log.info(
            f"the queue has {found.messages} messages; envelopes: {found.pending} pending, {found.held} held, "
            f"{found.damaged} damaged"
        )

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
            acceptor.start()
            self._acceptors.append(acceptor)
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
        for acceptor in self._acceptors:
            acceptor.close()
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
