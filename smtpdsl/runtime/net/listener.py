"""The sockets that a configuration listens on."""

from __future__ import annotations

import errno
import socket

from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Endpoint, Listener
from smtpdsl.ir.table_index import TableIndex

# More than a burst of clients; the kernel has a limit of its own.
BACKLOG = 1024
# Ports below are root's (ip_unprivileged_port_start).
_FIRST_FREE_PORT = 1024


class ListenError(Exception):
    """An address that cannot be listened on; the text is one sentence that names the line."""


def bind(listener: Listener, endpoint: Endpoint) -> socket.socket:
    """Return a listening socket for one address of *listener*.

    Raises:
        ListenError: The address is taken, not ours, or not permitted.
    """
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A connection of the last run that is not quite over is no other server.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # The same port of IPv4 may be another listener.
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind(_address(endpoint, family))
        server.listen(BACKLOG)
        server.setblocking(False)  # noqa: FBT003 - as the socket module has it
    except OSError as error:
        server.close()
        place = f"{shown(endpoint)} ({listener.span.place})"
        message = f"cannot listen on {place}: {_reason(error, endpoint)}"
        raise ListenError(message) from None
    return server


def shown(endpoint: Endpoint) -> str:
    """How messages call an address."""
    return f"{endpoint.address} port {endpoint.port}"


def name_at(listener: Listener, endpoint: Endpoint, index: TableIndex) -> str:
    """Return the name of the server on *endpoint*: `hostnames` for that address, else `hostname`."""
    if listener.hostnames is not None:
        key = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
        found = index.find(listener.hostnames, fold(key))
        if found is not None and found.value:
            return found.value
    return listener.hostname.value


def _address(endpoint: Endpoint, family: socket.AddressFamily) -> tuple[object, ...]:
    """Return what bind(2) wants; a scope is part of the address of an interface."""
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return socket.getaddrinfo(endpoint.address, endpoint.port, family, socket.SOCK_STREAM, flags=numeric)[0][4]


def _reason(error: OSError, endpoint: Endpoint) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program listens there"
        case errno.EACCES if endpoint.port < _FIRST_FREE_PORT:
            return f"ports below {_FIRST_FREE_PORT} need root, or the capability CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address"
    return (error.strerror or str(error)).lower()
