"""Fetching a document from a web server: a real one, and what strangers may make of it."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from smtpdsl.runtime.net.https import Document, FetchError, HttpsClient, UntrustedError
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError
from tests.runtime.web_server import HOST, Trouble, WebServer, answer
from tests.tls_peers import TlsFolder, client_context

MOST = 64 * 1024
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"


class Addresses:
    """A DNS that knows what it is told."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """Know one address of each host."""
        self._known = known

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Return its address, if it is of that family; about the others nobody knows."""
        if host not in self._known:
            raise ResolveError(host)
        address = self._known[host]
        return Records((address,) if (":" in address) == is_ipv6 else (), 60)


def server_context(folder: TlsFolder, *hosts: str, days: int = 90) -> ssl.SSLContext:
    """Return the context of a server for *hosts*, whose certificate is signed by the authority of *folder*."""
    authority = folder.authority("ca")
    pair = folder.pair("web", *hosts, by=authority, starts=min(days, -1), days=abs(days) - 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    return context


def fetch(
    folder: Path,
    said: bytes | Trouble,
    *,
    host: str = "web.test",
    certified: str = "web.test",
    days: int = 90,
    seconds: float = 20.0,
) -> Document:
    """Return what a server has that says so."""

    async def run() -> Document:
        context = server_context(TlsFolder(folder), certified, days=days)
        async with WebServer(context, said) as server:
            trust = client_context(folder / "ca.crt")
            client = HttpsClient(
                Addresses({host: HOST}), lambda: trust, port=server.port, seconds=seconds, is_usable=lambda _: True
            )
            document = await client.get("web.test", "/a/b.txt", MOST)
            assert server.requests == ["GET /a/b.txt HTTP/1.1 Host: web.test"]
            return document

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "document"),
    [
        (answer("words"), Document("text/plain", b"words")),
        (answer("", media_type="Text/HTML; charset=utf-8"), Document("text/html", b"")),
        (answer("x" * MOST), Document("text/plain", b"x" * MOST)),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", Document("", b"to the end")),
        (
            EARLY + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            Document("", b"ab"),
        ),
    ],
    ids=["plain", "type", "largest", "no length", "chunks"],
)
def test_what_there_is(tmp_path: Path, said: bytes, document: Document) -> None:
    """The octets and their type, however they were sent."""
    assert fetch(tmp_path, said) == document


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (answer("", status="404 Not Found"), "web.test answers 404"),
        (answer("", status="301 Moved", more="Location: https://web.test/c\r\n"), "web.test answers 301"),
        (answer("x" * (MOST + 1)), f"web.test has more than {MOST} octets"),
        (answer("x", more="Content-Encoding: gzip\r\n"), "in an encoding that was not asked for"),
        (b"220 mx.test ESMTP\r\n", "what web.test answers is no HTTP"),
        (b"\xff\x00" * 9, "what web.test answers is no HTTP"),
        (Trouble.END, "what web.test answers is no HTTP"),
        (Trouble.CUT_BODY, "what web.test answers is no HTTP"),
        (Trouble.ENDLESS_BODY, f"web.test has more than {MOST} octets"),
        (Trouble.ENDLESS_HEADER, "what web.test answers is no HTTP"),
        (Trouble.ENDLESS_HINTS, f"web.test has more than {MOST} octets"),
    ],
)
def test_what_there_is_not(tmp_path: Path, said: bytes | Trouble, problem: str) -> None:
    """The text says why, in one line that can be printed."""
    with pytest.raises(FetchError) as caught:
        fetch(tmp_path, said)

    assert problem in str(caught.value)
    assert str(caught.value).isprintable()


def test_nobody_is_waited_for_without_end(tmp_path: Path) -> None:
    """Neither for an answer nor for the rest of one."""
    with pytest.raises(FetchError, match=r"web\.test has not given it within 0\.2 seconds"):
        fetch(tmp_path, Trouble.SILENCE, seconds=0.2)


def test_whoever_gives_up_leaves_no_connection_open(tmp_path: Path) -> None:
    """At no moment of it; one that is forgotten would be a warning, and those are errors here."""
    context = server_context(TlsFolder(tmp_path), "web.test")
    trust = client_context(tmp_path / "ca.crt")

    async def run(turns: int) -> bool:
        async with WebServer(context, answer("words")) as server:
            client = HttpsClient(
                Addresses({"web.test": HOST}), lambda: trust, port=server.port, is_usable=lambda _: True
            )
            fetching = asyncio.ensure_future(client.get("web.test", "/", MOST))
            for _ in range(turns):
                await asyncio.sleep(0)
            fetching.cancel()
            [found] = await asyncio.gather(fetching, return_exceptions=True)
            return isinstance(found, Document)

    turns = 0
    while not asyncio.run(run(turns)):
        turns += 1
    assert turns > 1
    # What is forgotten is found here, and not in another test.
    gc.collect()


@pytest.mark.parametrize(
    ("certified", "days", "problem"),
    [("other.test", 90, "Hostname mismatch"), ("web.test", -3, "certificate has expired")],
)
def test_a_server_has_to_prove_its_name(tmp_path: Path, certified: str, days: int, problem: str) -> None:
    """Or whoever is in between would answer for it."""
    with pytest.raises(UntrustedError, match=problem):
        fetch(tmp_path, answer("words"), certified=certified, days=days)


def test_a_host_without_an_address(tmp_path: Path) -> None:
    """Or with one that nobody may name: strangers choose what is in their zone."""
    with pytest.raises(FetchError, match=r"no address of web\.test is known"):
        fetch(tmp_path, b"", host="other.test")

    async def run() -> None:
        await HttpsClient(Addresses({"web.test": HOST}), client_context).get("web.test", "/", MOST)

    with pytest.raises(FetchError, match=r"no address of web\.test is known"):
        asyncio.run(run())


def test_a_name_that_no_host_has(tmp_path: Path) -> None:
    """The library says no."""

    async def run() -> None:
        async with WebServer(server_context(TlsFolder(tmp_path), "web.test"), b"") as server:
            client = HttpsClient(
                Addresses({".web.test": HOST}), client_context, port=server.port, is_usable=lambda _: True
            )
            await client.get(".web.test", "/", MOST)

    with pytest.raises(FetchError, match=r"no host can be called '\.web\.test'"):
        asyncio.run(run())


def test_a_port_that_nobody_listens_on() -> None:
    """Is told in the words of the system."""

    async def run() -> None:
        client = HttpsClient(Addresses({"web.test": HOST}), client_context, port=1, is_usable=lambda _: True)
        await client.get("web.test", "/", MOST)

    with pytest.raises(FetchError, match=r"the connection to web\.test fails: Connection refused"):
        asyncio.run(run())
