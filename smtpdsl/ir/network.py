"""Networks as netaddr tables write them.

    10.1.2.3   10.1/16   192.168.1   0x0a010203      IPv4: an address, a prefix, their short forms
    [::1]   [2001:db8::/32]   2001:db8::/32          IPv6, with or without brackets and ``IPv6:``

An IPv4 address that is cut short is a network, of the size its class had before CIDR
or of the octets written, whichever is smaller: ``10`` is 10.0.0.0/8, ``192.168`` is
192.168.0.0/24, ``10.1.2.0`` is one address.
"""

from __future__ import annotations

import string

from smtpdsl.ir.number import read_number
from smtpdsl.mail.ip import ipv6_value
from smtpdsl.record import Record

IPV4_BITS = 32
IPV6_BITS = 128


class Network(Record):
    """The addresses of one family that share their first *prefix_length* bits with *address*.

    Invariant: the other bits of *address* are zero, so equal networks are equal values.
    """

    bits: int
    """The length of an address of the family: 32 or 128."""
    address: int
    prefix_length: int

    @property
    def first(self) -> int:
        """The lowest address."""
        return self.address

    @property
    def last(self) -> int:
        """The highest address."""
        return self.address | (1 << self.bits - self.prefix_length) - 1

    def covers(self, other: Network) -> bool:
        """Whether every address of *other* is in this network; families never mix."""
        return self.bits == other.bits and self.first <= other.first and other.last <= self.last


def parse_network(text: str) -> Network | None:
    """Read an address or a prefix; None if *text* is neither.

    Bits of the address beyond the prefix are dropped, as in ``10.1.2.3/8``.
    """
    address = _without_tag(text)
    return _parse_ipv4(address) or _parse_ipv6(address)


def _network(bits: int, address: int, prefix_length: int) -> Network:
    host_bits = bits - prefix_length
    return Network(bits=bits, address=address >> host_bits << host_bits, prefix_length=prefix_length)


def _without_tag(text: str) -> str:
    return text[5:] if text[:5].lower() == "ipv6:" else text


def _parse_ipv4(text: str) -> Network | None:
    address, slash, length = text.partition("/")
    octets = _hexadecimal_octets(address[2:]) if address[:2].lower() == "0x" else _decimal_octets(address)
    if not octets or len(octets) > IPV4_BITS // 8:
        return None
    prefix_length = read_number(length, IPV4_BITS) if slash else max(_class_length(octets[0]), 8 * len(octets))
    if prefix_length is None:
        return None
    return _network(IPV4_BITS, int.from_bytes(bytes(octets).ljust(4, b"\0"), "big"), prefix_length)


def _decimal_octets(text: str) -> list[int] | None:
    octets = [read_number(word, 255) for word in text.split(".")]
    return None if None in octets else [octet for octet in octets if octet is not None]


def _hexadecimal_octets(digits: str) -> list[int] | None:
    """Read octets of two digits; the last one may lack its second, which then is zero."""
    if digits.strip(string.hexdigits):
        return None
    return [int(digits[start : start + 2].ljust(2, "0"), 16) for start in range(0, len(digits), 2)]


def _class_length(first_octet: int) -> int:
    """The prefix length that an address had before CIDR: classes A, B, C, D (always widened) and E."""
    limits = ((128, 8), (192, 16), (224, 24), (240, 4))
    return next((length for limit, length in limits if first_octet < limit), IPV4_BITS)


def _parse_ipv6(text: str) -> Network | None:
    if text.startswith("["):
        # The length belongs inside: "[2001:db8::]/32" is refused, as it always was.
        if not text.endswith("]"):
            return None
        text = _without_tag(text[1:-1])
    address, slash, length = text.partition("/")
    value = ipv6_value(address)
    prefix_length = read_number(length, IPV6_BITS) if slash else IPV6_BITS
    if value is None or prefix_length is None:
        return None
    return _network(IPV6_BITS, value, prefix_length)
