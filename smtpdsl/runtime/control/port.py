"""The control socket of a running server: who may open it, and how many at once.

    /var/run/smtpdsl-control.sock   0600: its owner and root; the kernel says who came, and that is looked at again

A server that cannot make it serves mail all the same, and says so.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack

from smtpdsl.runtime.control.session import ControlSession, Terms
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net import acceptor
from smtpdsl.runtime.net.gate import Gate, GateLimits
from smtpdsl.runtime.net.listener import ListenError
from smtpdsl.runtime.net.unix_socket import unix_socket

# Below the root that a server is given.
PATH = "/var/run/smtpdsl-control.sock"
MODE = 0o600
# People and scripts; whoever comes beyond that is hung up on.
MAX_CLIENTS = 64


def control_socket(locate: Callable[[str], str], log: Log, sockets: ExitStack) -> socket.socket | None:
    """Listen until the end of *sockets*; most users may not where the socket belongs, and can serve all the same."""
    try:
        return sockets.enter_context(unix_socket(locate(PATH), MODE))
    except ListenError as error:
        log.warn(f"{error}: `smtpdsl ctl` cannot reach this server")
        return None


def owners(started_by: int) -> Callable[[int], bool]:
    """Return who may come: root, the user of this process, and who has started it."""
    return frozenset({0, os.geteuid(), started_by}).__contains__


class ControlPort:
    """Takes the clients of the socket."""

    def __init__(self, server: socket.socket, terms: Terms) -> None:
        """Serve at *server*, which listens and does not block."""
        self._terms = terms
        self._gate = Gate(GateLimits(connections=MAX_CLIENTS, of_source=MAX_CLIENTS))
        self._sessions: set[ControlSession] = set()
        # It says nothing to whom it refuses: they could not understand it.
        silent = acceptor.Terms(is_secure=True)
        self._acceptor = acceptor.Acceptor(server, silent, self._gate, acceptor.welcomed_by(self._welcome), terms.log)

    def start(self) -> None:
        """Accept from now on."""
        self._acceptor.start()

    def close(self) -> None:
        """Accept nobody, and hang up."""
        self._acceptor.close()
        for session in tuple(self._sessions):
            session.close()

    def _welcome(self, arrival: acceptor.Arrival) -> asyncio.Protocol:
        session = ControlSession(self._terms, arrival.credentials, self._leave)
        self._sessions.add(session)
        return session

    def _leave(self, session: ControlSession) -> None:
        self._sessions.discard(session)
        self._gate.leave(None)
