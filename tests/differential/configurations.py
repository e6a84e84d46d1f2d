"""The configurations of `corpus`, each with the files it needs and with the envelopes that both servers are asked for.

    table users { ann = "1000:1000:/home/ann" }            the configuration, up to the first line of dashes
    match from any for domain "here.example" action "in"
    --- /home/ann/.forward owner=ben mode=666              a file, up to the next one
    ben
    --- envelopes                                          who connects, and how; sender -> recipient
    away                     joe@away.example -> ann@here.example
    local helo=me.example    <> -> ann@here.example

A file of somebody's home belongs to them, and others to root.  `link=PATH` makes a symbolic link,
`folder` a directory, and what is without a mode has the usual one.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
# Of a client: what it is called here, where it connects from, and where to.
CLIENTS = {
    "local": ("127.0.0.1", "127.0.0.1"),
    "local6": ("::1", "::1"),
    "own": ("192.0.2.1", "192.0.2.1"),
    "away": ("203.0.113.9", "192.0.2.1"),
    "other": ("203.0.113.200", "192.0.2.1"),
    "nameless": ("198.51.100.7", "192.0.2.1"),
    "away6": ("2001:db8:9::9", "2001:db8::1"),
}
NAMES = {"203.0.113.9": "mx.away.example", "203.0.113.200": "203-0-113-200.pool.example"}


class Session(NamedTuple):
    """What envelopes of one connection share."""

    client: str
    helo: str = "client.example"
    port: int = 25
    tls: bool = False
    login: str = ""
    tag: str = ""
    """That of the listener; only `explain` has to be told."""

    @property
    def source(self) -> str:
        """Where it connects from."""
        return CLIENTS[self.client][0]


class Envelope(NamedTuple):
    """What is asked: paths without their angle brackets, but the null sender is ``<>``."""

    session: Session
    sender: str
    recipient: str
    line: str
    """As it is written in the corpus, blanks collapsed."""


class File(NamedTuple):
    """A file of a configuration; *path* is that of the machine."""

    path: str
    text: str
    options: dict[str, str]


class Configuration(NamedTuple):
    """One file of the corpus."""

    name: str
    text: str
    files: tuple[File, ...]
    envelopes: tuple[Envelope, ...]


def read_configuration(path: Path) -> Configuration:
    """Read a file of the corpus."""
    text, *parts = ("\n" + path.read_text(encoding="utf-8")).split("\n--- ")
    files = []
    envelopes: list[Envelope] = []
    for part in parts:
        head, _, body = part.partition("\n")
        name, *options = head.split()
        if name == "envelopes":
            envelopes += [_envelope(line) for line in body.splitlines() if line.strip() and not line.startswith("#")]
        else:
            files.append(File(name, f"{body}\n", dict(each.partition("=")[::2] for each in options)))
    return Configuration(path.stem, f"{text.removeprefix(chr(10))}\n", tuple(files), tuple(envelopes))


def _envelope(line: str) -> Envelope:
    left, _, recipient = line.partition(" -> ")
    client, *options, sender = left.split()
    session = Session(client)
    for option in options:
        name, _, value = option.partition("=")
        match name:
            case "helo":
                session = session._replace(helo=value)
            case "port":
                session = session._replace(port=int(value))
            case "tag":
                session = session._replace(tag=value)
            case "tls":
                session = session._replace(tls=True)
            case "auth":
                session = session._replace(login=value, tls=True)
            case _:
                message = f"{option!r} of {line!r} says nothing about a client"
                raise ValueError(message)
    return Envelope(session, sender, recipient.strip(), " ".join(line.split()))


def configurations() -> list[Configuration]:
    """Read the whole corpus."""
    return [read_configuration(path) for path in sorted(CORPUS.glob("*.conf"))]
