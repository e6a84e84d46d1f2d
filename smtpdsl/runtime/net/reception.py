"""How mail data begins: with our trace field; mail that begins its way here gets a complete header as well.

Mail begins its way here if its client has logged in, is a program of this machine on the
local socket, or talks to a listener on loopback or to the port of submission (RFC 6409).
"""

from __future__ import annotations

from smtpdsl.ir.resolved import Endpoint
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.header_editing import HeaderEdits
from smtpdsl.mail.ip import is_loopback
from smtpdsl.mail.trace import Passage, TraceFields, TraceTls, with_protocol
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.net.visitor import Visitor
from smtpdsl.runtime.transaction import Transaction

_SUBMISSION_PORT = 587


def takes_first_mail(endpoint: Endpoint | None) -> bool:
    """Whether whoever talks to *endpoint* is a mail program and no server; None is the local socket."""
    return endpoint is None or endpoint.port == _SUBMISSION_PORT or is_loopback(endpoint.address)


class Beginnings:
    """Begins the mail data of one session's messages, whose trace fields differ in little."""

    __slots__ = ("_fields", "_service", "_visitor", "_way")

    def __init__(self, service: Service, visitor: Visitor) -> None:
        """Tell how *visitor* has come to *service*."""
        self._service = service
        self._visitor = visitor
        # What the fields that are kept tell of.
        self._way: tuple[object, ...] = ()

    def begin(self, transaction: Transaction, *, is_esmtp: bool, is_junk: bool) -> None:
        """Begin the mail data of *transaction*, which the client is about to send."""
        service, visitor = self._service, self._visitor
        way = visitor.client, visitor.tls, is_esmtp, transaction.options.smtputf8
        if way != self._way:
            self._way = way
            self._fields = TraceFields(_passage(service, *way))
        now, recipients = service.shared.clock(), transaction.recipients
        recipient = recipients[0] if len(recipients) == 1 else None
        field = self._fields.received(transaction.identifier, now, recipient, is_junk=is_junk)
        is_first = service.takes_first_mail or visitor.client.is_authenticated
        transaction.begin_content(field, self._edits(transaction, now) if is_first else None)

    def _edits(self, transaction: Transaction, now: float) -> HeaderEdits:
        listener = self._service.listener
        is_masked = listener.masquerade and self._visitor.client.is_authenticated
        return HeaderEdits(listener.hostname.value, now, transaction.reverse_path.mailbox if is_masked else None)


def _passage(service: Service, client: Client, tls: TlsFacts | None, is_esmtp: bool, is_utf8: bool) -> Passage:  # noqa: FBT001 - all of a way
    listener = service.listener
    protocol = with_protocol(
        is_esmtp=is_esmtp,
        is_secure=tls is not None,
        is_authenticated=client.login is not None,
        is_utf8=is_utf8,
        is_lmtp=service.offer.lmtp,
    )
    return Passage(
        client=client,
        server_name=service.server_name,
        protocol=protocol,
        masks_source=listener.mask_src,
        tells_login=listener.received_auth,
        channel=None if tls is None else TraceTls(tls.version, tls.cipher, tls.bits, is_verified=listener.verify),
        is_utf8=is_utf8,
    )
