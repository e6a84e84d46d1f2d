"""IP addresses as values: two spellings of one address are equal."""

from __future__ import annotations

from typing import NamedTuple, Self

from smtpdsl.mail.ip import ipv4_value, ipv6_value

_IPV4_LOOPBACK, _IPV4_LINK_LOCAL = range(127 << 24, 128 << 24), range(0xA9FE0000, 0xA9FF0000)
_IPV6_LOOPBACK, _IPV6_LINK_LOCAL = range(1, 2), range(0xFE80 << 112, 0xFEC0 << 112)
# RFC 6890: "this network", multicast and what is reserved behind it; IPv6 without an address, with that of IPv4 in it.
_IPV4_NOWHERE = (range(1 << 24), range(0xE0 << 24, 1 << 32))
_IPV6_NOWHERE = (range(1), range(0xFFFF << 32, 0x10000 << 32), range(0xFF << 120, 1 << 128))


class IpAddress(NamedTuple):
    """An address of one of the two families."""

    is_ipv6: bool
    value: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an address without brackets; a scope is no part of one."""
        value = ipv4_value(text)
        if value is not None:
            return cls(is_ipv6=False, value=value)
        value = ipv6_value(text)
        return None if value is None else cls(is_ipv6=True, value=value)

    @property
    def is_near(self) -> bool:
        """Whether nobody beyond this machine or its link can know the address."""
        places = (_IPV6_LOOPBACK, _IPV6_LINK_LOCAL) if self.is_ipv6 else (_IPV4_LOOPBACK, _IPV4_LINK_LOCAL)
        return any(self.value in place for place in places)

    @property
    def is_unroutable(self) -> bool:
        """Whether no other host can have the address: it is near, or nowhere."""
        nowhere = _IPV6_NOWHERE if self.is_ipv6 else _IPV4_NOWHERE
        return self.is_near or any(self.value in place for place in nowhere)
