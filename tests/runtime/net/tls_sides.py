"""Both sides of a TLS connection in memory, and the octets between them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

from smtpdsl.runtime.net.tls import TlsError, TlsLayer

Cut = Callable[[bytes], Iterator[bytes]]


def whole(octets: bytes) -> Iterator[bytes]:
    """Hand over everything at once."""
    if octets:
        yield octets


def singly(octets: bytes) -> Iterator[bytes]:
    """Hand over octet by octet."""
    return (octets[place : place + 1] for place in range(len(octets)))


class Pair:
    """A client and a server that hear each other; what each has understood is kept."""

    def __init__(
        self,
        server: ssl.SSLContext,
        client: ssl.SSLContext,
        name: str | None = "mx.example.org",
        cut: Cut = whole,
        session: ssl.SSLSession | None = None,
    ) -> None:
        """Connect them; nothing is said yet."""
        self.client = TlsLayer(client, server_side=False, server_hostname=name, session=session)
        self.server = TlsLayer(server)
        self.cut = cut
        self.heard = {self.client: b"", self.server: b""}
        self.errors: dict[TlsLayer, str] = {}

    def talk(self) -> Pair:
        """Carry octets until nobody has more to say."""
        while self._carry(self.client, self.server) | self._carry(self.server, self.client):
            pass
        return self

    def _carry(self, source: TlsLayer, to: TlsLayer) -> bool:
        octets = source.data_to_send()
        for piece in self.cut(octets):
            self.give(to, piece)
        return bool(octets)

    def give(self, to: TlsLayer, piece: bytes) -> None:
        """Hand *piece* to one side."""
        try:
            self.heard[to] += to.receive(piece)
        except TlsError as error:
            self.errors.setdefault(to, str(error))

    @property
    def server_error(self) -> str:
        """What the server has to say about the end, or nothing."""
        return self.errors.get(self.server, "")

    @property
    def client_error(self) -> str:
        """What the client has to say about it."""
        return self.errors.get(self.client, "")
