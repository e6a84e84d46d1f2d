"""Networks as netaddr tables write them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.network import Network, parse_network


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.0", "10.1.2.0/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3/0", "0.0.0.0/0"),
        ("10.1.2.3/032", "10.1.2.3/32"),
        ("010.1.2.3", "10.1.2.3/32"),
        ("10", "10.0.0.0/8"),
        ("10.1", "10.1.0.0/16"),
        ("10/8", "10.0.0.0/8"),
        ("127.1", "127.1.0.0/16"),
        ("128", "128.0.0.0/16"),
        ("172.16", "172.16.0.0/16"),
        ("192.168", "192.168.0.0/24"),
        ("192.168/16", "192.168.0.0/16"),
        ("224", "224.0.0.0/8"),
        ("239.1.2", "239.1.2.0/24"),
        ("240", "240.0.0.0/32"),
        ("0x0a010203", "10.1.2.3/32"),
        ("0X0A01/16", "10.1.0.0/16"),
        ("0x0a0", "10.0.0.0/16"),
        ("0xa", "160.0.0.0/16"),
        ("IPv6:10.1.2.3", "10.1.2.3/32"),
        ("::1", "::1/128"),
        ("[::1]", "::1/128"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("[2001:db8::/32]", "2001:db8::/32"),
        ("ipv6:2001:db8::", "2001:db8::/128"),
        ("[IPV6:2001:db8::/32]", "2001:db8::/32"),
        ("IPv6:[::1]", "::1/128"),
        ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"),
    ],
)
def test_short_and_long_forms_of_networks(text: str, meant: str) -> None:
    """Short IPv4 forms go by the old classes or by the octets written, whichever is smaller."""
    expected = ipaddress.ip_network(meant)

    network = parse_network(text)

    assert network is not None
    assert network.bits == expected.max_prefixlen
    assert network.prefix_length == expected.prefixlen
    assert network.first == int(expected.network_address)
    assert network.last == int(expected.broadcast_address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "local",
        "10.",
        "10..1",
        ".10",
        "10.1.2.3.4",
        "256",
        "10/",
        "10/33",
        "/8",
        "10/-1",
        "10/ 8",
        "10/255.0.0.0",
        "0x",
        "0xg",
        "0x0a01020304",
        "[10.0.0.0/8]",
        "[2001:db8::]/32",
        "2001:db8::/129",
        "[::1",
        "::1]",
        "fe80::1%eth0",
        "[fe80::1%eth0]",
        "1" * 9000,
        "10/" + "9" * 9000,
    ],
)
def test_other_texts_are_no_network(text: str) -> None:
    """What is not understood is None, and costs nothing."""
    assert parse_network(text) is None


@given(
    address=st.ip_addresses(v=4) | st.ip_addresses(v=6),
    length=st.integers(0, 128),
    changed=st.integers(0, 127),
    other=st.ip_addresses(),
)
def test_a_network_covers_what_shares_its_prefix(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    length: int,
    changed: int,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Changing a bit of an address leaves it in the network exactly if the bit is beyond the prefix."""
    bits = address.max_prefixlen
    length, changed = min(length, bits), min(changed, bits - 1)
    network = parse_network(f"{address}/{length}")
    neighbour = parse_network(str(type(address)(int(address) ^ 1 << changed)))
    foreigner = parse_network(str(other))

    assert network is not None
    assert neighbour is not None
    assert foreigner is not None
    assert network.covers(network)
    assert network.covers(neighbour) == (changed < bits - length)
    assert not network.covers(foreigner) or other.version == address.version


def test_equal_networks_are_equal_values() -> None:
    """Host bits are dropped when a network is read, so spellings do not count."""
    assert parse_network("10.1.2.3/8") == parse_network("10") == Network(bits=32, address=10 << 24, prefix_length=8)
    assert parse_network("::") != parse_network("0.0.0.0/32")
