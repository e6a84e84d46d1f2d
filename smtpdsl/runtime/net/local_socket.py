"""`listen on socket`: a unix socket through which the programs of this machine send mail.

/var/run/smtpdsl.sock      anybody may connect; the kernel says who did
"""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager

from smtpdsl.ir.resolved import Listener
from smtpdsl.runtime.net.unix_socket import unix_socket

# Below the root that a server is given.
PATH = "/var/run/smtpdsl.sock"
# Every user may submit mail, as with the socket of OpenSMTPD.
_FOR_EVERYBODY = 0o666


def local_socket(listener: Listener, path: str) -> AbstractContextManager[socket.socket]:
    """Listen on *path* for as long as the context lasts, then remove it.

    Raises:
        ListenError: Somebody else listens there, or the path cannot be made.
    """
    # The socket that nobody has written a line for is there all the same.
    place = listener.span.place if listener.span.start < listener.span.end else ""
    return unix_socket(path, _FOR_EVERYBODY, place)
