"""The client and the envelope, as the rules see them."""

from __future__ import annotations

import pytest

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope

REMOTE = Client(source="192.0.2.1")


@pytest.mark.parametrize(
    ("client", "is_socket", "is_authenticated"),
    [
        (REMOTE, False, False),
        (REMOTE.replace(login="joe"), False, True),
        (REMOTE.replace(login=""), False, True),
        (REMOTE.replace(tls=True), False, False),
        (Client(source=LOCAL), True, True),
        (Client(source="127.0.0.1"), False, False),
    ],
)
def test_who_is_authenticated(client: Client, *, is_socket: bool, is_authenticated: bool) -> None:
    """Whoever logged in, and a program of this host on its socket; TLS alone or a near address is no login."""
    assert (client.is_socket, client.is_authenticated) == (is_socket, is_authenticated)


def test_an_internal_envelope_comes_from_here() -> None:
    """Though its client is still the one that named the first recipient."""
    envelope = Envelope(
        client=REMOTE.replace(login="joe"),
        reverse_path=ReversePath(),
        recipient=Mailbox(local_part="ann", domain="example.org"),
    )
    internal = envelope.replace(is_internal=True)

    assert (envelope.source, internal.source) == ("192.0.2.1", LOCAL)
    assert internal.client.is_authenticated
