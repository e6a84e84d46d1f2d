"""What `smtpdsl ctl` prints of other servers."""

from __future__ import annotations

import pytest

from smtpdsl.cli.control_relay_text import hosts, routes
from smtpdsl.cli.control_words import find_verb


@pytest.mark.parametrize(
    ("address", "port", "shown"),
    [
        ("192.0.2.7", 25, "192.0.2.7"),
        ("192.0.2.7", 2525, "192.0.2.7:2525"),
        ("2001:db8::7", 25, "2001:db8::7"),
        ("2001:db8::7", 465, "[2001:db8::7]:465"),
    ],
)
def test_servers_at_one_address_are_told_apart(address: str, port: int, shown: str) -> None:
    """By the port, unless it is that of SMTP, which smtpctl does not print either."""
    fact: dict[str, object] = {"number": 1, "address": address, "port": port, "seconds": 9, "is_new": True}

    assert list(routes([fact])) == [f"1. [local] <-> {shown} NDQ- nconn=0 nerror=0 penalty=0 timeout=9s"]
    assert list(hosts([fact])) == [f"{shown} - refcount=0 nconn=0 lastconn=9s"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show routes", "no routes"),
        ("show hosts", "no hosts"),
        ("show relays", "no relays"),
        ("show hoststats", "no statistics of hosts"),
        ("show mta paused", "nothing is paused"),
        ("show tls-reports", "no reports"),
    ],
)
def test_nothing_is_said_to_be_nothing(words: str, said: str) -> None:
    """To people; scripts for smtpctl get no line that is none."""
    verb, _ = find_verb(words.split())

    assert list(verb.lines([])) == [said]
    assert verb.old_lines is not None
    assert list(verb.old_lines([])) == []
