"""The addresses of network interfaces, as the kernel has them now.

Asked with getifaddrs(3), which Linux and every BSD have.  Interface groups (`egress`
and the like) are BSD's; there they are no interface, and a name that has no addresses.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

_AF_INET = 2
_AF_INET6 = {"linux": 10, "freebsd": 28, "darwin": 30, "dragonfly": 28}.get(sys.platform.rstrip("0123456789"), 24)
_NI_NUMERICHOST = 1 if sys.platform == "linux" else 2
_LONGEST_ADDRESS = 64
# struct sockaddr_in and sockaddr_in6.
_SIZES = {_AF_INET: 16, _AF_INET6: 28}


class _Address(ctypes.Structure):
    """struct ifaddrs."""


_Address._fields_ = [
    ("next", ctypes.POINTER(_Address)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
    ("netmask", ctypes.c_void_p),
    ("broadcast", ctypes.c_void_p),
    ("data", ctypes.c_void_p),
]


def interface_addresses(interface: str) -> tuple[str, ...]:
    """Return the addresses of *interface*, IPv4 first; empty if there is no such interface."""
    return _sorted(address for name, address in _all() if name == interface)


def local_addresses() -> tuple[str, ...]:
    """Return the addresses of every interface of this machine; link-local ones with their scope, ``fe80::1%eth0``."""
    return _sorted(address for _, address in _all())


def _sorted(addresses: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(addresses), key=lambda address: ":" in address))


def _all() -> Iterator[tuple[str, str]]:
    """Yield the name of an interface with each of its addresses."""
    libc = ctypes.CDLL(None)
    first = ctypes.POINTER(_Address)()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        return
    try:
        current = first
        while current:
            entry = current.contents
            if entry.address and entry.name and (address := _text(libc, entry.address)):
                yield entry.name.decode("utf-8", "surrogateescape"), address
            current = entry.next
    finally:
        libc.freeifaddrs(first)


def _text(libc: ctypes.CDLL, address: int) -> str | None:
    """Spell a struct sockaddr; None for a family that is not IP."""
    head = ctypes.string_at(address, 2)
    # BSD has the length in the first octet, Linux a family of two.
    family = int.from_bytes(head, sys.byteorder) if sys.platform == "linux" else head[1]
    if family not in _SIZES:
        return None
    buffer = ctypes.create_string_buffer(_LONGEST_ADDRESS)
    pointer = ctypes.c_void_p(address)
    failed = libc.getnameinfo(pointer, _SIZES[family], buffer, len(buffer), None, 0, _NI_NUMERICHOST)
    return None if failed else buffer.value.decode("ascii")
