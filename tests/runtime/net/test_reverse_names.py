"""Names of clients, and whether they lead back; the clock and the DNS are those of the test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path

import pytest

from smtpdsl.runtime.net.hosts import HostsFile
from smtpdsl.runtime.net.name_servers import NameServers, Records
from smtpdsl.runtime.net.resolver import ResolveError
from smtpdsl.runtime.net.reverse_names import NO_NAME, UNKNOWN, ReverseName, ReverseNames
from tests.dns_server import DnsServer, Trouble, Zone

TROUBLE = object()
NOTHING = Records((), 60.0)


class Oracle:
    """A DNS that answers at once, unless it is told to wait; an address or a host to its records."""

    def __init__(self, records: Mapping[str, Sequence[str] | object], seconds: float = 300.0) -> None:
        """Know *records*, each for *seconds*; in place of some there may be `TROUBLE`."""
        self.records = records
        self.seconds = seconds
        self.asked: list[str] = []
        self.silent: set[str] = set()

    async def names(self, address: str) -> Records:
        """Look an address up."""
        return await self._find(address)

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Look a host up; it has other addresses in each family."""
        return await self._find(f"{host} {'AAAA' if is_ipv6 else 'A'}")

    async def _find(self, key: str) -> Records:
        self.asked.append(key)
        if key in self.silent:
            await asyncio.Event().wait()
        found = self.records.get(key)
        if found is TROUBLE:
            raise ResolveError(key)
        return Records(tuple(found), self.seconds) if isinstance(found, Sequence) else NOTHING


def names_of(dns: Oracle, clock: Sequence[float] = (0.0,), seconds: float = 30.0) -> ReverseNames:
    """Ask *dns* and no file; the time is the last of *clock*."""
    return ReverseNames(dns, HostsFile("/nonexistent/hosts"), lambda: clock[-1], seconds=seconds)


async def find(names: ReverseNames, source: str) -> ReverseName:
    """Ask, and wait if need be."""
    found = names.find(source)
    return await found if isinstance(found, Awaitable) else found


def found_once(records: Mapping[str, Sequence[str] | object], source: str = "192.0.2.1") -> ReverseName:
    """Return the name of *source* in a world of *records*."""

    async def run() -> ReverseName:
        names = names_of(Oracle(records))
        found = await find(names, source)
        await names.close()
        return found

    return asyncio.run(run())


BACK = {"mx.test A": ["198.51.100.1", "192.0.2.1"]}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"192.0.2.1": ["mx.test"], **BACK}, ReverseName("mx.test", is_confirmed=True)),
        ({"192.0.2.1": ["mx.test"], "mx.test A": ["198.51.100.1"]}, ReverseName("mx.test", is_confirmed=False)),
        ({"192.0.2.1": ["mx.test"]}, NO_NAME),
        ({"192.0.2.1": ["mx.test"], "mx.test AAAA": ["::192.0.2.1"]}, NO_NAME),
        ({}, NO_NAME),
        ({"192.0.2.1": TROUBLE}, UNKNOWN),
        ({"192.0.2.1": ["mx.test"], "mx.test A": TROUBLE}, UNKNOWN),
    ],
    ids=["confirmed", "elsewhere", "nowhere", "other family", "no name", "no answer", "half an answer"],
)
def test_a_name_leads_back_or_not(records: Mapping[str, Sequence[str] | object], expected: ReverseName) -> None:
    """A name without an address is none; what nobody can tell is not taken for no."""
    assert found_once(records) == expected


def test_names_of_the_new_family() -> None:
    """Spellings of an address are equal."""
    records = {"2001:db8::1": ["six.test"], "six.test AAAA": ["2001:DB8:0::1"]}

    assert found_once(records, "[2001:db8::1]") == ReverseName("six.test", is_confirmed=True)


@pytest.mark.parametrize(
    "hostile",
    [
        r"a\010b.test",
        'x" result="250',
        "a b.test",
        "ä.test",
        "-.test",
        "a..test",
        "",
        "<unknown>",
        "[192.0.2.9]",
        "192.0.2.9",
        "x" * 64,
        ".".join(["x" * 63] * 4),
    ],
)
def test_what_is_no_host_name_is_no_name(hostile: str) -> None:
    """Whoever has the address could write anything there, and make it lead back."""
    assert found_once({"192.0.2.1": [hostile], f"{hostile} A": ["192.0.2.1"]}) == NO_NAME


def test_of_many_names_the_first_few_are_looked_at() -> None:
    """One that leads back is the name, wherever it stands among these."""

    async def run() -> None:
        many = [f"n{number}.test" for number in range(1000)]
        last = ReverseNames.MAX_CONFIRMED - 1
        for position, expected in ((last, ReverseName(many[last], is_confirmed=True)), (last + 1, NO_NAME)):
            dns = Oracle({"192.0.2.1": ["no name", *many], f"{many[position]} A": ["192.0.2.1"]})
            assert await find(names_of(dns), "192.0.2.1") == expected
            assert len(dns.asked) == 1 + ReverseNames.MAX_CONFIRMED

    asyncio.run(run())


def test_a_name_that_cannot_be_followed_is_no_matter_if_another_leads_back() -> None:
    """In time, or not at all."""

    async def run() -> None:
        records = {"192.0.2.1": ["broken.test", "lost.test", "mx.test"], "broken.test A": TROUBLE, **BACK}
        dns = Oracle(records)
        dns.silent = {"lost.test A"}
        assert await find(names_of(dns, seconds=0.02), "192.0.2.1") == ReverseName("mx.test", is_confirmed=True)

    asyncio.run(run())


def test_nobody_is_asked_about_this_machine_and_its_link(tmp_path: Path) -> None:
    """The file of hosts is, which goes first for every address and needs no confirmation."""
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n192.0.2.1 near.test\n", encoding="utf-8")
    dns = Oracle({"127.0.0.2": ["liar.test"], "192.0.2.1": ["mx.test"]})
    names = ReverseNames(dns, HostsFile(os.fspath(path)), lambda: 0.0)

    assert names.find("127.0.0.1") == ReverseName("localhost", is_confirmed=True)
    assert names.find("192.0.2.1") == ReverseName("near.test", is_confirmed=True)
    for source in ("127.0.0.2", "[::1]", "[fe80::1%eth0]", "[fe80::1]", "169.254.1.1", "local", ""):
        assert names.find(source) == NO_NAME
    assert dns.asked == []


# ---------------------------------------------------------------- time


def test_an_answer_is_kept_as_long_as_its_zone_says() -> None:
    """Within bounds; what is kept needs no waiting."""

    async def run() -> None:
        for seconds, kept in ((300.0, 300.0), (0.0, ReverseNames.MIN_SECONDS_KEPT), (9e9, 3600.0)):
            clock = [0.0]
            dns = Oracle({"192.0.2.1": ["mx.test"], **BACK}, seconds)
            names = names_of(dns, clock)
            first = await find(names, "192.0.2.1")
            clock.append(kept - 1)
            assert names.find("192.0.2.1") == first
            clock.append(kept)
            assert await find(names, "192.0.2.1") == first
            assert dns.asked == ["192.0.2.1", "mx.test A"] * 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("records", "kept"),
    [({}, NOTHING.seconds), ({"192.0.2.1": TROUBLE}, 15.0), ({"192.0.2.1": ["a.test"], "a.test A": TROUBLE}, 15.0)],
    ids=["no name", "no answer", "half an answer"],
)
def test_that_there_is_no_answer_is_kept_for_a_short_while(
    records: Mapping[str, Sequence[str] | object], kept: float
) -> None:
    """A server that is broken is not asked for each connection."""

    async def run() -> None:
        clock = [0.0]
        dns = Oracle(records)
        names = names_of(dns, clock)
        first = await find(names, "192.0.2.1")
        asked = len(dns.asked)
        clock.append(kept - 1)
        assert names.find("192.0.2.1") == first
        clock.append(kept)
        assert await find(names, "192.0.2.1") == first
        assert len(dns.asked) == 2 * asked

    asyncio.run(run())


def test_a_silent_server_is_not_waited_for() -> None:
    """After the limit nobody can tell."""

    async def run() -> None:
        for silent in ("192.0.2.1", "mx.test A"):
            dns = Oracle({"192.0.2.1": ["mx.test"], **BACK})
            dns.silent = {silent}
            assert await find(names_of(dns, seconds=0.02), "192.0.2.1") == UNKNOWN

    asyncio.run(run())


def test_clients_of_one_address_share_one_look_up() -> None:
    """One that leaves does not take it from the others."""

    async def run() -> None:
        dns = Oracle({"192.0.2.1": ["mx.test"], **BACK})
        names = names_of(dns)
        waiting = [asyncio.ensure_future(find(names, "192.0.2.1")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [ReverseName("mx.test", is_confirmed=True)] * 2
        assert dns.asked == ["192.0.2.1", "mx.test A"]

    asyncio.run(run())


def test_the_oldest_answer_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for so many."""
    monkeypatch.setattr(ReverseNames, "MAX_KNOWN", 3)

    async def run() -> None:
        dns = Oracle({})
        names = names_of(dns)
        for number in (1, 2, 3, 4):
            await find(names, f"192.0.2.{number}")
        assert names.find("192.0.2.2") == NO_NAME
        await find(names, "192.0.2.1")
        assert dns.asked == [f"192.0.2.{number}" for number in (1, 2, 3, 4, 1)]

    asyncio.run(run())


def test_few_questions_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for their turn, but no longer than anybody."""
    monkeypatch.setattr(ReverseNames, "MAX_QUESTIONS", 2)

    async def run() -> None:
        dns = Oracle({})
        sources = [f"192.0.2.{number}" for number in range(4)]
        dns.silent = set(sources[:2])
        names = names_of(dns, seconds=0.05)
        found = await asyncio.gather(*(find(names, source) for source in sources))
        assert found == [UNKNOWN] * 4
        assert dns.asked == sources[:2]

    asyncio.run(run())


def test_the_end_leaves_nothing_behind() -> None:
    """Who waits, and who comes later, hears that nobody can tell."""

    async def run() -> None:
        dns = Oracle({"192.0.2.1": ["mx.test"], **BACK})
        dns.silent = {"192.0.2.1", "mx.test A"}
        names = names_of(dns)
        waiting = asyncio.ensure_future(find(names, "192.0.2.1"))
        await asyncio.sleep(0)
        late = names.find("192.0.2.2")
        await names.close()
        assert isinstance(late, Awaitable)
        assert (await waiting, await late, names.find("192.0.2.3")) == (UNKNOWN, UNKNOWN, UNKNOWN)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_a_real_server_of_names(tmp_path: Path) -> None:
    """From the address to the name and back, over UDP."""
    zone: Zone = {
        ("1.2.0.192.in-addr.arpa", "PTR"): ["mx.test."],
        ("2.2.0.192.in-addr.arpa", "PTR"): Trouble.SERVFAIL,
        ("3.2.0.192.in-addr.arpa", "PTR"): [r"a\010b.test."],
        ("mx.test", "A"): ["192.0.2.1"],
    }

    async def run() -> None:
        async with DnsServer(zone) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            names = ReverseNames(dns, HostsFile("/nonexistent/hosts"), lambda: 0.0)
            assert await find(names, "192.0.2.1") == ReverseName("mx.test", is_confirmed=True)
            assert await find(names, "192.0.2.2") == UNKNOWN
            assert await find(names, "192.0.2.3") == NO_NAME
            assert await find(names, "192.0.2.4") == NO_NAME
            await names.close()

    asyncio.run(run())
