"""Names and addresses of other hosts; nobody asks the DNS here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest

from smtpdsl.runtime.net.resolver import NameCache, ResolveError, SystemResolver


class Oracle:
    """A resolver that answers when it is told to."""

    def __init__(self) -> None:
        """Know nothing, and wait."""
        self.asked: list[str] = []
        self.answers = asyncio.Event()

    async def addresses(self, host: str) -> Sequence[str]:
        """Be asked for names only."""
        raise ResolveError(host)

    async def name(self, address: str) -> str | None:
        """Answer that the address is its own name, but for one that has none."""
        self.asked.append(address)
        await self.answers.wait()
        return None if address == "192.0.2.9" else f"{address}.test"


async def turn() -> None:
    """Let every task come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_name_is_never_waited_for() -> None:
    """It is not known, and then it is."""

    async def run() -> None:
        oracle = Oracle()
        names = NameCache(oracle, lambda: 0.0)
        names.prepare("192.0.2.1")
        assert names.name("192.0.2.1") is None
        oracle.answers.set()
        await turn()
        assert names.name("192.0.2.1") == "192.0.2.1.test"
        await names.close()

    asyncio.run(run())


def test_an_answer_is_kept_for_a_while() -> None:
    """Also the answer that there is no name; a name that was known once is told until there is a new answer."""

    async def run() -> None:
        now = 0.0
        oracle = Oracle()
        oracle.answers.set()
        names = NameCache(oracle, lambda: now)
        for now, count in ((0.0, 2), (NameCache.SECONDS - 1, 2), (NameCache.SECONDS, 4)):  # noqa: B007 - the clock reads it
            for address in ("192.0.2.1", "192.0.2.9"):
                names.prepare(address)
            await turn()
            assert (len(oracle.asked), names.name("192.0.2.1")) == (count, "192.0.2.1.test")
        await names.close()

    asyncio.run(run())


def test_few_questions_are_asked_at_once() -> None:
    """Where nobody answers, mail goes out all the same, and what is asked already is not asked again."""

    async def run() -> None:
        oracle = Oracle()
        names = NameCache(oracle, lambda: 0.0)
        for number in [1, 1, *range(9)]:
            names.prepare(f"192.0.2.{number}")
        await turn()
        assert oracle.asked == ["192.0.2.1", "192.0.2.0"]
        await names.close()

    asyncio.run(run())


def test_not_every_name_of_the_world_is_kept() -> None:
    """The oldest answer is forgotten first."""

    async def run() -> None:
        oracle = Oracle()
        oracle.answers.set()
        names = NameCache(oracle, lambda: 0.0)
        for number in range(NameCache.MAX_NAMES + 1):
            names.prepare(str(number))
            await turn()
        assert (names.name("0"), names.name("1")) == (None, "1.test")
        await names.close()

    asyncio.run(run())


def test_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address once, in the order of the system, and of the Internet's families only."""
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/run/socket"),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "getnameinfo", lambda *_: ("mx.test", "0"))

    async def run() -> None:
        resolver = SystemResolver()
        assert await resolver.addresses("mx.test") == ["2001:db8::1", "192.0.2.1"]
        assert await resolver.name("192.0.2.1") == "mx.test"
        resolver.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (UnicodeError("label too long"), "not a host name"),
    ],
)
def test_what_the_system_does_not_know_is_an_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    """Of a name it is told why, and of an address there is no name."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket, "getnameinfo", fail)

    async def run() -> None:
        resolver = SystemResolver()
        with pytest.raises(ResolveError, match=text):
            await resolver.addresses("mx.test")
        if isinstance(error, OSError):
            assert await resolver.name("192.0.2.1") is None
        resolver.close()

    asyncio.run(run())


def test_a_name_that_is_none_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the DNS of an address could write anything there."""
    monkeypatch.setattr(socket, "getnameinfo", lambda *_: ('x"\nmta delivery result="Ok', "0"))

    async def run() -> None:
        resolver = SystemResolver()
        assert await resolver.name("192.0.2.1") is None
        resolver.close()

    asyncio.run(run())
