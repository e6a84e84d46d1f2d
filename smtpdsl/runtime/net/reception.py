"""How mail data begins: with our trace field; mail that begins its way here gets a complete header as well.

Mail begins its way here if its client has logged in, is a program of this machine on the
local socket, or talks to a listener on loopback or to the port of submission (RFC 6409).
"""

from __future__ import annotations

from smtpdsl.ir.resolved import Endpoint, Listener
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.header_editing import HeaderEdits
from smtpdsl.mail.ip import is_loopback
from smtpdsl.mail.trace import Trace, TraceTls, received_field, with_protocol
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.queue.ids import message_hex
from smtpdsl.runtime.transaction import Transaction

_SUBMISSION_PORT = 587


def takes_first_mail(endpoint: Endpoint | None) -> bool:
    """Whether whoever talks to *endpoint* is a mail program and no server; None is the local socket."""
    return endpoint is None or endpoint.port == _SUBMISSION_PORT or is_loopback(endpoint.address)


def begin_content(
    transaction: Transaction,
    service: Service,
    client: Client,
    tls: TlsFacts | None,
    *,
    is_esmtp: bool,
    is_junk: bool,
) -> None:
    """Begin the mail data of *transaction*, which *client* is about to send."""
    listener, now = service.listener, service.shared.clock()
    is_utf8 = transaction.options.smtputf8
    trace = Trace(
        client=client,
        server_name=service.server_name,
        protocol=with_protocol(
            is_esmtp=is_esmtp,
            is_secure=tls is not None,
            is_authenticated=client.login is not None,
            is_utf8=is_utf8,
            is_lmtp=service.offer.lmtp,
        ),
        identifier=message_hex(transaction.message_id),
        time=now,
        recipient=transaction.recipients[0] if len(transaction.recipients) == 1 else None,
        masks_source=listener.mask_src,
        tells_login=listener.received_auth,
        channel=_channel(listener, tls),
        is_junk=is_junk,
        is_utf8=is_utf8,
    )
    is_first = service.takes_first_mail or client.is_authenticated
    edits = _edits(transaction, listener, client, now) if is_first else None
    transaction.begin_content(received_field(trace), edits)


def _channel(listener: Listener, tls: TlsFacts | None) -> TraceTls | None:
    return None if tls is None else TraceTls(tls.version, tls.cipher, tls.bits, is_verified=listener.verify)


def _edits(transaction: Transaction, listener: Listener, client: Client, now: float) -> HeaderEdits:
    is_masked = listener.masquerade and client.is_authenticated
    return HeaderEdits(listener.hostname.value, now, transaction.reverse_path.mailbox if is_masked else None)
