"""Where mail for a domain goes, by what its zone says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError
from smtpdsl.runtime.protocol.client_verdicts import Judgement, Verdict
from smtpdsl.runtime.relay.exchangers import Exchangers, Host, Own
from smtpdsl.runtime.relay.listed_exchangers import MAX_EXCHANGERS

TEMPORARY, PERMANENT = Judgement.TEMPORARY, Judgement.PERMANENT
OWN = Own.of(["mx.test", "Listener.Test."], ["127.0.0.1", "[::1]", "192.0.2.99", "[2001:db8::99]"])
Zone = Mapping[str, Sequence[str] | None]


class FakeDns:
    """A zone: ``NAME MX``, ``NAME A`` and ``NAME AAAA`` to values; None is trouble, and what is missing has nothing."""

    def __init__(self, zone: Zone) -> None:
        """Know *zone*."""
        self.zone = zone
        self.asked: list[str] = []
        self.seconds = 300.0

    async def exchangers(self, domain: str) -> Records:
        """Return what the zone has."""
        return self._find(domain, "MX")

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Return what the zone has."""
        return self._find(host, "AAAA" if is_ipv6 else "A")

    async def alias(self, host: str) -> Records:
        """Return what the zone has."""
        return self._find(host, "CNAME")

    def _find(self, name: str, kind: str) -> Records:
        self.asked.append(f"{name} {kind}")
        values = self.zone.get(f"{name.lower()} {kind}", ())
        if values is None:
            raise ResolveError(name)
        exists = any(key.startswith(f"{name.lower()} ") for key in self.zone)
        return Records(tuple(values), self.seconds, exists=exists)


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.time = 100.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.time


def find(zone: Zone, domain: str = "example.test", backup: str | None = None) -> Sequence[Host] | Verdict:
    """Ask for *domain*; equal exchangers are in reverse order."""
    exchangers = Exchangers(FakeDns(zone), OWN, Clock(), shuffle=list[Host].reverse)
    return asyncio.run(exchangers.find(domain, backup))


def names(found: Sequence[Host] | Verdict) -> list[str]:
    """Return the names of the hosts."""
    assert not isinstance(found, Verdict), found
    return [host.name for host in found]


def verdict(found: Sequence[Host] | Verdict) -> tuple[Judgement, str]:
    """Return how it failed."""
    assert isinstance(found, Verdict), found
    assert found.text.isascii()
    assert found.text.isprintable()
    return found.judgement, found.status


A = {f"{name}.test A": [f"192.0.2.{number}"] for number, name in enumerate("abcd", 1)}


# ---------------------------------------------------------------- hosts


def test_better_exchangers_go_first() -> None:
    """Those that are equal in another order each time."""
    zone = {**A, "example.test MX": ["20 c.test", "10 a.test", "30 d.test", "10 B.test"], "b.test A": ["192.0.2.2"]}

    assert names(find(zone)) == ["a.test", "B.test", "c.test", "d.test"]


def test_a_domain_without_exchangers_is_its_own() -> None:
    """RFC 5321 §5.1."""
    assert find({"example.test A": ["192.0.2.7"]}) == [Host("example.test", ("192.0.2.7",))]


def test_addresses_of_both_families_take_turns() -> None:
    """What is broken in one delays nothing for long (RFC 8305 §4)."""
    zone = {
        "example.test MX": ["10 a.test"],
        "a.test A": ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
        "a.test AAAA": ["2001:db8::1"],
    }

    assert find(zone) == [Host("a.test", ("2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"))]


def test_one_family_is_enough() -> None:
    """Name servers that do not know AAAA are no reason to wait."""
    zone = {"example.test MX": ["10 a.test"], "a.test A": ["192.0.2.1"], "a.test AAAA": None}

    assert find(zone) == [Host("a.test", ("192.0.2.1",))]


@pytest.mark.parametrize(("domain", "address"), [("[192.0.2.5]", "192.0.2.5"), ("[IPv6:2001:DB8::5]", "2001:DB8::5")])
def test_an_address_literal_is_where_it_says(domain: str, address: str) -> None:
    """Nobody is asked."""
    assert find({}, domain) == [Host(address, (address,))]


def test_a_u_label_is_asked_for_as_an_a_label() -> None:
    """The DNS knows no other."""
    zone = {"xn--mller-kva.test MX": ["10 a.test"], **A}

    assert names(find(zone, "müller.test")) == ["a.test"]


def test_of_many_exchangers_the_best_are_tried() -> None:
    """An attempt has an end."""
    numbers = range(60)
    zone = {
        "example.test MX": [f"{number} h{number}.test" for number in reversed(numbers)],
        **{f"h{number}.test A": [f"192.0.2.{number + 1}"] for number in numbers},
    }

    assert names(find(zone)) == [f"h{number}.test" for number in range(MAX_EXCHANGERS)]


# ---------------------------------------------------------------- ourselves


@pytest.mark.parametrize(
    "own",
    [
        {"example.test MX": ["10 a.test", "20 MX.test", "20 b.test", "30 c.test"]},
        {"example.test MX": ["10 a.test", "20 listener.test", "30 c.test"]},
        {"example.test MX": ["10 a.test", "20 other.test"], "other.test A": ["192.0.2.99"]},
        {"example.test MX": ["10 a.test", "20 other.test"], "other.test AAAA": ["2001:db8:0::99"]},
    ],
)
def test_only_those_are_used_that_are_better_than_this_server(own: Zone) -> None:
    """By name or by address; who comes after us would send the mail to us."""
    assert names(find({**A, **own})) == ["a.test"]


@pytest.mark.parametrize(
    "zone",
    [
        {"example.test MX": ["10 mx.test", "10 a.test", "20 b.test"]},
        {"example.test MX": ["0 other.test"], "other.test A": ["192.0.2.99"]},
        {"example.test A": ["192.0.2.99"]},
    ],
)
def test_mail_for_which_this_server_is_the_best_is_not_relayed(zone: Zone) -> None:
    """RFC 5321 §5.1: whoever is asked to deliver it locally has no rule for it."""
    assert verdict(find({**A, **zone})) == (PERMANENT, "5.4.6")


@pytest.mark.parametrize("domain", ["[192.0.2.99]", "[IPv6:2001:db8::99]", "[127.0.0.1]", "[0.0.0.0]", "[IPv6:::1]"])
def test_a_literal_of_this_server_is_not_connected_to(domain: str) -> None:
    """Nor one that leads back to it."""
    assert verdict(find({}, domain)) == (PERMANENT, "5.4.6")


def test_a_backup_relays_to_better_ones() -> None:
    """To all if it is none of them."""
    zone = {**A, "example.test MX": ["10 a.test", "20 b.test", "30 c.test"]}

    assert names(find(zone, backup="B.test")) == ["a.test"]
    assert names(find(zone, backup="d.test")) == ["a.test", "b.test", "c.test"]
    assert verdict(find(zone, backup="a.test")) == (TEMPORARY, "4.4.6")


# ---------------------------------------------------------------- nobody


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ({}, (PERMANENT, "5.1.2")),
        ({"example.test MX": ["0 ."]}, (PERMANENT, "5.1.10")),
        ({"example.test MX": ["10 localhost"]}, (PERMANENT, "5.1.10")),
        ({"example.test MX": ["10 LocalHost", "20 ."]}, (PERMANENT, "5.1.10")),
        ({"example.test MX": None}, (TEMPORARY, "4.4.3")),
        ({"example.test MX": ["10 a.test"]}, (TEMPORARY, "4.4.4")),
        ({"example.test MX": ["10 a.test"], "example.test A": ["192.0.2.1"]}, (TEMPORARY, "4.4.4")),
        ({"example.test MX": ["10 a.test"], "a.test A": None}, (TEMPORARY, "4.4.3")),
        ({"example.test MX": ["10 a.test"], "a.test A": ["127.0.0.1"]}, (TEMPORARY, "4.4.4")),
        ({"example.test MX": ["10 a.test"], "a.test AAAA": ["::1", "fe80::1", "ff02::1", "::"]}, (TEMPORARY, "4.4.4")),
        ({"example.test MX": ["10 a.test"], "a.test AAAA": ["::ffff:127.0.0.1"]}, (TEMPORARY, "4.4.4")),
        ({"example.test MX": ["10 192.0.2.1", r"20 a\010b.test"]}, (TEMPORARY, "4.4.4")),
        ({"example.test TXT": []}, (TEMPORARY, "4.4.4")),
    ],
)
def test_a_domain_that_nobody_takes_mail_for(zone: Zone, expected: tuple[Judgement, str]) -> None:
    """What the zone says is for good; what cannot be found out, or may be mended, is not."""
    assert verdict(find(zone)) == expected


@pytest.mark.parametrize("domain", ["exa mple.test", "-a.test", "a..test", "xn--\x80.test", f"{'a' * 64}.test", "[x]"])
def test_what_is_no_name_is_not_asked_for(domain: str) -> None:
    """And never will be one."""
    assert verdict(find({}, domain)) == (PERMANENT, "5.1.2")


def test_an_exchanger_that_is_nowhere_is_passed_over() -> None:
    """Who names 127.0.0.1 means to keep others away, and does not mean us."""
    zone = {**A, "example.test MX": ["0 trap.test", "10 a.test"], "trap.test A": ["127.0.0.1"]}

    assert names(find(zone)) == ["a.test"]


def test_a_null_exchanger_beside_others_is_passed_over() -> None:
    """RFC 7505 §3 wants it alone; the others are what was meant."""
    assert names(find({**A, "example.test MX": ["0 .", "10 a.test"]})) == ["a.test"]


# ---------------------------------------------------------------- memory


def test_an_answer_is_kept_as_long_as_its_zone_says() -> None:
    """And one that is none is asked for again."""

    async def run() -> None:
        dns, clock = FakeDns({**A, "example.test MX": ["10 a.test"]}), Clock()
        exchangers = Exchangers(dns, OWN, clock)
        for _ in range(3):
            await exchangers.find("example.test")
            await exchangers.find("Example.TEST")
        assert len(dns.asked) == 3
        clock.time += dns.seconds + 1
        await exchangers.find("example.test")
        assert len(dns.asked) == 6
        for _ in range(3):
            await exchangers.find("gone.test")
        assert dns.asked.count("gone.test MX") == 1

        dns.zone = {"failing.test MX": None, "half.test MX": ["1 half.test"], "half.test A": None}
        for domain in ("failing.test", "half.test"):
            for _ in range(2):
                await exchangers.find(domain)
            assert dns.asked.count(f"{domain} MX") == 2

    asyncio.run(run())


def test_what_is_remembered_has_an_end() -> None:
    """Strangers choose how many domains there are."""

    async def run() -> None:
        dns = FakeDns({})
        exchangers = Exchangers(dns, OWN, Clock())
        for number in range(1500):
            await exchangers.find(f"d{number}.test")
        await exchangers.find("d1499.test")
        assert len(dns.asked) == 1500
        await exchangers.find("d1.test")
        assert len(dns.asked) == 1501

    asyncio.run(run())
