r"""The PROXY protocol: a proxy says, before anything else, whose connection it passes on.

    version 1   PROXY TCP4 192.0.2.7 198.51.100.1 51234 25\r\n
    version 2   \r\n\r\n\0\r\nQUIT\n  21  11  000c  c0000207 c6336401 c822 0019  …
                signature             │   │   │     source   our end  ports      type-length-values
                   version, command ──┘   │   └── octets that follow
                      family, transport ──┘

https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, sections 2.1 and 2.2.

Whoever can reach a listener that reads this header can say to be anybody, so it is read
where the listener's option asks for it, and there it is never optional.

The library for this, proxy-protocol, takes ports such as `+2_5`, families that it does not
know, and tells malformed headers by four kinds of exception; and the framing, which is
most of it, would be ours all the same.
"""

from __future__ import annotations

import struct
from ipaddress import IPv6Address
from typing import NamedTuple

from smtpdsl.mail.ip import ipv4_value, ipv6_value

# Both as the first octets of what a client of SMTP never sends.
_V1 = b"PROXY "
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
# "So a 108-byte buffer is always enough to store all the line and a trailing zero", section 2.1.
V1_MOST_OCTETS = 107
# The field for it goes up to 65,535, but what a proxy adds takes some hundred octets, with a certificate 2,000.
V2_MOST_OCTETS = 4096
_V2_HEAD = struct.Struct("!12sBBH")
_IPV4 = struct.Struct("!4s4sHH")
_IPV6 = struct.Struct("!16s16sHH")
_STREAMS = {0x11: _IPV4, 0x21: _IPV6}
_LOCAL = 0x20
_PROXY = 0x21
_MOST_PORTS = 65535

# UNKNOWN, UNSPEC, a unix socket: the address of the proxy is no guess at the client's, and may be one that is trusted.
_NOBODY = "a PROXY header that does not say from which address the client comes"

EVERY_VERSION = frozenset({1, 2})


class ProxyError(Exception):
    """No header, or a malformed one; the text is one printable clause.  The connection is closed without a reply."""


class Proxied(NamedTuple):
    """A header that was read.

    *source* is the client's address as rules compare it; None if the connection is the
    proxy's own (its health checks): then the address of the connection stands.  *rest* are the
    octets behind the header.
    """

    source: str | None
    port: int | None
    rest: bytes


class ProxyHeader:
    """The header of one connection, while its octets come in."""

    def __init__(self, versions: frozenset[int] = EVERY_VERSION) -> None:
        """Wait for a header of one of *versions*."""
        self._versions = versions
        self._octets = bytearray()

    def receive(self, octets: bytes) -> Proxied | None:
        """Take *octets*, however they were split; return what the header says, or None if more must come.

        Raises:
            ProxyError: What came is no header.
        """
        self._octets += octets
        if 1 in self._versions and _is_begun(self._octets, _V1):
            return _read_v1(self._octets)
        if 2 in self._versions and _is_begun(self._octets, _V2):  # noqa: PLR2004 - version 2
            return _read_v2(self._octets)
        message = "no PROXY header"
        raise ProxyError(message)


def _is_begun(octets: bytearray, signature: bytes) -> bool:
    """Whether *octets* begin with *signature*, as far as they go."""
    return octets[: len(signature)] == signature[: len(octets)]


# ---------------------------------------------------------------- version 1


def _read_v1(octets: bytearray) -> Proxied | None:
    end = octets.find(b"\r\n", 0, V1_MOST_OCTETS)
    if end < 0:
        if len(octets) >= V1_MOST_OCTETS:
            raise _too_long(V1_MOST_OCTETS)
        return None
    rest = bytes(octets[end + 2 :])
    line = octets[:end].decode("latin-1")
    if not (line.isascii() and line.isprintable()):
        raise _malformed(1)
    match line.split(" ")[1:]:
        case ["UNKNOWN", *_]:
            raise ProxyError(_NOBODY)
        case ["TCP4" | "TCP6" as family, source, ours, port, our_port]:
            read = _text_v4 if family == "TCP4" else _text_v6
            found = read(source), read(ours), _port(port), _port(our_port)
            if None not in found:
                return Proxied(found[0], found[2], rest)
    raise _malformed(1)


def read_address(text: str) -> str | None:
    """Return an address without brackets as rules compare it; None if it is none."""
    return _text_v4(text) or _text_v6(text)


def _text_v4(text: str) -> str | None:
    return text if ipv4_value(text) is not None else None


def _text_v6(text: str) -> str | None:
    value = ipv6_value(text)
    return None if value is None else _shown_v6(value)


def _port(text: str) -> int | None:
    # "the TCP source port represented as a decimal integer in the range [0..65535]", without leading zeros.
    if not (text.isascii() and text.isdecimal()) or (text[0] == "0" and text != "0") or len(text) > len("65535"):
        return None
    port = int(text)
    return port if port <= _MOST_PORTS else None


# ---------------------------------------------------------------- version 2


def _read_v2(octets: bytearray) -> Proxied | None:
    if len(octets) < _V2_HEAD.size:
        return None
    _, command, family, length = _V2_HEAD.unpack_from(octets)
    # What a proxy says of its own connection is not looked at, section 2.2.
    addresses = None if command == _LOCAL else _STREAMS.get(family)
    if command not in {_LOCAL, _PROXY}:
        message = f"a PROXY header of unknown version and command {command:02x}"
        raise ProxyError(message)
    if command == _PROXY and addresses is None:
        raise ProxyError(_NOBODY)
    if addresses is not None and length < addresses.size:
        raise _malformed(2)
    if length > V2_MOST_OCTETS:
        raise _too_long(V2_MOST_OCTETS)
    if len(octets) < _V2_HEAD.size + length:
        return None
    rest = bytes(octets[_V2_HEAD.size + length :])
    if addresses is None:
        return Proxied(None, None, rest)
    source, _, port, _ = addresses.unpack_from(octets, _V2_HEAD.size)
    # The rest of *length* are type-length-values, which say nothing that a rule asks.
    return Proxied(_shown(source), port, rest)


def _shown(packed: bytes) -> str:
    if len(packed) == 4:  # noqa: PLR2004 - octets of IPv4
        return ".".join(map(str, packed))
    return _shown_v6(int.from_bytes(packed))


def _shown_v6(value: int) -> str:
    address = IPv6Address(value)
    # A client of an IPv4 address on an IPv6 socket is a client of that address.
    return str(address.ipv4_mapped) if address.ipv4_mapped is not None else f"[{address}]"


def _too_long(most_octets: int) -> ProxyError:
    return ProxyError(f"a PROXY header of more than {most_octets} octets")


def _malformed(version: int) -> ProxyError:
    return ProxyError(f"a malformed PROXY header of version {version}")
