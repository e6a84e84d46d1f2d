"""How urgent a client may call its mail."""

from __future__ import annotations

import pytest

from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.runtime.net.priorities import accepted, granted
from smtpdsl.runtime.protocol.server import MailParameters

STRANGER = Client(source="192.0.2.1")
KNOWN = Client(source="192.0.2.1", login="ann")
PROGRAM = Client(source=LOCAL)


@pytest.mark.parametrize(
    ("client", "wished", "got"),
    [
        (STRANGER, None, None),
        (STRANGER, -9, -9),
        (STRANGER, 0, 0),
        (STRANGER, 1, 0),
        (STRANGER, 9, 0),
        (KNOWN, 9, 9),
        (PROGRAM, 4, 4),
    ],
)
def test_strangers_are_not_urgent(client: Client, wished: int | None, got: int | None) -> None:
    """Whoever gets another priority than it wished for is told which (RFC 6710)."""
    parameters = MailParameters(size=7, mt_priority=wished)
    found = granted(parameters, client)

    assert found == parameters._replace(mt_priority=got)
    reply = accepted(parameters, found)
    assert str(reply) == ("None" if wished == got else "250 2.3.6 0 is the new priority")
