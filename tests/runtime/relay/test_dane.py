"""Which hosts are to be verified by DANE, as a resolver tells that verifies signatures."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from smtpdsl.runtime.net.name_servers import NameServers, Records
from smtpdsl.runtime.net.resolver import ResolveError
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.relay.dane import Finding, HostTlsa, TlsaLookup
from smtpdsl.runtime.relay.exchangers import Exchangers, Host, Own
from tests.dns_server import TTL, DnsServer, Trouble, Zone
from tests.tls_peers import Clock

ABSENT, USABLE, UNUSABLE, FAILED = Finding
DIGEST, OTHER = "5e" * 32, "88" * 32
EVERYTHING = ("test", "example")
HOST: Zone = {
    ("away.test", "MX"): ["10 mx.away.test."],
    ("mx.away.test", "A"): ["192.0.2.1"],
    ("_25._tcp.mx.away.test", "TLSA"): [f"3 1 1 {DIGEST}"],
}
ALIAS: Zone = {
    ("away.test", "MX"): ["10 mx.away.test."],
    ("mx.away.test", "CNAME"): ["a.away.test."],
    ("a.away.test", "CNAME"): ["mx.example."],
    ("mx.example", "A"): ["192.0.2.1"],
    ("mx.example", "AAAA"): ["2001:db8::1"],
}


class Around:
    """A resolver, and what is asked of it."""

    def __init__(self, folder: Path, server: DnsServer) -> None:
        """Ask *server*."""
        self.clock = Clock()
        dns = NameServers(server.resolv_conf(folder), server.port)
        self.exchangers = Exchangers(dns, Own(), self.clock)
        self.lookup = TlsaLookup(dns, self.clock)

    async def hosts(self, domain: str = "away.test") -> Sequence[Host]:
        """Return where mail for *domain* goes."""
        return await hosts_of(self.exchangers, domain)


async def hosts_of(exchangers: Exchangers, domain: str) -> Sequence[Host]:
    """Return where mail for *domain* goes."""
    hosts = await exchangers.find(domain)
    assert not isinstance(hosts, Verdict), hosts
    return hosts


def find(folder: Path, zone: Zone, signed: Collection[str] = EVERYTHING) -> tuple[HostTlsa, DnsServer]:
    """Return what is found of the first exchanger of away.test."""

    async def run() -> tuple[HostTlsa, DnsServer]:
        async with DnsServer(zone, signed) as server:
            around = Around(folder, server)
            [host] = await around.hosts()
            return await around.lookup.find(host, 25), server

    return asyncio.run(run())


# ---------------------------------------------------------------- findings


def test_a_host_with_records(tmp_path: Path) -> None:
    """All of them are kept, also those that are of no use."""
    found, _ = find(tmp_path, HOST)
    assert (found.finding, found.base, found.why) == (USABLE, "mx.away.test", "mx.away.test has TLSA records")
    assert list(map(str, found.records)) == [f"3 1 1 {DIGEST}"]


@pytest.mark.parametrize(
    "records", [[f"1 1 1 {DIGEST}"], [f"3 2 1 {DIGEST}", f"0 0 1 {DIGEST}"], ["RAW", "RAW 0301", "RAW 030101"]]
)
def test_records_without_any_use_demand_tls_all_the_same(tmp_path: Path, records: list[str]) -> None:
    """RFC 7672 §2.2: somebody meant the host to be spoken to over TLS."""
    found, _ = find(tmp_path, {**HOST, ("_25._tcp.mx.away.test", "TLSA"): records})
    assert (found.finding, len(found.records)) == (UNUSABLE, len(records))
    assert "none that a certificate can be verified by" in found.why


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        ((), "no signatures (DNSSEC) prove the addresses of mx.away.test"),
        (("mx.away.test",), "prove the exchangers of the domain, only the addresses of mx.away.test"),
        (("away.test",), ""),
    ],
)
def test_what_is_not_signed_is_not_asked_for_records(tmp_path: Path, signed: Collection[str], why: str) -> None:
    """Whoever forges the exchangers of a domain has records of its own."""
    found, server = find(tmp_path, HOST, signed)
    assert (found.finding is ABSENT) == bool(why)
    assert why in found.why
    assert (("_25._tcp.mx.away.test", "TLSA") in server.asked) == (not why)


def test_a_domain_without_exchangers_can_have_records(tmp_path: Path) -> None:
    """Its own name is where they are."""
    zone: Zone = {("away.test", "A"): ["192.0.2.1"], ("_25._tcp.away.test", "TLSA"): [f"3 1 1 {DIGEST}"]}
    found, _ = find(tmp_path, zone)
    assert (found.finding, found.base) == (USABLE, "away.test")


def test_a_name_that_is_too_long_for_records_has_none(tmp_path: Path) -> None:
    """The host may be there all the same, under a name that strangers choose."""
    longest = ".".join(["a" * 63] * 3 + ["a" * 50, "test"])
    zone: Zone = {("away.test", "MX"): [f"10 {longest}."], (longest, "A"): ["192.0.2.1"]}
    found, _ = find(tmp_path, zone)
    assert (found.finding, found.why) == (ABSENT, f"{longest} has no TLSA records for port 25")


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.BOGUS])
def test_records_that_nobody_can_tell_are_not_taken_for_none(tmp_path: Path, trouble: Trouble) -> None:
    """Whoever wants to read the mail would bring that about; the reason says who has to mend it."""
    found, _ = find(tmp_path, {**HOST, ("_25._tcp.mx.away.test", "TLSA"): trouble})
    assert found.finding is FAILED
    reason = "the name server 127.0.0.1 says SERVFAIL"
    if trouble is Trouble.BOGUS:
        reason = "the DNSSEC signatures of its zone are wrong, says the name server 127.0.0.1"
    assert found.why == f"the TLSA records of mx.away.test cannot be found out: {reason}"


def test_records_that_are_not_signed_are_none(tmp_path: Path) -> None:
    """Where the zone has left a part of itself to somebody who does not sign it."""

    async def run() -> None:
        async with DnsServer(HOST, ["away.test"]) as server:
            around = Around(tmp_path, server)
            [host] = await around.hosts()
            server.signed = []
            assert (await around.lookup.find(host, 25)).finding is ABSENT

    asyncio.run(run())


# ---------------------------------------------------------------- aliases


def test_an_alias_has_the_records_of_what_it_stands_for(tmp_path: Path) -> None:
    """Before its own (RFC 7672 §2.2.2)."""
    own = ("_25._tcp.mx.away.test", "TLSA")
    far = ("_25._tcp.mx.example", "TLSA")
    for zone, base in (
        ({**ALIAS, own: [f"3 1 1 {DIGEST}"], far: [f"3 1 1 {OTHER}"]}, "mx.example"),
        ({**ALIAS, own: [f"3 1 1 {DIGEST}"]}, "mx.away.test"),
        (ALIAS, ""),
    ):
        found, _ = find(tmp_path, zone)
        assert (found.finding, found.base) == (USABLE if base else ABSENT, base)
    found, _ = find(tmp_path, {**ALIAS, own: [f"3 1 1 {DIGEST}"], far: Trouble.SERVFAIL})
    assert found.finding is FAILED


def test_an_alias_for_what_is_not_signed_has_its_own(tmp_path: Path) -> None:
    """Since it is known at least that it is one."""
    zone: Zone = {
        **ALIAS,
        ("_25._tcp.mx.away.test", "TLSA"): [f"3 1 1 {DIGEST}"],
        ("_25._tcp.mx.example", "TLSA"): [f"3 1 1 {OTHER}"],
    }
    found, server = find(tmp_path, zone, ["test"])
    assert (found.finding, found.base) == (USABLE, "mx.away.test")
    assert ("_25._tcp.mx.example", "TLSA") not in server.asked
    found, server = find(tmp_path, zone, ["example"])
    assert found.finding is ABSENT
    assert ("mx.away.test", "CNAME") not in server.asked


def test_an_alias_that_nobody_can_tell_may_have_records() -> None:
    """A resolver that fails only when it is asked for the alias is not to be trusted with the rest."""

    class Dns:
        async def exchangers(self, domain: str) -> Records:
            return Records((f"10 mx.{domain}",), TTL, is_authentic=True)

        async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
            return Records(("2001:db8::1" if is_ipv6 else "192.0.2.1",), TTL, target=f"far.{host}")

        async def alias(self, host: str) -> Records:
            raise ResolveError(host)

    [host] = asyncio.run(hosts_of(Exchangers(Dns(), Own(), Clock()), "away.test"))
    assert (host.is_authentic, host.bases) == (True, ("mx.away.test",))


# ---------------------------------------------------------------- memory


def test_answers_are_kept_as_long_as_they_are_good(tmp_path: Path) -> None:
    """Those that there are none, too; a failure is asked for again."""

    async def run() -> None:
        zone: Zone = {**HOST, ("bad.test", "A"): ["192.0.2.2"], ("_25._tcp.bad.test", "TLSA"): Trouble.SERVFAIL}
        async with DnsServer(zone, EVERYTHING) as server:
            around = Around(tmp_path, server)
            [host], [bad] = await around.hosts(), await around.hosts("bad.test")
            asked = ("_25._tcp.mx.away.test", "TLSA")
            for _ in range(3):
                await around.lookup.find(host, 25)
            assert server.asked.count(asked) == 1
            around.clock.time += TTL + 1
            await around.lookup.find(host, 25)
            assert server.asked.count(asked) == 2
            await around.lookup.find(host, 465)
            assert ("_465._tcp.mx.away.test", "TLSA") in server.asked
            failed = [(await around.lookup.find(bad, 25)).finding for _ in range(2)]
            assert failed == [FAILED, FAILED]
            server.zone["_25._tcp.bad.test", "TLSA"] = [f"3 1 1 {DIGEST}"]
            assert (await around.lookup.find(bad, 25)).finding is USABLE

    asyncio.run(run())
