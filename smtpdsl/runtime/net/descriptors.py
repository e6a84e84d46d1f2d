"""How many connections the system has descriptors for (RLIMIT_NOFILE, getrlimit(2)).

    descriptors of this process
    ├── _KEPT: the spool and its database, tables, look-ups, connections to other servers
    └── two for each connection: its socket, and the file that a large message goes to

A limit that is too low for the configuration holds: a connection that is let in can be served.
"""

from __future__ import annotations

import contextlib
import resource

_KEPT = 200
_PER_CONNECTION = 2
# What a process can be given that has no limit; more connections than that are another machine's work.
_UNLIMITED = 1 << 20


def raise_limit() -> int:
    """Raise the limit of descriptors as far as this process may, and return it.

    What it starts afterwards inherits it, so what runs programs of users is started before.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _UNLIMITED if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY:
        return _UNLIMITED
    if soft < wanted:
        # The kernel may have a limit of its own (fs.nr_open); then what there is must do.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft


def shared_by(processes: int, descriptors: int) -> int:
    """Return the descriptors for connections of *processes* that have so many each.

    A large message of any of them is a file of this process, which has no more of them than they.
    """
    return min(processes * descriptors, _PER_CONNECTION * descriptors - _KEPT)


def room(descriptors: int) -> int:
    """Return how many connections *descriptors* are enough for; one at least."""
    return max(1, (descriptors - _KEPT) // _PER_CONNECTION)
