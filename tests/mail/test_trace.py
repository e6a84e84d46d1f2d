"""The Received field."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.mail.trace import Reception, date_time, received_field

MOMENT = 1_795_351_597.5
RECEPTION = Reception(
    client=Client(source="192.0.2.9", helo="client.example"),
    server_name="mx.example",
    protocol="ESMTP",
    identifier="5f1e02aa",
    time=MOMENT,
)


@pytest.fixture(autouse=True)
def _in_nepal() -> Iterator[None]:
    """A zone that is not full hours away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "NPT-5:45")
        time.tzset()
        yield
    time.tzset()


def test_the_field_tells_the_way() -> None:
    """From whom, by whom, how, for whom and when."""
    field = received_field(RECEPTION.replace(recipient=Mailbox(local_part="joe", domain="example.org")))

    assert field.decode() == (
        "Received: from client.example (<unknown> [192.0.2.9])\n"
        "\tby mx.example (smtpdsl) with ESMTP id 5f1e02aa\n"
        "\tfor <joe@example.org>;\n"
        "\tSun, 22 Nov 2026 18:31:37 +0545 (NPT)\n"
    )


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (Client(source="[2001:db8::9]", helo="c"), "from c (<unknown> [2001:db8::9])"),
        (Client(source=LOCAL, helo="localhost", rdns="mx.example"), "from localhost (mx.example [local])"),
    ],
)
def test_an_address_has_one_pair_of_brackets(client: Client, shown: str) -> None:
    """Whatever kind it is."""
    assert shown in received_field(RECEPTION.replace(client=client)).decode()


def test_a_masked_source_is_not_told() -> None:
    """Neither name nor address."""
    assert received_field(RECEPTION.replace(masks_source=True)).startswith(b"Received: by mx.example (smtpdsl)")


def test_the_login_is_told_where_that_is_wanted() -> None:
    """Or that there was none."""
    login = RECEPTION.client.replace(login="joe")

    assert b"id 5f1e02aa auth=no;" in received_field(RECEPTION.replace(tells_login=True))
    assert b"id 5f1e02aa auth=yes user=joe;" in received_field(RECEPTION.replace(tells_login=True, client=login))


def test_west_of_greenwich_is_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """As RFC 5322 §3.3 writes it."""
    monkeypatch.setenv("TZ", "NST3:30")
    time.tzset()

    assert date_time(MOMENT) == "Sun, 22 Nov 2026 09:16:37 -0330 (NST)"
