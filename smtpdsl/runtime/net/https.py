"""Fetching one small file over HTTPS: HTTP by h11, addresses by our name servers, connections by asyncio.

    client.get("mta-sts.example.com", "/.well-known/mta-sts.txt")
        addresses ──▶ connection ──▶ TLS, certificate verified ──▶ GET ──▶ Document("text/plain", b"version: STSv1…")

Nothing is followed, nothing is kept, and nobody is waited for without end: whoever answers is a stranger.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from errno import ECONNRESET
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.runtime.net.both_families import AddressDns, both_families
from smtpdsl.runtime.net.client import reason_of
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.racing import Race, Target
from smtpdsl.runtime.net.tls_words import reason_of as tls_reason_of

if TYPE_CHECKING:
    import h11

HTTPS_PORT = 443
_OK = 200
_BLOCK_OCTETS = 16 * 1024
# What may be around a document: header fields, the sizes of chunks, and answers that are none yet.
_MAX_FRAME_OCTETS = 32 * 1024
_MAX_ADDRESSES = 8


class FetchError(Exception):
    """There is no document; the text is one printable line."""


class UntrustedError(FetchError):
    """The server does not prove that it has the name it was asked for by."""


class Document(NamedTuple):
    """What a server has; *media_type* is in small letters, and without parameters."""

    media_type: str
    octets: bytes


class HttpsClient:
    """Fetches documents."""

    def __init__(
        self,
        dns: AddressDns,
        context: Callable[[], ssl.SSLContext],
        *,
        port: int = HTTPS_PORT,
        seconds: float = 20.0,
        is_usable: Callable[[IpAddress], bool] = lambda address: not address.is_unroutable,
    ) -> None:
        """Connect to the addresses that *dns* gives.

        Args:
            dns: What is known of hosts.
            context: Gives what a handshake is made with, and whose word counts.
            port: Where servers listen.
            seconds: How long one document may take in all.
            is_usable: Whether a stranger may name such an address.
        """
        self._dns = dns
        self._context = context
        self._port = port
        self._seconds = seconds
        self._is_usable = is_usable

    async def get(self, host: str, path: str, most: int) -> Document:
        """Return what *host* has at *path*, of *most* octets.

        Raises:
            UntrustedError: The certificate of the server is not one for *host*.
            FetchError: There is nothing to be had, or it is more than that.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._get(host, path, most)
        except TimeoutError:
            message = f"{host} has not given it within {self._seconds:g} seconds"
        except ssl.SSLCertVerificationError as error:
            message = f"no TLS with {host}: {tls_reason_of(error)}"
            raise UntrustedError(message) from None
        except ssl.SSLError as error:
            message = f"no TLS with {host}: {tls_reason_of(error)}"
        except OSError as error:
            message = f"the connection to {host} fails: {reason_of(error)}"
        except ValueError:
            # Of the TLS library: strangers choose names.
            message = f"no host can be called {host!a}"
        raise FetchError(message)

    async def _get(self, host: str, path: str, most: int) -> Document:
        race = Race([Target(each, self._port) for each in await self._addresses(host)], self._seconds)
        reached = await race.winner()
        if reached is None:
            raise race.failures()[0].error
        loop = asyncio.get_running_loop()
        try:
            connection, _ = await loop.create_connection(asyncio.Protocol, sock=reached.socket)
        except BaseException:
            reached.socket.close()
            raise
        try:
            reader, transport = await self._secured(connection, host)
            return await _ask(reader, transport, host, path, most)
        finally:
            # Nobody has to agree that it is over.
            connection.abort()

    async def _secured(
        self, connection: asyncio.Transport, host: str
    ) -> tuple[asyncio.StreamReader, asyncio.Transport]:
        """Begin TLS.

        By itself: where asyncio begins connection and TLS at once, whoever is cancelled then cannot end them.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(_BLOCK_OCTETS)
        protocol = asyncio.StreamReaderProtocol(reader)
        # What was said in the clear has gone to another protocol, and is forgotten.
        transport = await loop.start_tls(connection, protocol, self._context(), server_hostname=host)
        if transport is None:
            raise ConnectionResetError(ECONNRESET, "")
        protocol.connection_made(transport)
        return reader, transport

    async def _addresses(self, host: str) -> list[str]:
        found = await both_families(self._dns, host)
        addresses = list(islice(filter(self._may_be_named, found.addresses), _MAX_ADDRESSES))
        if not addresses:
            message = f"no address of {host} is known"
            raise FetchError(message)
        return addresses

    def _may_be_named(self, address: str) -> bool:
        parsed = IpAddress.parse(address)
        return parsed is not None and self._is_usable(parsed)


async def _ask(reader: asyncio.StreamReader, transport: asyncio.Transport, host: str, path: str, most: int) -> Document:
    """Ask for *path* over a connection of its own."""
    # Most servers fetch nothing, or something once a day.
    import h11  # noqa: PLC0415

    talk = h11.Connection(h11.CLIENT)
    headers = [("Host", host), ("Accept", "text/plain"), ("User-Agent", "smtpdsl"), ("Connection", "close")]
    request = talk.send(h11.Request(method="GET", target=path, headers=headers))
    assert request is not None, "a request is octets"
    transport.write(request + (talk.send(h11.EndOfMessage()) or b""))
    try:
        return await _answer(talk, reader, host, most)
    except h11.RemoteProtocolError as error:
        message = f"what {host} answers is no HTTP: {ascii(str(error))[1:-1]}"
        raise FetchError(message) from None


async def _answer(talk: h11.Connection, reader: asyncio.StreamReader, host: str, most: int) -> Document:
    import h11  # noqa: PLC0415

    media_type, octets, heard = "", b"", 0
    while heard <= most + _MAX_FRAME_OCTETS:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            block = await reader.read(_BLOCK_OCTETS)
            heard += len(block)
            talk.receive_data(block)
        elif isinstance(event, h11.Response):
            media_type = _media_type(event, host)
        elif isinstance(event, h11.Data):
            octets += event.data
        elif isinstance(event, h11.EndOfMessage) and len(octets) <= most:
            return Document(media_type, octets)
        elif not isinstance(event, h11.InformationalResponse):
            break
    message = f"{host} has more than {most} octets"
    raise FetchError(message)


def _media_type(response: h11.Response, host: str) -> str:
    """Return the media type of a good *response*."""
    if response.status_code != _OK:
        # RFC 8461 §3.3: a policy that is somewhere else is nobody's.
        message = f"{host} answers {response.status_code}"
        raise FetchError(message)
    values = dict(response.headers)
    if values.get(b"content-encoding", b"identity").lower() != b"identity":
        message = f"{host} has it only in an encoding that was not asked for"
        raise FetchError(message)
    return values.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
