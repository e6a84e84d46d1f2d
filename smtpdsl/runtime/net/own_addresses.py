"""Which addresses are those of this host."""

from __future__ import annotations

import errno
import socket

from smtpdsl.mail.ip import ipv6_value


def is_own_address(address: str) -> bool:
    """Whether *address*, an IPv4 or IPv6 address, is one of this host, as far as that can be known: if not, it is."""
    family = socket.AF_INET if ipv6_value(address) is None else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Nothing is sent, and no port is taken that somebody waits for.
            probe.bind((address, 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True
