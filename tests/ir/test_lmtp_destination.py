"""Destinations of the method `lmtp`."""

from __future__ import annotations

import pytest

from smtpdsl.ir.lmtp_destination import LmtpDestination, parse_lmtp_destination
from smtpdsl.text_error import TextError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/var/run/lmtp.sock", LmtpDestination(path="/var/run/lmtp.sock")),
        ("localhost", LmtpDestination(host="localhost")),
        ("localhost:24", LmtpDestination(host="localhost", port=24)),
        ("mail.example.org:lmtp", LmtpDestination(host="mail.example.org", port="lmtp")),
        ("192.0.2.1:24", LmtpDestination(host="192.0.2.1", port=24)),
        ("[::1]:24", LmtpDestination(host="::1", port=24)),
        ("[2001:db8::1]", LmtpDestination(host="2001:db8::1")),
        ("[::1]:smtp", LmtpDestination(host="::1", port="smtp")),
        ("lmtp:24", LmtpDestination(host="lmtp", port=24)),
    ],
)
def test_destination(text: str, expected: LmtpDestination) -> None:
    """A path is a socket; everything else is a host, and perhaps a port or the name of one."""
    assert parse_lmtp_destination(text) == expected


@pytest.mark.parametrize(
    ("text", "blamed", "advice"),
    [
        ("", "", ""),
        ("local host:24", " host", ""),
        ("localhost:99999", "99999", ""),
        ("localhost:", ":", ""),
        ("localhost:24/", "24/", ""),
        ("::1:24", "::1:24", 'write "[::1]:24", or "[::1:24]" if all of it is the address'),
        ("unix:/run/lmtp", "unix:", 'write "/run/lmtp"'),
        ("inet:localhost:24", "inet:", 'write "localhost:24"'),
        ("lmtp:unix:/run/lmtp", "lmtp:unix:", 'write "/run/lmtp"'),
        ("lmtp://localhost:24", "lmtp://", 'write "localhost:24"'),
        ("ann@localhost:24", "ann", ""),
    ],
)
def test_no_destination(text: str, blamed: str, advice: str) -> None:
    """What no delivery can reach is refused, and the forms of other programs are told how to be written."""
    with pytest.raises(TextError) as caught:
        parse_lmtp_destination(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert caught.value.help == advice
