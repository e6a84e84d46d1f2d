"""The certificates of a listener: loaded at start, chosen by name, loaded anew when their files change.

    pki one cert "…" key "…"            client asks for (SNI)      gets
    pki two cert "…" key "…"            a name inside of "two"     two
    listen on eth0 tls pki one pki two  nothing, or another name   one, the first

Every connection keeps the context that it began with, so a renewal costs nobody's.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import partial

from smtpdsl.ir.resolved import Listener, Pki
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.tls_facts import ServedContext, ServedObject
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_names import Names
from smtpdsl.runtime.net.tls_renewal import Renewals, Renewed
from smtpdsl.runtime.net.tls_settings import (
    Locate,
    TlsSetupError,
    apply_dhe,
    apply_strings,
    authority_files,
    load_authorities,
    load_pair,
)


class ListenerCertificates:
    """The terms on which a listener secures its sessions."""

    def __init__(
        self,
        listener: Listener,
        locate: Locate,
        log: Log,
        *,
        wants_certificates: bool = False,
        files: Files = OWN_FILES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load every certificate of *listener*.

        Args:
            listener: One that has TLS.
            locate: Turns a path of the configuration into one of this machine.
            log: Where a certificate that is loaded anew, or cannot be, is reported.
            wants_certificates: Ask clients for a certificate though none is required, as the
                SASL mechanism EXTERNAL needs; one that is shown has to be good.
            files: Who reads certificates and keys.
            now: A clock that never goes back, in seconds.

        Raises:
            TlsSetupError: A file cannot be used; the sentence names it, and its line.
        """
        if not listener.pki:
            message = f"`{listener.tls.value}` without a certificate ({listener.span.place})"
            raise TlsSetupError(message)
        self._listener = listener
        self._locate = locate
        self._files = files
        self._verify_mode = ssl.CERT_OPTIONAL if wants_certificates else ssl.CERT_NONE
        if listener.verify:
            self._verify_mode = ssl.CERT_REQUIRED
        self._renewals = Renewals([self._part(pki) for pki in listener.pki], files, log, now)
        self._names = self._list_names()

    def context(self) -> ssl.SSLContext:
        """Return what the next handshake is made with."""
        if self._renewals.look():
            self._names = self._list_names()
        return self._renewals.parts[0].value

    def _list_names(self) -> Names[ServedContext]:
        served = zip(self._listener.pki, self._renewals.parts, strict=True)
        return Names((part.value, part.value.served.host_names, pki.name) for pki, part in served)

    def _choose(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Serve the certificate that *name* asks for; called in the middle of a handshake."""
        assert isinstance(tls, ServedObject), "it was made by one of our contexts"
        tls.requested_name = name
        chosen = self._names.find(name) if name else None
        if chosen is not None:
            tls.context = chosen

    # ------------------------------------------------------------ one certificate

    def _part(self, pki: Pki) -> Renewed[ServedContext]:
        """Return the context of *pki* with the files that it is made of."""
        # The first context makes the session tickets of all, and a session ends with its certificate:
        # what channels are bound to must not be another when it is taken up again.
        pkis = self._listener.pki if pki is self._listener.pki[0] else (pki,)
        paths = [self._locate(word.text) for each in pkis for word in (each.cert, each.key) if word is not None]
        if self._verify_mode is not ssl.CERT_NONE:
            paths += authority_files(self._listener.ca, self._locate)
        return Renewed(f'pki "{pki.name}"', paths, partial(self._make, pki), self._files)

    def _make(self, pki: Pki) -> ServedContext:
        """Make the context that serves *pki*.

        Raises:
            TlsSetupError: A file cannot be used.
        """
        listener = self._listener
        context = ServedContext(ssl.PROTOCOL_TLS_SERVER)
        apply_strings(context, listener.ciphers, listener.protocols)
        context.served = load_pair(context, pki, self._locate, self._files)
        apply_dhe(context, listener.pki[0].dhe.value, is_strong=context.served.is_strong)
        # A client comes back with one session at most, and each ticket costs a record.
        context.num_tickets = 1
        context.sslobject_class = ServedObject
        context.sni_callback = self._choose
        if self._verify_mode is not ssl.CERT_NONE:
            load_authorities(context, listener.ca, self._locate, self._files)
            context.verify_mode = self._verify_mode
        return context
