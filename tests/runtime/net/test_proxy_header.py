"""The PROXY protocol, versions 1 and 2."""

from __future__ import annotations

import contextlib
import socket
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.proxy_header import Proxied, ProxyError, ProxyHeader

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
EHLO = b"EHLO client.test\r\n"


def v2(command: int, family: int, body: bytes, length: int | None = None) -> bytes:
    """Build a header of version 2."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def ipv4(source: str, port: int) -> bytes:
    """Build the addresses of a TCP connection over IPv4."""
    return socket.inet_aton(source) + socket.inet_aton("198.51.100.1") + struct.pack("!HH", port, 25)


def ipv6(source: str, port: int) -> bytes:
    """Build the addresses of a TCP connection over IPv6."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "2001:db8::25")
    return ends + struct.pack("!HH", port, 25)


TLV = b"\x01\x00\x02h2" + b"\x04\x00\x00"
UNIX = b"/run/client.sock".ljust(108, b"\0") + b"/run/proxy.sock".ljust(108, b"\0")

GOOD = {
    b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 25\r\n": ("192.0.2.7", 51234),
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": ("255.255.255.255", 65535),
    b"PROXY TCP4 192.0.2.7 198.51.100.1 0 25\r\n": ("192.0.2.7", 0),
    b"PROXY TCP6 2001:DB8:0::7 2001:db8::1 51234 25\r\n": ("[2001:db8::7]", 51234),
    b"PROXY TCP6 ::ffff:192.0.2.7 ::1 51234 25\r\n": ("192.0.2.7", 51234),
    v2(0x21, 0x11, ipv4("192.0.2.7", 51234)): ("192.0.2.7", 51234),
    v2(0x21, 0x11, ipv4("192.0.2.7", 51234) + TLV): ("192.0.2.7", 51234),
    v2(0x21, 0x21, ipv6("2001:db8::7", 51234)): ("[2001:db8::7]", 51234),
    v2(0x21, 0x21, ipv6("::ffff:192.0.2.7", 51234) + TLV): ("192.0.2.7", 51234),
    v2(0x20, 0x00, b""): (None, None),
    v2(0x20, 0x11, ipv4("192.0.2.7", 51234)): (None, None),
    v2(0x20, 0xFF, b"anything"): (None, None),
}

MALFORMED = [
    (b"EHLO client.test\r\n", "no PROXY header"),
    (b"PRoXY TCP4", "no PROXY header"),
    (b"\r\n\r\n\0\r\nQUIT\r", "no PROXY header"),
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 25\n" + b" " * 100, "more than 107 octets"),
    (b"PROXY UNKNOWN\r\n", "does not say from which address"),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", "does not say from which address"),
    (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "more than 107 octets"),
    (b"PROXY UNKNOWN " + b"x" * 93, "more than 107 octets"),
    *(
        (line + b"\r\n", "malformed PROXY header of version 1")
        for line in (
            b"PROXY ",
            b"PROXY UNKNOWNS",
            b"PROXY UNKNOWN\nEHLO x",
            b"PROXY UNKNOWN \nEHLO x",
            b"PROXY UDP4 192.0.2.7 198.51.100.1 51234 25",
            b"PROXY tcp4 192.0.2.7 198.51.100.1 51234 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51234",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 25 ",
            b"PROXY  TCP4 192.0.2.7 198.51.100.1 51234 25",
            b"PROXY TCP4 192.0.2.7  198.51.100.1 51234 25",
            b"PROXY TCP4 192.0.2.07 198.51.100.1 51234 25",
            b"PROXY TCP4 192.0.2.256 198.51.100.1 51234 25",
            b"PROXY TCP4 192.0.2 198.51.100.1 51234 25",
            b"PROXY TCP4 2001:db8::7 198.51.100.1 51234 25",
            b"PROXY TCP6 192.0.2.7 2001:db8::1 51234 25",
            b"PROXY TCP6 fe80::1%eth0 2001:db8::1 51234 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 65536",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 +25 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 2_5 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 025 25",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 \xb2 25",
            b"PROXY TCP4 192.0.2.7\0 198.51.100.1 51234 25",
        )
    ),
    (v2(0x11, 0x11, ipv4("192.0.2.7", 1)), "unknown version and command 11"),
    (v2(0x22, 0x11, ipv4("192.0.2.7", 1)), "unknown version and command 22"),
    (v2(0x21, 0x00, b""), "does not say from which address"),
    (v2(0x21, 0x12, ipv4("192.0.2.7", 1)), "does not say from which address"),
    (v2(0x21, 0x41, ipv4("192.0.2.7", 1)), "does not say from which address"),
    (v2(0x21, 0x11, ipv4("192.0.2.7", 1)[:-1]), "malformed PROXY header of version 2"),
    (v2(0x21, 0x21, ipv4("192.0.2.7", 1)), "malformed PROXY header of version 2"),
    (v2(0x21, 0x31, UNIX + TLV), "does not say from which address"),
    (v2(0x21, 0x11, b"\x7f\0\0\x01", length=0xFFFF), "more than 4096 octets"),
]


def read(chunks: list[bytes]) -> Proxied | str | None:
    """Return what a header says that comes in *chunks*; a reason if it is none, and None if its end is missing."""
    header = ProxyHeader()
    for number, chunk in enumerate(chunks):
        try:
            found = header.receive(chunk)
        except ProxyError as error:
            return str(error)
        if found is not None:
            return found._replace(rest=found.rest + b"".join(chunks[number + 1 :]))
    return None


@pytest.mark.parametrize("octets", GOOD)
def test_a_header_tells_the_client(octets: bytes) -> None:
    """An address as rules compare it; none if the connection is the proxy's own.  What follows is the client's."""
    source, port = GOOD[octets]

    assert read([octets]) == Proxied(source, port, b"")
    assert read([octets + EHLO]) == Proxied(source, port, EHLO)


@pytest.mark.parametrize(("octets", "reason"), MALFORMED)
def test_a_malformed_header_is_none(octets: bytes, reason: str) -> None:
    """The reason goes to the log, and nothing of what came."""
    found = read([octets])

    assert isinstance(found, str)
    assert reason in found
    assert found.isprintable()


@pytest.mark.parametrize("octets", GOOD)
def test_a_header_that_is_cut_short_is_waited_for(octets: bytes) -> None:
    """As long as the deadline allows; no beginning of a header is taken for all of it."""
    assert {read([octets[:length]]) for length in range(len(octets))} == {None}


def test_a_listener_reads_the_versions_it_was_told() -> None:
    """A header of another version is none."""
    one, two = next(iter(GOOD)), v2(0x20, 0, b"")

    assert ProxyHeader(frozenset({1})).receive(one)
    assert ProxyHeader(frozenset({2})).receive(two)
    for versions, octets in ((2, one), (1, two)):
        with pytest.raises(ProxyError, match="no PROXY header"):
            ProxyHeader(frozenset({versions})).receive(octets)


@given(
    octets=st.sampled_from([*GOOD, *(octets for octets, _ in MALFORMED)]),
    rest=st.sampled_from([b"", EHLO, b"\r\n", b"\0"]),
    cuts=st.lists(st.integers(0, 300)),
)
def test_chunk_boundaries_are_invisible(octets: bytes, rest: bytes, cuts: list[int]) -> None:
    """A header does not depend on how TCP split its octets."""
    stream = octets + rest
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in pairwise(places)]

    assert read(chunks) == read([stream]) == read([stream[at : at + 1] for at in range(len(stream))])


@given(octets=st.one_of(st.binary(), st.binary().map(SIGNATURE.__add__), st.binary().map(b"PROXY TCP4 ".__add__)))
def test_no_octets_raise_anything_else(octets: bytes) -> None:
    """Whatever comes is a header, no header, or the beginning of one."""
    with contextlib.suppress(ProxyError):
        ProxyHeader().receive(octets)
