"""A server's life: open the queue, listen, serve, and stop in good order.

    start    lock and open the spool ▶ bind every address ▶ deliver what is due ▶ "ready"
    stop     no new clients ▶ open transactions end ▶ running deliveries end ▶ close the spool

SIGTERM and SIGINT stop; a second one does not wait.  At whatever moment the process dies,
what a client was told 250 for is in the spool.
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
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import smtpdsl
from smtpdsl.ir.answers import Site
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Endpoint, Listener
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.delivery.local import LocalAgent
from smtpdsl.runtime.delivery.relay import RelayAgent
from smtpdsl.runtime.fault import describe_fault
from smtpdsl.runtime.interfaces import DeliveryAgent, Route, Supervisor
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.listener import BACKLOG, bind, name_at, shown
from smtpdsl.runtime.net.service import Service, Sessions
from smtpdsl.runtime.net.session import Session
from smtpdsl.runtime.policy import Outside, Policy
from smtpdsl.runtime.protocol.server import Limits
from smtpdsl.runtime.queue.lanes import Limits as LaneLimits
from smtpdsl.runtime.queue.manager import Queue, Settings

# How long open transactions and running deliveries are waited for when the server stops.
GRACE_SECONDS = 10.0


class World(NamedTuple):
    """What a server is given of the machine it runs on.

    *locate* turns a path of the configuration into one of this machine; *paused* names the
    routes that attempt nothing.
    """

    site: Site
    outside: Outside
    locate: Callable[[str], str]
    spool: str
    supervisor: Supervisor
    log: Log
    paused: frozenset[Route] = frozenset()
    clock: Callable[[], float] = time.time


class _Door(NamedTuple):
    """An address that is listened on."""

    listener: Listener
    endpoint: Endpoint
    socket: socket.socket


class Server:
    """A configuration that is served."""

    def __init__(self, program: Program, world: World) -> None:
        """Prepare to serve *program*; nothing is opened yet."""
        self._program = program
        self._world = world
        self._policy = Policy(program, world.site, world.outside)
        self._sessions = Sessions()
        self._servers: list[asyncio.Server] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._session_ids = map(_session_id, itertools.count(secrets.randbits(31)))

    async def run(self) -> None:
        """Serve until a signal says stop.

        Raises:
            SpoolError: The spool cannot be opened.
            ListenError: An address cannot be listened on.
        """
        log = self._world.log
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        log.info(f"smtpdsl {smtpdsl.__version__} starting, configuration {self._program.digest[:8]}")
        with contextlib.ExitStack() as sockets:
            # Bound before anything is delivered: who cannot serve, changes nothing.
            doors = [
                _Door(listener, endpoint, sockets.enter_context(bind(listener, endpoint)))
                for listener in self._program.listeners
                for endpoint in listener.endpoints
            ]
            relay = RelayAgent(self._program.actions, self._world.site.server_name)
            queue = self._queue(relay)
            await queue.start()
            self._catch_signals()
            try:
                await self._tell_summary(queue)
                await self._listen(doors, queue)
                log.info("ready")
                await self._stop.wait()
            finally:
                await self._end(queue)
                await relay.close()
        log.info("Exiting")

    # ------------------------------------------------------------ parts

    def _queue(self, relay: RelayAgent) -> Queue:
        program, world = self._program, self._world
        local = LocalAgent(program.actions, world.site, self._policy.account, world.locate, world.supervisor)
        limits = program.settings.mda_limits
        settings = Settings(
            local=LaneLimits(limits["max-session"].value, limits["max-session-per-user"].value),
            max_inflight=program.settings.scheduler_limits["max-inflight"].value,
            paused=world.paused,
        )
        agents: dict[Route, DeliveryAgent] = {Route.LOCAL: local, Route.RELAY: relay}
        return Queue(world.spool, agents, world.log, world.clock, settings)

    async def _tell_summary(self, queue: Queue) -> None:
        found = await queue.summary()
        self._world.log.info(
            f"the queue has {found.messages} messages; envelopes: {found.pending} pending, {found.held} held, "
            f"{found.damaged} damaged"
        )

    async def _listen(self, doors: list[_Door], queue: Queue) -> None:
        loop = asyncio.get_running_loop()
        index = TableIndex()
        for listener, endpoint, bound in doors:
            service = Service(
                listener=listener,
                server_name=name_at(listener, endpoint, index),
                configuration=self._program.digest[:8],
                policy=self._policy,
                intake=queue,
                log=self._world.log,
                clock=self._world.clock,
                next_session_id=self._session_ids.__next__,
                limits=_limits(self._program),
                sessions=self._sessions,
            )
            session = functools.partial(Session, service)
            # It listens once more, and would shorten the backlog.
            self._servers.append(await loop.create_server(session, sock=bound, backlog=BACKLOG))
            self._world.log.info(f"listening on {shown(endpoint)}")

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
        for server in self._servers:
            server.close()
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


def _limits(program: Program) -> Limits:
    settings = program.settings
    return Limits(
        max_message_octets=settings.max_message_octets.value,
        max_recipients=settings.smtp_limits["max-rcpt"].value,
        max_mails=settings.smtp_limits["max-mails"].value,
    )


def _session_id(number: int) -> str:
    """Spell a session: a counter, and digits that nobody can guess."""
    return f"{number & 0xFFFFFFFF:08x}{secrets.randbits(32):08x}"
