"""The DNS, from a server in this process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from smtpdsl.runtime.net.name_servers import NameServers, Records, servers_of
from smtpdsl.runtime.net.resolver import ResolveError
from tests.dns_server import HOST, TTL, DnsServer, Trouble, Zone

NOTHING = Records((), 60.0)
NOBODY = Records((), 60.0, exists=False)
ZONE: Zone = {
    ("1.2.0.192.in-addr.arpa", "PTR"): ["mx.test."],
    ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR"): ["six.test."],
    ("9.2.0.192.in-addr.arpa", "PTR"): [r"a\032b\010c.test."],
    ("mx.test", "A"): ["192.0.2.1"],
    ("mx.test", "AAAA"): ["2001:db8::1"],
    ("failing.test", "A"): Trouble.SERVFAIL,
    ("noisy.test", "A"): Trouble.GARBAGE,
    ("forged.test", "A"): Trouble.FORGERY,
    ("silent.test", "A"): Trouble.SILENCE,
}


def test_what_there_is_and_is_not(tmp_path: Path) -> None:
    """Names of both families as they are, addresses of the family that is asked for; nothing is no error."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            assert await dns.names("192.0.2.1") == Records(("mx.test",), TTL)
            assert await dns.names("2001:db8::1") == Records(("six.test",), TTL)
            assert await dns.names("192.0.2.9") == Records((r"a\032b\010c.test",), TTL)
            assert await dns.names("192.0.2.2") == NOBODY
            assert await dns.addresses("mx.test", is_ipv6=False) == Records(("192.0.2.1",), TTL)
            assert await dns.addresses("mx.test", is_ipv6=True) == Records(("2001:db8::1",), TTL)
            assert await dns.addresses("failing.test", is_ipv6=True) == NOTHING
            assert await dns.addresses("mx", is_ipv6=False) == NOBODY
            assert ("mx.example.invalid", "A") not in server.asked

    asyncio.run(run())


def test_exchangers_and_what_has_none(tmp_path: Path) -> None:
    """A name that exists is told from one that does not: only the first may get mail all the same."""
    zone: Zone = {
        ("mx.test", "A"): ["192.0.2.1"],
        ("some.test", "MX"): ["20 b.test.", "10 A.test."],
        ("null.test", "MX"): ["0 ."],
        ("failing.test", "MX"): Trouble.SERVFAIL,
    }

    async def run() -> None:
        async with DnsServer(zone) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            assert sorted((await dns.exchangers("some.test")).values) == ["10 A.test", "20 b.test"]
            assert await dns.exchangers("null.test") == Records(("0 .",), TTL)
            assert await dns.exchangers("mx.test") == NOTHING
            assert await dns.exchangers("gone.test") == NOBODY
            with pytest.raises(ResolveError):
                await dns.exchangers("failing.test")

    asyncio.run(run())


def test_a_long_answer_comes_over_tcp(tmp_path: Path) -> None:
    """Of which the first few records are read."""
    many = {f"n{number}.test" for number in range(1000)}

    async def run() -> None:
        async with DnsServer({("1.2.0.192.in-addr.arpa", "PTR"): [f"{name}." for name in many]}) as server:
            found = await NameServers(server.resolv_conf(tmp_path), server.port).names("192.0.2.1")
            assert set(found.values) < many
            assert len(set(found.values)) == 16
            assert len(server.asked) == 2

    asyncio.run(run())


def test_a_server_that_fails_is_told_from_one_that_knows_nothing(tmp_path: Path) -> None:
    """Nobody can tell now."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            with pytest.raises(ResolveError):
                await dns.addresses("failing.test", is_ipv6=False)

    asyncio.run(run())


@pytest.mark.parametrize("host", ["noisy.test", "forged.test", "silent.test"])
def test_what_is_no_answer_is_waited_past(host: str, tmp_path: Path) -> None:
    """Who asks decides for how long; no octets of a stranger are taken for the answer."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await dns.addresses(host, is_ipv6=False)
            assert (host, "A") in server.asked

    asyncio.run(run())


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """What was asked of nobody is asked of the server that stands there now."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            path = server.resolv_conf(tmp_path, "127.0.0.2")
            dns = NameServers(path, server.port)
            with pytest.raises((TimeoutError, ResolveError)):
                async with asyncio.timeout(0.1):
                    await dns.names("192.0.2.1")
            server.resolv_conf(tmp_path)
            assert (await dns.names("192.0.2.1")).values == ("mx.test",)
            os.remove(path)  # noqa: PTH107 - a function of asyncio may not use the other
            assert (await dns.names("192.0.2.1")).values == ("mx.test",)

    asyncio.run(run())


def test_where_no_server_is_named_this_machine_is_asked(tmp_path: Path) -> None:
    """As resolv.conf(5) has it, and so too where there is no file."""

    async def run(path: Path) -> None:
        async with DnsServer(ZONE) as server:
            assert (await NameServers(os.fspath(path), server.port).names("192.0.2.1")).values == ("mx.test",)

    asyncio.run(run(tmp_path / "missing"))
    (tmp_path / "empty").write_text("options edns0\n", encoding="utf-8")
    asyncio.run(run(tmp_path / "empty"))


def test_the_servers_of_a_file() -> None:
    """Addresses of both families, in order; other lines, and what is no address, are none."""
    text = f"# nameserver 192.0.2.1\nnameserver {HOST} # near\nnameserver\nnameserver example.org\nnameserver ::1\n"

    assert servers_of(text) == [HOST, "::1"]
    assert servers_of("options edns0\n") == []
