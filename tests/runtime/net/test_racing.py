"""Connecting to several addresses, of which some do not answer; over sockets of loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from smtpdsl.runtime.net.racing import Race

PATIENT = 60.0


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
        race = Race(["127.0.0.1", "127.0.0.2"], taker, PATIENT)
        assert await winner(race) == "127.0.0.1"
        assert race.failures() == []
        assert await winner(race) is None
        [failure] = race.failures()
        assert failure.address == "127.0.0.2"
        assert isinstance(failure.error, ConnectionRefusedError)
        assert await winner(race) is None
        assert race.failures() == []

    asyncio.run(run())


def test_a_refusal_is_no_reason_to_wait(taker: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next address has its turn at once."""
    monkeypatch.setattr("smtpdsl.runtime.net.racing.DELAY_SECONDS", PATIENT)

    async def run() -> None:
        race = Race(["127.0.0.3", "127.0.0.2", "127.0.0.1"], taker, PATIENT)
        assert await winner(race) == "127.0.0.1"
        assert [each.address for each in race.failures()] == ["127.0.0.3", "127.0.0.2"]

    asyncio.run(run())


def test_an_address_that_does_not_answer_delays_nobody(taker: int, silent: str) -> None:
    """The next one is tried beside it; the first may be asked again if the second is of no use."""

    async def run() -> None:
        race = Race([silent, "127.0.0.1"], taker, seconds=2.0)
        assert await winner(race) == "127.0.0.1"
        assert race.failures() == []
        assert await winner(race) is None
        [failure] = race.failures()
        assert (failure.address, str(failure.error)) == (silent, "no answer within 2 seconds")

    asyncio.run(run())


def test_whoever_gives_up_leaves_no_socket_open(taker: int, silent: str) -> None:
    """A socket that is forgotten would be a warning, and those are errors here."""

    async def run() -> None:
        race = asyncio.ensure_future(Race([silent, silent], taker, PATIENT).winner())
        await asyncio.sleep(0)
        race.cancel()
        with pytest.raises(asyncio.CancelledError):
            await race

    asyncio.run(run())


def test_a_connection_begins_where_it_is_told(taker: int) -> None:
    """An address of this machine; one that it does not have is a failure."""

    async def run() -> None:
        reached = await Race(["127.0.0.1"], taker, PATIENT, lambda _: "127.0.0.9").winner()
        assert reached is not None
        with reached.socket:
            assert reached.socket.getsockname()[0] == "127.0.0.9"
        race = Race(["127.0.0.1"], taker, PATIENT, lambda _: "192.0.2.1")
        assert await winner(race) is None
        [failure] = race.failures()
        assert failure.error.errno is not None

    asyncio.run(run())
