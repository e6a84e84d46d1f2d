"""Ports for the listeners of many servers, which nobody else takes before they are listened on.

Ports that the kernel chooses (32768 and above) are those of clients, too, and thousands of these come
and go here.  So they are taken from below, and none of them twice.
"""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _COUNT = 10_000, 20_000
# Far from where others begin who run this at the same time: their numbers are often next to each other.
_next = itertools.count(os.getpid() * 7919)


def reserve_port() -> int:
    """Return a port of loopback that nobody listens on, and that was not returned before.

    Raises:
        OSError: There is none.
    """
    for number in itertools.islice(_next, _COUNT):
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    message = "no port of loopback is free"
    raise OSError(message)
