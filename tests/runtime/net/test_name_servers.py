"""The DNS, from a server in this process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from smtpdsl.runtime.net import name_servers
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
    ("swapped.test", "A"): Trouble.OTHER_QUESTION,
    ("echo.test", "A"): Trouble.QUESTION,
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


@pytest.mark.parametrize("host", ["noisy.test", "forged.test", "silent.test", "swapped.test", "echo.test"])
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


def test_datagrams_that_are_lost_are_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By then a server that is slow may have found out what it was asked."""
    monkeypatch.setattr(name_servers, "_SECONDS_BY_ROUND", (0.01, 30.0))

    async def run() -> None:
        async with DnsServer({("lost.test", "A"): Trouble.LOSS, ("lost.test", "MX"): ["10 a.test."]}) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            assert (await dns.addresses("lost.test", is_ipv6=False)).exists
            assert server.asked == [("lost.test", "A")] * 2

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


# ---------------------------------------------------------------- signatures

SIGNED: Zone = {
    ("away.test", "MX"): ["10 mx.away.test."],
    ("mx.away.test", "A"): ["192.0.2.1"],
    ("www.away.test", "CNAME"): ["cdn.example."],
    ("alias.away.test", "CNAME"): ["away.test."],
    ("cdn.example", "A"): ["192.0.2.2"],
    ("_25._tcp.mx.away.test", "TLSA"): ["3 1 0 5e88", "2 0 0 0a"],
    ("_25._tcp.none.test", "TLSA"): [],
}


def test_what_the_resolver_of_this_machine_has_proven(tmp_path: Path) -> None:
    """Also that there is nothing; of an alias all that it leads to."""

    async def run() -> None:
        async with DnsServer(SIGNED, ["away.test"]) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            assert dns.doubt() == ""
            assert (await dns.exchangers("away.test")).is_authentic
            assert (await dns.addresses("mx.away.test", is_ipv6=True)).is_authentic
            assert not (await dns.exchangers("cdn.example")).is_authentic
            assert (await dns.exchangers("alias.away.test"))[:2] == (("10 mx.away.test",), TTL)
            www = await dns.addresses("www.away.test", is_ipv6=False)
            assert (www.values, www.target, www.is_authentic) == (("192.0.2.2",), "cdn.example", False)
            alias = await dns.alias("www.away.test")
            assert (alias.values, alias.is_authentic) == (("cdn.example",), True)
            found = await dns.tlsa("mx.away.test", 25)
            assert (sorted(found.values), found.is_authentic) == (["2 0 0 0a", "3 1 0 5e88"], True)
            assert not (await dns.tlsa("none.test", 25)).is_authentic

    asyncio.run(run())


def far(monkeypatch: pytest.MonkeyPatch, *servers: str) -> None:
    """Let *servers*, which are on loopback, count as being somewhere else."""
    monkeypatch.setattr(name_servers, "is_loopback", lambda address: address not in servers)


def test_others_are_believed_if_the_administrator_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever resolv.conf says of them."""
    far(monkeypatch, HOST)
    path = f"{tmp_path}/resolv.conf"
    Path(path).write_text(f"nameserver {HOST}\noptions edns0 trust-ad\n", encoding="utf-8")

    async def run() -> None:
        async with DnsServer(SIGNED, ["away.test"]) as server:
            dns = NameServers(path, server.port)
            assert not (await dns.exchangers("away.test")).is_authentic
            doubt = f"{HOST} is not on this machine, and `mta trust-resolver` does not name it"
            assert dns.doubt() == doubt
            with pytest.raises(ResolveError, match=f"^{doubt}$"):
                await dns.tlsa("mx.away.test", 25)
            dns = NameServers(path, server.port, trusted=["127.0.0.9", HOST])
            assert (await dns.exchangers("away.test")).is_authentic
            assert dns.doubt() == ""

    asyncio.run(run())


def test_who_only_passes_on_is_not_believed(tmp_path: Path) -> None:
    """Containers of Docker have a name server on loopback, behind which is anybody's."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.11\n", encoding="utf-8")

    doubt = NameServers(str(path)).doubt()
    assert doubt == "127.0.0.11 verifies nothing, and `mta trust-resolver` does not name it"
    assert NameServers(str(path), trusted=["127.0.0.11"]).doubt() == ""


def test_where_one_is_believed_nobody_else_says_where_mail_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has found that the answer is forged; whoever is asked next may not look."""
    far(monkeypatch, HOST)

    async def run() -> None:
        async with DnsServer(SIGNED) as server:
            path = tmp_path / "resolv.conf"
            # Nobody listens at the first one.
            path.write_text(f"nameserver 127.0.0.2\nnameserver {HOST}\n")
            dns = NameServers(str(path), server.port)
            with pytest.raises(ResolveError, match=r"^no answer of the name server 127\.0\.0\.2$"):
                await dns.exchangers("away.test")
            assert server.asked == []
            # What a client is called does not matter that much.
            await dns.names("192.0.2.1")
            assert len(server.asked) == 1

    asyncio.run(run())


def test_reasons(tmp_path: Path) -> None:
    """Whoever reads them knows whom to ask: the resolver, or the administrator of the zone."""
    zone: Zone = {("bogus.test", "MX"): Trouble.BOGUS, ("failing.test", "MX"): Trouble.SERVFAIL}

    async def run() -> None:
        async with DnsServer(zone) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            with pytest.raises(
                ResolveError, match=r"^the DNSSEC signatures of its zone are wrong, says .* 127\.0\.0\.1$"
            ):
                await dns.exchangers("bogus.test")
            with pytest.raises(ResolveError, match=r"^the name server 127\.0\.0\.1 says SERVFAIL$"):
                await dns.exchangers("failing.test")

    asyncio.run(run())


@pytest.mark.parametrize("trouble", [Trouble.CUT_GARBAGE, Trouble.CUT_SILENCE])
def test_a_cut_answer_without_the_rest_is_none(trouble: Trouble, tmp_path: Path) -> None:
    """What has come of it might be the worse half."""

    async def run() -> None:
        async with DnsServer({("long.test", "MX"): trouble}) as server:
            with pytest.raises(ResolveError, match="no answer of"):
                await NameServers(server.resolv_conf(tmp_path), server.port).exchangers("long.test")

    asyncio.run(run())
