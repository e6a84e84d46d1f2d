"""Envelopes that a client can really send, and others made so."""

from __future__ import annotations

from smtpdsl.mail.address import AddressError, Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope
from smtpdsl.mail.ip import ipv4_value, ipv6_value

_USUAL = Mailbox(local_part="joe", domain="y.example")


def made_possible(envelope: Envelope, server_name: str) -> Envelope:
    """Return *envelope* with what no client can have replaced; one that is possible stays as it is."""
    client = envelope.client
    path = envelope.reverse_path.mailbox
    return envelope.replace(
        client=_client(client, server_name),
        recipient=_mailbox(envelope.recipient),
        reverse_path=ReversePath(mailbox=_mailbox(path) if path else None),
    )


def _client(client: Client, server_name: str) -> Client:
    client = client.replace(
        source=client.source if client.source == LOCAL or _is_address(client.source) else "198.51.100.20",
        helo=client.helo or "y.example",
        rdns=client.rdns if client.rdns and _is_domain(client.rdns) and client.rdns != LOCAL else None,
        login=client.login or None,
    )
    if client.source == LOCAL:
        return client.replace(login=None, tls=False, rdns=client.rdns or server_name)
    # Nobody logs in without TLS.
    return client.replace(tls=client.tls or client.login is not None)


def _is_address(text: str) -> bool:
    if text.startswith("["):
        return text.endswith("]") and ipv6_value(text[1:-1].partition("%")[0]) is not None
    return ipv4_value(text) is not None


def _is_domain(text: str) -> bool:
    try:
        Mailbox.parse(f"a@{text}", utf8=True)
    except AddressError:
        return False
    return True


def _mailbox(mailbox: Mailbox) -> Mailbox:
    try:
        return Mailbox.parse(str(mailbox), utf8=True)
    except AddressError:
        domain = mailbox.domain if _is_domain(mailbox.domain) else _USUAL.domain
        return _USUAL.replace(domain=domain)
