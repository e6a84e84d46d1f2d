"""May this process listen where the configuration says?

As long as one process does everything, one that runs as root talks to the network as
root: a mistake in it would give the machine away.  So root listens where nobody from
outside gets to: on loopback, or in a network namespace of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_address

from smtpdsl.ir.resolved import Endpoint, Listener

# Files that every network namespace has of its own, so their numbers tell namespaces apart; anybody may look at them.
_MACHINE = "/proc/1/net/dev"
_OWN = "/proc/self/net/dev"
# The number of the namespace that the machine started with, the same everywhere since that release of Linux.
_FIRST_NAMESPACE = 0xEFFFFFF9
_KNOWN_SINCE = (6, 18)


def exposed_as_root(listeners: Iterable[Listener]) -> tuple[Listener, Endpoint] | None:
    """Return the first address at which strangers would talk to a process of root; None if there is none."""
    if os.geteuid() != 0 or in_private_network():
        return None
    every = ((listener, endpoint) for listener in listeners for endpoint in listener.endpoints)
    return next(((listener, each) for listener, each in every if not ip_address(each.address).is_loopback), None)


def in_private_network() -> bool:
    """Whether the network namespace of this process is another one than the machine's; False where nobody can tell."""
    try:
        if os.stat(_OWN).st_ino != os.stat(_MACHINE).st_ino:  # noqa: PTH116 - no path is built
            return True
        # Process 1 may have moved as well, in a process namespace of its own.
        first = os.stat("/proc/self/ns/net").st_ino == _FIRST_NAMESPACE  # noqa: PTH116
    except OSError:
        return False
    return not first and _linux_release() >= _KNOWN_SINCE


def _linux_release() -> tuple[int, ...]:
    parts = os.uname().release.partition("-")[0].split(".")
    return tuple(int(part) for part in parts[:2] if part.isdecimal())
