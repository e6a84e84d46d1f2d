"""The terms on which a relay secures its connections.

    opportunistic   whoever answers: better than words in the clear
    verified        the certificate names the host that was asked for, and leads to an
                    authority of `ca`, or of the system

Both show the certificate of `pki`, if there is one and the next hop asks for it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import partial

from smtpdsl.ir.resolved import RelayAction
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_renewal import Renewals, Renewed
from smtpdsl.runtime.net.tls_settings import Locate, apply_strings, authority_files, load_authorities, load_pair


class ClientTls:
    """The contexts of an action that relays."""

    def __init__(
        self,
        action: RelayAction,
        locate: Locate,
        log: Log,
        *,
        files: Files = OWN_FILES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load what *action* names; the arguments are those of `ListenerTls`.

        The authorities of the system are many, and loaded when somebody is to be verified by them.

        Raises:
            TlsSetupError: A file cannot be used; the sentence names it, and its line.
        """
        self._action = action
        self._locate = locate
        self._files = files
        self._log = log
        self._now = now
        self._opportunistic = self._watched(verifies=False)
        self._verified = self._watched(verifies=True) if action.ca is not None else None

    def context(self, *, verifies: bool) -> ssl.SSLContext:
        """Return what the next handshake is made with."""
        watched = self._opportunistic
        if verifies:
            watched = self._verified = self._verified or self._watched(verifies=True)
        watched.look()
        return watched.parts[0].value

    def _watched(self, *, verifies: bool) -> Renewals[ssl.SSLContext]:
        pki = self._action.pki
        paths = [self._locate(word.text) for word in (pki.cert, pki.key) if word] if pki else []
        if verifies:
            paths += authority_files(self._action.ca, self._locate)
        name = f'the TLS of action "{self._action.name}"'
        part = Renewed(name, paths, partial(self._make, verifies=verifies), self._files)
        return Renewals([part], self._files, self._log, self._now)

    def _make(self, *, verifies: bool) -> ssl.SSLContext:
        action = self._action
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        apply_strings(context, action.ciphers, action.protocols)
        if action.pki is not None:
            load_pair(context, action.pki, self._locate, self._files)
        if verifies:
            load_authorities(context, action.ca, self._locate, self._files, purpose=ssl.Purpose.SERVER_AUTH)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
