"""The DNS that is played for a vector."""

from __future__ import annotations

import asyncio
import json

import dns.asyncresolver
import dns.exception
import dns.resolver
import pytest

from tests.vectors.names import Names, Zone, ZoneError
from tests.vectors.runner import DEFAULT_FILE

ADDRESS = "127.0.0.1"


def ask(zone: str, name: str, kind: str) -> list[str]:
    """Ask a server that has *zone*; return the records as text."""

    async def question() -> list[str]:
        names = Names(Zone(zone))
        await names.start(ADDRESS, 0)
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [ADDRESS], names.port, 1.0
        try:
            answer = await resolver.resolve(name, kind)
        finally:
            await names.stop()
        assert (name, kind) in names.queries
        return sorted(each.to_text() for each in answer)

    return asyncio.run(question())


def test_records_and_names_that_go_on() -> None:
    """A statement without a name, or without a type, is for the one before."""
    zone = "remote.test MX 20 mx.test; 10 a.remote.test (down); a.remote.test A 127.0.0.1"

    assert ask(zone, "remote.test", "MX") == ["10 a.remote.test.", "20 mx.test."]
    assert ask(zone, "a.remote.test", "A") == ["127.0.0.1"]


def test_a_null_exchanger() -> None:
    """Its host is the root."""
    assert ask("remote.test MX 0 .", "remote.test", "MX") == ["0 ."]


@pytest.mark.parametrize(
    ("zone", "error"),
    [
        ("remote.test MX SERVFAIL", dns.resolver.NoNameservers),
        ("remote.test MX NXDOMAIN", dns.resolver.NXDOMAIN),
        ("remote.test A NODATA MX NODATA", dns.resolver.NoAnswer),
        ("other.test A 127.0.0.1", dns.resolver.NXDOMAIN),
        ("mail.remote.test A 127.0.0.1", dns.resolver.NoAnswer),
    ],
)
def test_answers_that_are_none(zone: str, error: type[Exception]) -> None:
    """Errors that are written, and those that follow from what is not."""
    with pytest.raises(error):
        ask(zone, "remote.test", "MX")


def test_a_long_answer_comes_over_tcp() -> None:
    """As UDP says that it should."""
    assert len(ask("remote.test MX 1000 records", "remote.test", "MX")) == 1000


def test_records_that_are_too_short() -> None:
    """They are sent as they are, and no client can read them."""
    with pytest.raises(dns.exception.DNSException):
        ask("_25._tcp.a.test TLSA (0, 2 and 3 bytes long)", "_25._tcp.a.test", "TLSA")


def test_every_zone_of_the_vectors_is_understood() -> None:
    """Whether it can be asked yet or not."""
    vectors = map(json.loads, DEFAULT_FILE.read_text(encoding="utf-8").splitlines())
    zones = [vector["setup"]["zone"] for vector in vectors if vector.get("role") == "dns"]

    assert len([Zone(zone) for zone in zones]) == 10


@pytest.mark.parametrize("zone", ["remote.test", "MX 10 a.test", "10 a.test"])
def test_what_is_no_zone(zone: str) -> None:
    """It is told."""
    with pytest.raises(ZoneError, match=zone):
        Zone(zone)
