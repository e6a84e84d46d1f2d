"""What spares the next connection to a server its signature: the sessions of TLS that servers have given us.

    first handshake ──▶ a ticket ──remember──▶ Resumption ──session──▶ the next handshake with that server

Invariant: a session is used with the context that it was made with, and for the host that it was
made for.  Where one is taken up again, OpenSSL looks at no certificate and compares no name.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

# What was verified so long ago is verified again: certificates are withdrawn, and end.
MAX_AGE_SECONDS = 3600.0
# Servers that are remembered for a context; then all of them are forgotten.
_MAX_SERVERS = 1000


class Resumption:
    """What is remembered of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing; *clock* gives seconds."""
        self._clock = clock
        self._session: ssl.SSLSession | None = None
        self._since = 0.0

    def session(self) -> ssl.SSLSession | None:
        """Return what the next handshake may begin with; None for nothing."""
        if self._clock() - self._since >= MAX_AGE_SECONDS:
            self._session = None
        return self._session

    def remember(self, session: ssl.SSLSession | None, *, is_resumed: bool) -> None:
        """Remember *session*; with *is_resumed* nothing was verified for it, and it is no younger than the last one."""
        self._session = session
        if not is_resumed:
            self._since = self._clock()

    def forget(self) -> None:
        """Begin anew next time: something went wrong."""
        self._session = None


class Resumptions:
    """What is remembered of all servers, for as long as the contexts are used that they were spoken to with."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nobody; *clock* gives seconds."""
        self._clock = clock
        self._known: WeakKeyDictionary[ssl.SSLContext, dict[tuple[str, int], Resumption]] = WeakKeyDictionary()

    def of(self, context: ssl.SSLContext, host: str, port: int) -> Resumption:
        """Return what is remembered of *host* at *port*, as it was spoken to with *context*."""
        servers = self._known.setdefault(context, {})
        if (host, port) not in servers and len(servers) >= _MAX_SERVERS:
            servers.clear()
        return servers.setdefault((host, port), Resumption(self._clock))
