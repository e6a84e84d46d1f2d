"""Connections of clients on their way from the queue process, which accepts them, to an SMTP process.

    one datagram: the descriptor │ number of the address, source, and how it is counted │

The socket pair keeps datagrams apart; the end of it means that nobody comes any more.
"""

from __future__ import annotations

import json
import socket

from smtpdsl.runtime.net.acceptor import Arrival

_MAX_OCTETS = 4096


def descriptor_pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel for connections; neither of them blocks."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)  # noqa: FBT003 - as the socket module has it
    return ends


def send_connection(channel: socket.socket, number: int, connection: socket.socket, arrival: Arrival) -> None:
    """Send *connection*, of a client who has come to the address *number*; whoever sends it still has to close it.

    Raises:
        BlockingIOError: There is no room just now.
        OSError: Nobody takes it.
    """
    text = json.dumps([number, arrival.source, arrival.counted]).encode()
    socket.send_fds(channel, [text], [connection.fileno()], socket.MSG_NOSIGNAL)


def receive_connection(channel: socket.socket) -> tuple[int, socket.socket, Arrival] | None:
    """Receive a connection; None if no more will come.

    Raises:
        BlockingIOError: None is there just now.
        OSError: There is no descriptor left, and the connection is lost.
    """
    octets, descriptors, _, _ = socket.recv_fds(channel, _MAX_OCTETS, 1)
    if not octets:
        return None
    number, source, counted = json.loads(octets)
    arrival = Arrival(source, counted)
    if not descriptors:
        raise LostConnectionError(arrival)
    connection = socket.socket(fileno=descriptors[0])
    connection.setblocking(False)  # noqa: FBT003 - as the socket module has it
    return number, connection, arrival


class LostConnectionError(OSError):
    """A connection did not arrive, as this process has no descriptor left."""

    def __init__(self, arrival: Arrival) -> None:
        """Tell which one."""
        super().__init__("a connection was lost for want of descriptors")
        self.arrival = arrival
