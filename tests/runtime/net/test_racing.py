"""Connecting to several addresses, of which some do not answer; over sockets of loopback."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from smtpdsl.runtime.net.racing import DELAY_SECONDS, Race, Reached, Start, Target
from tests import warp_loop

PATIENT = 60.0


def to(*addresses: str, port: int, source: str | None = None, delay: float = DELAY_SECONDS) -> list[Target]:
    """Return targets at *addresses*."""
    return [Target(each, port, source, delay) for each in addresses]


@pytest.fixture
def taker() -> Iterator[int]:
    """The port of somebody who takes connections at 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def full(address: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket at *address* whose room for connections is full: the next one is not answered."""
    with socket.socket() as server:
        server.bind((address, port))
        server.listen(0)
        with socket.create_connection((address, port)):
            yield server


@pytest.fixture
def silent(taker: int) -> Iterator[str]:
    """An address that does not answer on the port of the taker."""
    for _ in full("127.0.0.2", taker):
        yield "127.0.0.2"


async def winner(race: Race) -> str | None:
    """Return the address that wins, and close the connection."""
    reached = await race.winner()
    if reached is None:
        return None
    with reached.socket:
        assert reached.socket.getpeername()[0] == reached.address
    return reached.address


def test_the_first_address_that_answers_is_taken(taker: int) -> None:
    """In their order."""

    async def run() -> None:
        race = Race(to("127.0.0.1", "127.0.0.2", port=taker), PATIENT)
        assert await winner(race) == "127.0.0.1"
        assert race.failures() == []
        assert await winner(race) is None
        [failure] = race.failures()
        assert failure.address == "127.0.0.2"
        assert isinstance(failure.error, ConnectionRefusedError)
        assert await winner(race) is None
        assert race.failures() == []

    asyncio.run(run())


def test_a_refusal_is_no_reason_to_wait(taker: int) -> None:
    """The next address has its turn at once."""

    async def run() -> None:
        race = Race(to("127.0.0.3", "127.0.0.2", "127.0.0.1", port=taker, delay=PATIENT), PATIENT)
        assert await winner(race) == "127.0.0.1"
        assert [each.address for each in race.failures()] == ["127.0.0.3", "127.0.0.2"]

    asyncio.run(run())


def test_an_address_that_does_not_answer_delays_nobody(taker: int, silent: str) -> None:
    """The next one is tried beside it; the first may be asked again if the second is of no use."""

    async def run() -> None:
        race = Race(to(silent, "127.0.0.1", port=taker, delay=0.01), seconds=2.0)
        assert await winner(race) == "127.0.0.1"
        [failure] = race.failures()
        assert (failure.address, str(failure.error)) == (silent, "no answer before another one's")
        assert await winner(race) is None
        [failure] = race.failures()
        assert (failure.address, str(failure.error)) == (silent, "no answer within 2 seconds")

    warp_loop.run(run())


def test_whoever_gives_up_leaves_no_socket_open(taker: int, silent: str) -> None:
    """A socket that is forgotten would be a warning, and those are errors here."""

    async def run() -> None:
        race = asyncio.ensure_future(Race(to(silent, silent, port=taker), PATIENT).winner())
        await asyncio.sleep(0)
        race.cancel()
        with pytest.raises(asyncio.CancelledError):
            await race

    asyncio.run(run())


def test_whoever_gives_up_when_somebody_has_won_leaves_nothing(taker: int, silent: str) -> None:
    """At no moment of it is a connection lost, or not told of."""

    async def run(turns: int) -> bool:
        counted: Counter[Target] = Counter()

        def begin(target: Target) -> Start:
            counted[target] += 1
            return Start.NOW

        targets = to(silent, "127.0.0.1", port=taker, delay=0.0)
        race = asyncio.ensure_future(
            Race(targets, PATIENT, begin=begin, end=lambda target: counted.subtract([target])).winner()
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        race.cancel()
        [found] = await asyncio.gather(race, return_exceptions=True)
        if isinstance(found, Reached):
            found.socket.close()
            return True
        assert isinstance(found, asyncio.CancelledError)
        assert not counted.total()
        return False

    turns = 0
    while not asyncio.run(run(turns)):
        turns += 1
    assert turns > 1
    gc.collect()


def test_a_connection_begins_where_it_is_told(taker: int) -> None:
    """An address of this machine; one that it does not have is a failure."""

    async def run() -> None:
        reached = await Race(to("127.0.0.1", port=taker, source="127.0.0.9"), PATIENT).winner()
        assert reached is not None
        with reached.socket:
            assert reached.socket.getsockname()[0] == "127.0.0.9"
        race = Race(to("127.0.0.1", port=taker, source="192.0.2.1"), PATIENT)
        assert await winner(race) is None
        [failure] = race.failures()
        assert failure.error.errno is not None

    asyncio.run(run())


def test_whoever_may_not_begin_is_passed_over(taker: int) -> None:
    """And of each that began and came to nothing it is told."""

    async def run() -> None:
        begun: list[str] = []
        ended: list[str] = []

        def begin(target: Target) -> Start:
            begun.append(target.address)
            return Start.NEVER if target.address == "127.0.0.2" else Start.NOW

        targets = to("127.0.0.2", "127.0.0.3", "127.0.0.1", port=taker, delay=PATIENT)
        race = Race(targets, PATIENT, begin=begin, end=lambda target: ended.append(target.address))
        assert await winner(race) == "127.0.0.1"
        assert (begun, ended) == (["127.0.0.2", "127.0.0.3", "127.0.0.1"], ["127.0.0.3"])
        assert await winner(race) is None

    asyncio.run(run())


def test_who_does_not_answer_is_given_up_for_whom_may_begin_later(taker: int, silent: str) -> None:
    """Somebody has another connection there, or will have one."""

    def begin(target: Target) -> Start:
        return Start.NOW if target.address == silent else Start.LATER

    async def run() -> None:
        race = Race(to(silent, "127.0.0.1", port=taker, delay=0.01), PATIENT, begin=begin)
        assert await winner(race) is None
        [failure] = race.failures()
        assert (failure.address, str(failure.error)) == (silent, "no answer before another one's")

    asyncio.run(run())
