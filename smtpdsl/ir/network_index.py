"""The networks of all tables, merged to ranges that do not overlap.

10.0.0.0/8     question 0         10.0.0.0 ──┐ {0}
10.1.0.0/16    question 1         10.1.0.0 ──┤ {0, 1}
                                  10.2.0.0 ──┤ {0}
                                  11.0.0.0 ──┘ {}
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TypeAlias

from smtpdsl.ir.matching import fold
from smtpdsl.ir.network import IPV4_BITS, IPV6_BITS, Network, parse_network
from smtpdsl.ir.number_sets import NONE, Numbers, Sets
from smtpdsl.mail.ip import ipv4_value, ipv6_value

_Prefix: TypeAlias = tuple[int, int, int]
"""A network: the bits of its family, the length of the prefix, the first address."""


class NetworkIndex:
    """Networks, and texts that stand for themselves: ``local``, a scoped address."""

    def __init__(self) -> None:
        """Know no network."""
        self._sets = Sets()
        self._networks: dict[_Prefix, Numbers] = {}
        self._lengths: set[int] = set()
        self._ranges: dict[int, _Ranges] = {}

    def add(self, entry: str, number: int) -> None:
        """Let the question *number* have *entry*."""
        network = parse_network(entry)
        if network is not None:
            prefix = network.bits, network.prefix_length, network.address
            self._networks[prefix] = self._networks.get(prefix, NONE) | {number}
            self._lengths.add(network.prefix_length)
            self._ranges.clear()
        if network is None or network.prefix_length < network.bits or _address(fold(entry)) is None:
            # What is one address is found as such, in each of its spellings.
            self._sets.add(fold(entry), number)

    def find(self, key: str) -> Numbers:
        """Return the questions that have *key*."""
        found = self._sets.by_text.get(fold(key), NONE)
        address = _address(key)
        if address is not None:
            bits, value = address
            return found | self._of_family(bits).find(value)
        network = parse_network(key)
        if network is None:
            return found
        # No client has such an address; it is a network, or written in a way of its own.
        return found.union(*self._around(network))

    def _around(self, network: Network) -> Iterator[Numbers]:
        """Yield what the networks have that cover *network*: it begins with their prefixes."""
        for length in self._lengths:
            if length <= network.prefix_length:
                host_bits = network.bits - length
                yield self._networks.get((network.bits, length, network.address >> host_bits << host_bits), NONE)

    def _of_family(self, bits: int) -> _Ranges:
        if bits not in self._ranges:
            self._ranges[bits] = _Ranges(bits, self._networks)
        return self._ranges[bits]

    @property
    def is_complete(self) -> bool:
        """Whether there are single addresses alone: a text may be a network itself, inside of some of ours."""
        return all(length == bits for bits, length, _ in self._networks)

    def keys(self) -> Iterator[str]:
        """Yield the texts, and the first address of each range."""
        yield from self._sets.by_text
        for bits, shown in ((IPV4_BITS, _ipv4_text), (IPV6_BITS, _ipv6_text)):
            # What follows the highest network may begin behind the last address there is.
            yield from (shown(start) for start in self._of_family(bits).starts if start < 1 << bits)


class _Ranges:
    """The addresses of a family, cut where a network begins or ends."""

    def __init__(self, family: int, networks: dict[_Prefix, Numbers]) -> None:
        changes: dict[int, list[tuple[int, int]]] = {}
        for (bits, length, first), numbers in networks.items():
            for number in numbers if bits == family else ():
                changes.setdefault(first, []).append((number, 1))
                changes.setdefault(first + (1 << bits - length), []).append((number, -1))
        self.starts = [0]
        self.numbers = [NONE]
        known: dict[Numbers, Numbers] = {}
        depth: dict[int, int] = {}
        for start in sorted(changes):
            for number, step in changes[start]:
                depth[number] = depth.get(number, 0) + step
                if not depth[number]:
                    del depth[number]
            found = frozenset(depth)
            if found != self.numbers[-1]:
                self.starts.append(start)
                self.numbers.append(known.setdefault(found, found))

    def find(self, address: int) -> Numbers:
        return self.numbers[bisect_right(self.starts, address) - 1]


def _address(text: str) -> tuple[int, int] | None:
    """Read an address as clients have it: the length in bits and the value; None for every other text.

    What this reads, `parse_network` reads as the same single address.
    """
    if text.startswith("["):
        value = ipv6_value(text[1:-1]) if text.endswith("]") else None
        return None if value is None else (IPV6_BITS, value)
    value = ipv4_value(text)
    return None if value is None else (IPV4_BITS, value)


def _ipv4_text(address: int) -> str:
    return ".".join(map(str, address.to_bytes(4, "big")))


def _ipv6_text(address: int) -> str:
    return "[" + ":".join(f"{address >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)) + "]"
