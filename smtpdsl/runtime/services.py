"""From a program to what the sessions of its listeners share.

listener ──▶ certificates, logins, filters, what EHLO offers ──▶ Service, one for each of its addresses
"""

from __future__ import annotations

import time
from typing import NamedTuple

from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Endpoint, Listener, ListenerTls
from smtpdsl.ir.table_file import Service as Asked
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.mail.ip import is_loopback
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.credentials.tokens import Tokens
from smtpdsl.runtime.filters.conditions import Tables
from smtpdsl.runtime.filters.plan import FilterPlan, plan_filters
from smtpdsl.runtime.filters.programs import NO_PROGRAMS, FilterPrograms
from smtpdsl.runtime.net.listener import name_at
from smtpdsl.runtime.net.reception import takes_first_mail
from smtpdsl.runtime.net.service import Service, Shared
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_settings import Locate
from smtpdsl.runtime.protocol.server import Offer
from smtpdsl.runtime.sasl.authenticator import Authenticator
from smtpdsl.runtime.sasl.throttle import Throttle


class Services:
    """The services of one program."""

    def __init__(
        self,
        program: Program,
        shared: Shared,
        directory: Directory,
        throttle: Throttle,
        locate: Locate,
        files: Files = OWN_FILES,
        programs: FilterPrograms = NO_PROGRAMS,
    ) -> None:
        """Share *shared*.

        Args:
            program: Its listeners are served.
            shared: What the sessions of all of them share.
            directory: The logins.
            throttle: What is remembered of logins that failed.
            locate: Finds files.
            files: Reads keys.
            programs: The filters that are programs.
        """
        self._program = program
        self._shared = shared
        self._directory = directory
        self._locate = locate
        self._files = files
        self._programs = programs
        self._index = TableIndex()
        self._tables = Tables(shared.policy.site, shared.policy, shared.policy.tables)
        self._throttle = throttle
        issuers = program.settings.oauth_issuers
        self._tokens = Tokens(issuers, locate, shared.log) if issuers else None
        self._parts: dict[int, _Parts] = {}

    def service(self, listener: Listener, endpoint: Endpoint | None) -> Service:
        """Return what is shared at *endpoint*; None is the local socket.

        Raises:
            TlsSetupError: A certificate cannot be used.
        """
        parts = self._parts_of(listener)
        return Service(
            shared=self._shared,
            listener=listener,
            server_name=listener.hostname.value if endpoint is None else name_at(listener, endpoint, self._index),
            offer=_offer(listener),
            filters=parts.filters,
            tls_context=parts.certificates.context if parts.certificates is not None else None,
            logins=parts.logins,
            is_trusted=self._tables.containing(listener.xclient, Asked.NETADDR) if listener.xclient else None,
            endpoint=endpoint,
            takes_first_mail=takes_first_mail(endpoint) and not listener.proxy_versions and not listener.is_lmtp,
        )

    def _parts_of(self, listener: Listener) -> _Parts:
        """Return what all addresses of *listener* share."""
        if id(listener) not in self._parts:
            self._parts[id(listener)] = _Parts(
                filters=plan_filters(listener.filter, self._tables, self._programs),
                certificates=self._certificates(listener),
                logins=self._logins(listener),
            )
        return self._parts[id(listener)]

    def _certificates(self, listener: Listener) -> ListenerCertificates | None:
        if listener.tls is ListenerTls.NONE:
            return None
        return ListenerCertificates(
            listener,
            self._locate,
            self._shared.log,
            files=self._files,
            wants_certificates=_trusts_certificates(listener),
        )

    def _logins(self, listener: Listener) -> Authenticator | None:
        if listener.auth is None:
            return None
        return Authenticator(
            self._directory.accounts(listener.auth),
            self._throttle,
            time.monotonic,
            trusts_certificates=_trusts_certificates(listener),
            counts_loopback=not all(is_loopback(each.address) for each in listener.endpoints),
            tokens=self._tokens,
        )


class _Parts(NamedTuple):
    filters: FilterPlan
    certificates: ListenerCertificates | None
    logins: Authenticator | None


def _offer(listener: Listener) -> Offer:
    auth = listener.auth
    return Offer(
        starttls=listener.tls in {ListenerTls.OFFERED, ListenerTls.REQUIRED},
        needs_tls=listener.tls is ListenerTls.REQUIRED,
        auth=auth is not None,
        needs_auth=auth is not None and auth.is_required,
        dsn=not listener.no_dsn,
        chunking=not listener.no_chunking,
        # It is offered to clients whose channel is secure, and to no others.
        requiretls=listener.tls is not ListenerTls.NONE,
        mt_priority=True,
        tolerates_bare_lf=listener.tolerates_bare_lf,
        lmtp=listener.is_lmtp,
    )


def _trusts_certificates(listener: Listener) -> bool:
    """Whether a certificate of a client is a login: only those of an authority that the listener names."""
    return listener.auth is not None and listener.ca is not None
