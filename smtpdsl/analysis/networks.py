"""Networks by what naming them says about the clients in them.

10.0.0.0/8          somebody's own: who is in it is known
128.0.0.0/1         half of the world: nobody is known by that
198.51.0.0/16       many hosts of other people, in the open
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.ir.network import IPV4_BITS, Network, parse_network
from smtpdsl.mail.ip import ipv4_value, ipv6_value

# Wider networks name nobody.
WIDEST_V4, WIDEST_V6 = 8, 16
# Wider ones that everybody can reach have strangers in them.
_WIDEST_OPEN_V4, _WIDEST_OPEN_V6 = 24, 32

# RFC 1918, 6598, 1122 and 3927; RFC 4193, 4291.
_PRIVATE = [
    network
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
    if (network := parse_network(text)) is not None
]
_HOME = [network for text in ("127.0.0.0/8", "::1/128") if (network := parse_network(text)) is not None]


def is_wide(network: Network) -> bool:
    """Whether *network* is so large that being in it says nothing."""
    return network.prefix_length < (WIDEST_V4 if network.bits == IPV4_BITS else WIDEST_V6)


def is_public_crowd(network: Network) -> bool:
    """Whether *network* is a part of the internet with room for many people who need not know each other."""
    limit = _WIDEST_OPEN_V4 if network.bits == IPV4_BITS else _WIDEST_OPEN_V6
    return network.prefix_length < limit and not any(each.covers(network) for each in _PRIVATE)


def names_somebody(entry: str) -> bool:
    """Whether *entry* of a list of clients says who they are: it is no wide network, and no public crowd."""
    network = parse_network(entry)
    return network is None or not (is_wide(network) or is_public_crowd(network))


def is_home(network: Network) -> bool:
    """Whether *network* is this host, in one of its many addresses of itself."""
    return any(each.covers(network) for each in _HOME)


def address_in(network: Network) -> str:
    """Return an address of *network* as rules compare it; not the first one, if there is another."""
    return _text(network.bits, min(network.first + 1, network.last))


def wide_addresses(entries: Iterable[str]) -> Iterator[str]:
    """Yield some addresses of the entries that are wide networks."""
    for entry in entries:
        if "/" in entry and (network := parse_network(entry)) is not None and is_wide(network):
            step = (network.last - network.first) // 5
            yield from (_text(network.bits, network.first + each * step + 9) for each in range(1, 5))


def network_of(source: str) -> Network | None:
    """Return the address *source*, as rules compare it, as a network of one."""
    bare = source.strip("[]")
    is_address = ipv4_value(bare) is not None or ipv6_value(bare) is not None
    return parse_network(source) if is_address else None


def _text(bits: int, value: int) -> str:
    if bits == IPV4_BITS:
        return ".".join(map(str, value.to_bytes(4, "big")))
    return "[" + ":".join(f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)) + "]"
