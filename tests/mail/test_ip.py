"""IP addresses as numbers."""

from __future__ import annotations

import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.mail.ip import ipv4_value, ipv6_value, is_loopback


def by_the_system(family: int, text: str) -> int | None:
    """What inet_pton(3) makes of *text*."""
    try:
        return int.from_bytes(socket.inet_pton(family, text), "big")
    except (OSError, ValueError):
        return None


@given(
    text=st.text("0123456789.", max_size=16)
    | st.lists(st.integers(0, 300), max_size=5).map(lambda n: ".".join(map(str, n)))
)
@example(text="192.0.2.1")
@example(text="01.2.3.4")
@example(text="1.2.3.٤")
def test_ipv4_is_read_as_the_system_reads_it(text: str) -> None:
    """Four octets without leading zeros, and nothing else."""
    assert ipv4_value(text) == by_the_system(socket.AF_INET, text)


@given(address=st.ip_addresses(v=6), text=st.text("0123456789abcdefF:.", max_size=20))
@example(address=None, text="1:2:3:4:5:6:7::")
@example(address=None, text="1:2:3:4:5:6:7:8::")
@example(address=None, text="1::2::3")
@example(address=None, text=":::")
@example(address=None, text="::1.2.3.4")
@example(address=None, text="1.2.3.4::")
@example(address=None, text="::1.2.3.4:5")
@example(address=None, text="::12345")
@example(address=None, text="fe80::1%lo")
def test_ipv6_is_read_as_the_system_reads_it(address: object, text: str) -> None:
    """Eight groups, one gap, perhaps an IPv4 address at the end; a scope is refused."""
    for candidate in (text, str(address)):
        assert ipv6_value(candidate) == by_the_system(socket.AF_INET6, candidate)


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4 ", "1.2.3.-4", "256.1.1.1", "::1"])
def test_other_texts_are_no_ipv4_address(text: str) -> None:
    """Short forms belong to networks, not to addresses."""
    assert ipv4_value(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("[::1]", True),
        ("::1", True),
        ("[::1%lo]", True),
        ("128.0.0.1", False),
        ("[2001:db8::1]", False),
        ("local", False),
        ("127.example", False),
    ],
)
def test_loopback_is_of_this_machine_alone(text: str, *, expected: bool) -> None:
    """With brackets and without, in both families; nothing that only begins like it."""
    assert is_loopback(text) is expected
