"""A server's life: open the queue, listen, serve, and stop in good order.

    start    bind every address ▶ give up root ▶ lock and open the spool ▶ deliver what is due ▶ "ready"
    stop     no new clients ▶ open transactions end ▶ running deliveries end ▶ close the spool

SIGTERM, SIGINT and SIGHUP stop; a second one does not wait.  At whatever moment the process dies,
what a client was told 250 for is in the spool.

If the server was started as root, everything from there on is done by processes that have no
rights to speak of: this one, which has the queue, and those that speak with clients (`roles`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping
from typing import NamedTuple

import smtpdsl
from smtpdsl.ir.program import Program
from smtpdsl.runtime.confinement import shortcomings
from smtpdsl.runtime.control.parts import Parts, control_commands
from smtpdsl.runtime.control.port import ControlPort, control_socket, owners
from smtpdsl.runtime.control.session import Terms as ControlTerms
from smtpdsl.runtime.control.statistics import CountingLog
from smtpdsl.runtime.fault import report_faults
from smtpdsl.runtime.filters.programs import filter_programs, filter_terms
from smtpdsl.runtime.net.acceptor import Acceptor
from smtpdsl.runtime.net.acceptors import Acceptors
from smtpdsl.runtime.net.descriptors import raise_limit, shared_by
from smtpdsl.runtime.net.gate import Gate
from smtpdsl.runtime.net.limits import gate_limits, shortage
from smtpdsl.runtime.net.listener import ListenError, bind, shown
from smtpdsl.runtime.net.local_socket import PATH, local_socket
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.tls_files import OWN_FILES
from smtpdsl.runtime.parts import mail_queue, relay_agent
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.queue.manager import Queue
from smtpdsl.runtime.reception import Address, Means, Receiver, Reception, addresses_of
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.roles.smtp_peer import House
from smtpdsl.runtime.roles.smtp_pool import SmtpPool
from smtpdsl.runtime.sasl.throttle import Throttle
from smtpdsl.runtime.tables.table_programs import TablePrograms
from smtpdsl.runtime.world import World

# How long open transactions and running deliveries are waited for when the server stops.
GRACE_SECONDS = 10.0
# How long filters that are programs may take to say what they want to hear.
_FILTER_SECONDS = 10.0
# How long a thread that has waited for the disk lets the event loop go on with Python; usually 5 ms, and each time
# that the loop pauses for the operating system they begin anew.  Whoever waits for a commit would wait for that, too.
_SWITCH_SECONDS = 50e-6


class SupervisorError(Exception):
    """The process that acts for root is dead, so this one had to stop; the text is one sentence."""


class _Door(NamedTuple):
    """An address with its *number*, and the socket that listens there."""

    number: int
    address: Address
    socket: socket.socket

    @property
    def shown(self) -> str:
        """How the log calls it."""
        endpoint = self.address.endpoint
        return f"the local socket {self.socket.getsockname()}" if endpoint is None else shown(endpoint)


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
        account = rootless.account if rootless is not None else None
        self._tables = TablePrograms.of(program, world.programs, self._log, account)
        self._policy = Policy(
            program, world.site, world.outside, others, self._tables, clock=world.clock, warn=world.log.warn
        )
        terms = filter_terms(program.settings, world.clock)
        self._filters = filter_programs(program, account, world.programs, self._log, terms)
        self._verify = others.verify if others is not None else None
        self._acceptors = Acceptors()
        self._receiver: Receiver | None = None
        self._pool: SmtpPool | None = None
        self._lost = ""
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal says stop.

        Raises:
            SpoolError: The spool cannot be opened.
            ListenError: An address cannot be listened on.
            TlsSetupError: A certificate cannot be used.
            PrivilegeError: Root cannot be given up.
            SmtpProcessError: What speaks with clients cannot.
            SupervisorError: The process that acts for root has died.
        """
        log = self._world.log
        report_faults(asyncio.get_running_loop(), log)
        sys.setswitchinterval(_SWITCH_SECONDS)
        log.info(f"smtpdsl {smtpdsl.__version__} starting, configuration {self._program.digest[:8]}")
        with contextlib.ExitStack() as sockets:
            # Bound before anything is delivered: who cannot serve, changes nothing.
            doors = list(self._doors(sockets))
            dns = NameServers(trusted=[each.text for each in self._program.settings.trusted_resolvers])
            relay = relay_agent(self._program, self._world, dns, self._files, self._tables)
            queue = mail_queue(self._program, self._world, self._policy, relay)
            gate = self._gate()
            control = control_socket(self._world.locate, log, sockets)
            receiver = await self._start_receiver(queue, gate, dns)
            watch = self._give_up_root()
            if self._tables is not None:
                self._tables.start()
            await queue.start()
            if isinstance(receiver, SmtpPool):
                receiver.open()
            self._catch_signals()
            port = self._control_port(control, queue, relay, gate) if control is not None else None
            try:
                await self._tell_summary(queue)
                await self._start_filters()
                self._listen(doors, gate, receiver)
                if port is not None:
                    port.start()
                log.info("ready")
                await self._stop.wait()
            finally:
                watch.cancel()
                if port is not None:
                    port.close()
                await self._end(queue, receiver)
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

    def _doors(self, sockets: contextlib.ExitStack) -> Iterator[_Door]:
        """Bind every address, until the end of *sockets*."""
        for number, address in enumerate(addresses_of(self._program)):
            listener, endpoint = address
            try:
                if endpoint is not None:
                    bound = bind(listener, endpoint)
                else:
                    bound = sockets.enter_context(local_socket(listener, self._world.locate(PATH)))
            except ListenError as error:
                # Every server has a local socket, and most users may not make it where it belongs; who asks for it
                # has to get it.
                if endpoint is not None or listener.span.start < listener.span.end:
                    raise
                self._world.log.warn(f"{error}: programs of this host can send mail over the network alone")
            else:
                yield _Door(number, address, sockets.enter_context(bound))

    async def _tell_summary(self, queue: Queue) -> None:
        found = await queue.summary()
        suspended = f", {found.suspended} suspended" if found.suspended else ""
        messages = "1 message" if found.messages == 1 else f"{found.messages} messages"
        self._world.log.info(
            f"the queue has {messages}; envelopes: {found.pending} pending, {found.held} held, "
            f"{found.damaged} damaged{suspended}"
        )

    def _control_port(self, control: socket.socket, queue: Queue, relay: RelayAgent, gate: Gate) -> ControlPort:
        parts = Parts(
            program=self._program,
            queue=queue,
            relay=relay,
            reception=self._acceptors,
            counts=self._counts,
            clients=lambda: gate.connections,
            uptime=lambda: time.monotonic() - self._started_at,
            tables=self._tables,
        )
        return ControlPort(control, ControlTerms(control_commands(parts), owners(self._started_by), self._world.log))

    def _gate(self) -> Gate:
        settings, nursery = self._program.settings, self._world.nursery
        # What runs the programs of users is there already, and has the limit that it was given.
        descriptors = raise_limit()
        if nursery is not None:
            descriptors = shared_by(nursery.count, descriptors)
        if too_few := shortage(settings, descriptors):
            self._world.log.warn(too_few)
        return Gate(gate_limits(settings, descriptors))

    async def _start_receiver(self, queue: Queue, gate: Gate, dns: NameServers) -> Receiver:
        """Return what speaks with clients: this process, or those that the nursery starts.

        Raises:
            TlsSetupError: A certificate cannot be used.
            SmtpProcessError: A process cannot serve.
        """
        world = self._world
        if world.nursery is None:
            self._receiver = Reception(self._program, self._means(queue, gate, dns))
            return self._receiver
        if lack := shortcomings():
            world.log.warn(lack)
        root = world.rootless.supervisor if world.rootless is not None else None
        pool = SmtpPool(world.nursery, House(queue, gate, root, self._policy), world.log, self._on_lost)
        self._receiver = self._pool = pool
        await pool.start()
        return pool

    def _means(self, queue: Queue, gate: Gate, dns: NameServers) -> Means:
        world = self._world
        return Means(
            policy=self._policy,
            intake=queue,
            door=gate,
            dns=dns,
            log=world.log,
            clock=world.clock,
            locate=world.locate,
            files=self._files,
            verify=self._verify,
            throttle=Throttle(),
            programs=self._filters,
        )

    async def _counts(self) -> Mapping[str, int]:
        """Return what was counted, here and in the processes that speak with clients."""
        return self._log.counts + await self._pool.counts() if self._pool is not None else self._log.counts

    def _listen(self, doors: list[_Door], gate: Gate, receiver: Receiver) -> None:
        for door in doors:
            begin = functools.partial(receiver.begin, door.number)
            acceptor = Acceptor(door.socket, door.address.terms, gate, begin, self._world.log)
            self._acceptors.start(acceptor)
            self._world.log.info(f"listening on {door.shown}")

    async def _start_filters(self) -> None:
        """Start the filters that are programs, before there is a client; one that is slow keeps nobody from serving."""
        late = await self._filters.start(_FILTER_SECONDS)
        for name in late:
            self._world.log.warn(f'the program "{name}" is not ready: sessions that need it are refused for now')

    # ------------------------------------------------------------ the end

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Who has it ignored (nohup) means that.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """Begin to stop; called again, without waiting for anybody."""
        if self._stop.is_set():
            self._hurry.set()
            if self._receiver is not None:
                self._receiver.abort()
        self._stop.set()

    async def _end(self, queue: Queue, receiver: Receiver) -> None:
        """Let open transactions and running deliveries end, but not for ever."""
        self._world.log.info("stopping")
        self._acceptors.close()
        receiver.drain()
        await self._in_grace(receiver.wait_until_none())
        receiver.abort()
        await receiver.close()
        grace = 0.0 if self._hurry.is_set() else GRACE_SECONDS
        await queue.stop(grace)
        await self._filters.close()
        if self._tables is not None:
            await self._tables.close()
        # Last: what acts for root watches over the programs, and waits for them.
        await self._world.supervisor.close(grace)

    async def _in_grace(self, coroutine: Coroutine[None, None, None]) -> None:
        """Wait for *coroutine*, until the grace is over or somebody is in a hurry."""
        tasks = {asyncio.ensure_future(coroutine), asyncio.ensure_future(self._hurry.wait())}
        _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
