"""The Received field."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.mail.trace import Passage, TraceFields, TraceTls, date_time, with_protocol

MOMENT = 1_795_351_597.5
RECEPTION = Passage(
    client=Client(source="192.0.2.9", helo="client.example"), server_name="mx.example", protocol="ESMTP"
)


def received_field(passage: Passage, recipient: Mailbox | None = None, *, is_junk: bool = False) -> bytes:
    """Return the field of one message that has come by *passage*."""
    return TraceFields(passage).received("5f1e02aa", MOMENT, recipient, is_junk=is_junk)


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
    field = received_field(RECEPTION, Mailbox(local_part="joe", domain="example.org"))

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
    assert shown in received_field(RECEPTION._replace(client=client)).decode()


def test_a_masked_source_is_not_told() -> None:
    """Neither name nor address."""
    assert received_field(RECEPTION._replace(masks_source=True)).startswith(b"Received: by mx.example (smtpdsl)")


def test_the_login_is_told_where_that_is_wanted() -> None:
    """Or that there was none."""
    login = RECEPTION.client.replace(login="joe")

    assert b"id 5f1e02aa auth=no;" in received_field(RECEPTION._replace(tells_login=True))
    assert b"id 5f1e02aa auth=yes user=joe;" in received_field(RECEPTION._replace(tells_login=True, client=login))


def test_west_of_greenwich_is_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """As RFC 5322 §3.3 writes it."""
    monkeypatch.setenv("TZ", "NST3:30")
    time.tzset()

    assert date_time(MOMENT) == "Sun, 22 Nov 2026 09:16:37 -0330 (NST)"


@pytest.mark.parametrize(
    ("channel", "shown"),
    [
        (TraceTls("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256), "(TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO)"),
        (TraceTls("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", 128, is_verified=True), ":128:YES)"),
        (TraceTls("TLS v9", "odd)cipher", 0), "(TLS?v9:odd?cipher:0:NO)"),
    ],
)
def test_a_secure_channel_is_told(channel: TraceTls, shown: str) -> None:
    """Behind the identifier, and before the login."""
    field = received_field(RECEPTION._replace(channel=channel, tells_login=True)).decode()

    assert f"{shown} auth=no;" in field
    assert "id 5f1e02aa (TLS" in field


def test_junk_is_marked_before_the_field() -> None:
    """So the mark is ours, whatever the message brings along."""
    assert received_field(RECEPTION, is_junk=True) == b"X-Spam: Yes\n" + received_field(RECEPTION)


@pytest.mark.parametrize(
    ("spoken", "name"),
    [
        ({"is_esmtp": False}, "SMTP"),
        ({"is_esmtp": False, "is_secure": True}, "SMTP"),
        ({"is_esmtp": True}, "ESMTP"),
        ({"is_esmtp": True, "is_secure": True}, "ESMTPS"),
        ({"is_esmtp": True, "is_authenticated": True}, "ESMTPA"),
        ({"is_esmtp": True, "is_secure": True, "is_authenticated": True}, "ESMTPSA"),
        ({"is_esmtp": True, "is_utf8": True}, "UTF8SMTP"),
        ({"is_esmtp": True, "is_utf8": True, "is_secure": True, "is_authenticated": True}, "UTF8SMTPSA"),
        ({"is_esmtp": True, "is_lmtp": True}, "LMTP"),
        ({"is_esmtp": True, "is_lmtp": True, "is_utf8": True, "is_secure": True}, "UTF8LMTPS"),
    ],
)
def test_what_was_spoken_has_a_registered_name(spoken: dict[str, bool], name: str) -> None:
    """RFC 3848 and RFC 6531 §4.3."""
    assert with_protocol(**spoken) == name


STRANGERS = st.text(min_size=1, max_size=300)


@given(helo=STRANGERS, rdns=STRANGERS, login=STRANGERS, is_utf8=st.booleans())
def test_no_client_ends_the_field(helo: str, rdns: str, login: str, *, is_utf8: bool) -> None:
    """Nor begins a comment, a date or another field: whatever it says of itself is one word."""
    client = Client(source="192.0.2.9", helo=helo, rdns=rdns, login=login)
    field = received_field(RECEPTION._replace(client=client, tells_login=True, is_utf8=is_utf8)).decode()
    first, second, date = field.splitlines()

    assert re.fullmatch(r"Received: from [^ ();]+ \([^ ();]+ \[192\.0\.2\.9\]\)", first)
    assert re.fullmatch(r"\tby mx\.example \(smtpdsl\) with ESMTP id 5f1e02aa auth=yes user=[^ ();]+;", second)
    assert date.startswith("\tSun, ")
    assert is_utf8 or field.isascii()


def test_utf_8_is_told_where_it_was_agreed_on() -> None:
    """RFC 6531 §3.7.3; elsewhere a header is ASCII."""
    reception = RECEPTION._replace(client=Client(source="192.0.2.9", helo="b\u00fccher.example"))

    assert "from b\u00fccher.example (" in received_field(reception._replace(is_utf8=True)).decode()
    assert b"from b?cher.example (" in received_field(reception)
