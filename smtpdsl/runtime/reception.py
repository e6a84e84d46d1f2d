"""Everything of a server that speaks with SMTP clients, in whatever process that is.

    connection ──▶ Session of its listener's service ──▶ policy, logins, filters ──▶ Intake

Who accepts the connections, and where the queue is, is for others to say.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Endpoint, Listener, ListenerTls
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.credentials.system_accounts import Verify
from smtpdsl.runtime.filters.programs import NO_PROGRAMS, FilterPrograms
from smtpdsl.runtime.interfaces import Intake
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.acceptor import Arrival, Terms
from smtpdsl.runtime.net.hosts import HostsFile
from smtpdsl.runtime.net.limits import memory, session_limits, timeouts
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.quiet_log import QuietLog
from smtpdsl.runtime.net.reverse_names import ReverseNames
from smtpdsl.runtime.net.service import Door, Sessions, Shared
from smtpdsl.runtime.net.session import Session
from smtpdsl.runtime.net.tls_files import Files
from smtpdsl.runtime.net.tls_settings import Locate
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.sasl.throttle import Throttle
from smtpdsl.runtime.services import Services


class Address(NamedTuple):
    """Something that is listened on; without an *endpoint* it is the local socket."""

    listener: Listener
    endpoint: Endpoint | None

    @property
    def terms(self) -> Terms:
        """How who comes there is treated."""
        listener = self.listener
        return Terms(is_proxied=bool(listener.proxy_versions), is_secure=listener.tls is ListenerTls.IMPLICIT)


def addresses_of(program: Program) -> list[Address]:
    """Return what *program* listens on; the place in this list is how processes call an address."""
    return [
        Address(listener, endpoint)
        for listener in program.listeners
        for endpoint in (*listener.endpoints, *([None] if listener.is_socket else []))
    ]


class Means(NamedTuple):
    """What sessions need of the process that they are in, and of others.

    *files* reads keys, *verify* checks passwords of the system if this process may not, and of
    the memory for sessions a *share* is this process's, from 0 to 1.  *programs* are asked by filters.
    """

    policy: Policy
    intake: Intake
    door: Door
    dns: NameServers
    log: Log
    clock: Callable[[], float]
    locate: Locate
    files: Files
    verify: Verify | None
    throttle: Throttle
    share: float = 1.0
    programs: FilterPrograms = NO_PROGRAMS


class Receiver(Protocol):
    """Who speaks with clients: a `Reception`, or the processes that have one."""

    async def begin(self, number: int, connection: socket.socket, arrival: Arrival) -> None:
        """Speak with the client of *connection*, who has come to the address *number*.

        Raises:
            OSError: The connection is lost, or nobody can speak with it.
        """

    def drain(self) -> None:
        """Let each session end when its transaction has ended."""

    def abort(self) -> None:
        """End all sessions now."""

    async def wait_until_none(self) -> None:
        """Wait for the last one to end."""

    async def close(self) -> None:
        """End what belongs to it; there are no sessions any more."""


class Reception:
    """Implements `Receiver`, in this process."""

    def __init__(self, program: Program, means: Means) -> None:
        """Serve the listeners of *program*, on the running event loop.

        Raises:
            TlsSetupError: A certificate cannot be used.
        """
        settings = program.settings
        self._quiet = QuietLog(means.log, asyncio.get_running_loop().call_later)
        self._names = ReverseNames(means.dns, HostsFile(), time.monotonic)
        self._directory = Directory(TableIndex(), means.verify, means.policy.tables)
        self._sessions = Sessions()
        session_ids = map(_session_id, itertools.count(secrets.randbits(31)))
        shared = Shared(
            configuration=program.digest[:8],
            policy=means.policy,
            intake=means.intake,
            log=self._quiet,
            clock=means.clock,
            next_session_id=session_ids.__next__,
            find_name=self._names.find,
            sessions=self._sessions,
            gate=means.door,
            budget=memory(settings, means.share),
            limits=session_limits(settings),
            timeouts=timeouts(settings),
        )
        services = Services(program, shared, self._directory, means.throttle, means.locate, means.files, means.programs)
        self._services = [services.service(each.listener, each.endpoint) for each in addresses_of(program)]

    async def begin(self, number: int, connection: socket.socket, arrival: Arrival) -> None:
        """Speak with the client of *connection*."""
        service = self._services[number]
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Session(service, arrival), connection)

    def drain(self) -> None:
        """Let each session end when its transaction has ended."""
        self._sessions.drain()

    def abort(self) -> None:
        """End all sessions now."""
        self._sessions.abort()

    async def wait_until_none(self) -> None:
        """Wait for the last one to end."""
        await self._sessions.wait_until_none()

    async def close(self) -> None:
        """End look-ups, checks of passwords and the log of sessions."""
        self._quiet.close()
        await self._names.close()
        self._directory.close()


def _session_id(number: int) -> str:
    """Spell a session: a counter, and digits that nobody can guess."""
    return f"{number & 0xFFFFFFFF:08x}{secrets.randbits(32):08x}"
