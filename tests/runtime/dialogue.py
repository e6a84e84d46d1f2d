r"""Sessions as text: how ``tests/dialogues/*.smtp`` are read, whoever plays the client.

    # A title, and remarks
    S: 220 *                              a reply; `*` stands for any text
    C: EHLO client.test                   a line, to which CRLF is added; `\r`, `\n`, `\\` and `\xNN` are octets
    S: 250 *                              a reply of several lines may be given by its last line alone ...
    S: 250-mx.test *                      ... or by all of them
    S: 250 HELP
    C> NOOP\n                             octets as they are, without a CRLF
    C: (TLS)                              the client brings TLS up, before it goes on
    S: 500 5.5.2 *       # why            a remark behind two blanks
    S: (closes)                           the server ends the connection; only at the end

Lines of the client that follow each other are one write.  ``tests/dialogues/README.md``
says whom the server knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent.parent / "dialogues"

_ESCAPE = re.compile(rb"\\(r|n|\\|x[0-9a-f]{2})")
_PLAIN = {b"r": b"\r", b"n": b"\n", b"\\": b"\\"}
_CLOSES = "(closes)"
_SECURES = "(TLS)"


class ExpectedReply(NamedTuple):
    """What the server has to answer: a pattern for each line, or for the last one."""

    patterns: tuple[str, ...]
    place: str

    def mismatch(self, lines: list[str]) -> str | None:
        """Say how *lines*, a whole reply without CRLF, is not what is expected."""
        found = lines if len(self.patterns) > 1 else lines[-1:]
        matches = len(found) == len(self.patterns) and all(map(_matches, self.patterns, found))
        return None if matches else f"{self.place}: expected {self.patterns}, found {lines}"


class Exchange(NamedTuple):
    """What the client writes at once, and every reply that comes before it writes again; it may need TLS first."""

    octets: bytes
    replies: tuple[ExpectedReply, ...]
    secures: bool = False


class Dialogue(NamedTuple):
    """A session: the first exchange is the greeting, and writes nothing."""

    exchanges: tuple[Exchange, ...]
    closes: bool


class DialogueError(ValueError):
    """A file is no dialogue."""


class _Line(NamedTuple):
    mark: str
    text: str
    place: str


def dialogue_files() -> list[Path]:
    """Return every dialogue that needs no TLS, by name."""
    return sorted(FOLDER.glob("*.smtp"))


def tls_dialogue_files() -> list[Path]:
    """Return the others; their listener is for submission."""
    return sorted(FOLDER.glob("tls/*.smtp"))


def parse_dialogue(text: str, name: str = "dialogue") -> Dialogue:
    """Read a dialogue.

    Raises:
        DialogueError: A line is neither the client's nor the server's, or a reply has no end.
    """
    lines = list(_lines(text, name))
    closes = bool(lines) and lines[-1].text == _CLOSES
    if closes:
        lines.pop()
    groups = [(is_server, list(group)) for is_server, group in groupby(lines, lambda line: line.mark == "S:")]
    if groups and groups[0][0]:
        groups.insert(0, (False, []))
    exchanges = []
    for (_, sent), (_, answered) in zip(groups[::2], [*groups[1::2], (True, [])], strict=False):
        secures = bool(sent) and sent[0].text == _SECURES
        octets = b"".join(map(_octets, sent[1:] if secures else sent))
        exchanges.append(Exchange(octets, tuple(_replies(answered)), secures))
    return Dialogue(tuple(exchanges), closes)


def _lines(text: str, name: str) -> Iterator[_Line]:
    for number, line in enumerate(text.splitlines(), 1):
        meant = re.sub(r"(^|  +)#.*", "", line).rstrip()
        if not meant:
            continue
        mark, _, rest = meant.partition(" ")
        if mark not in {"C:", "C>", "S:"}:
            message = f'{name}:{number}: expected "C:", "C>" or "S:", found {line!r}'
            raise DialogueError(message)
        yield _Line(mark, rest, f"{name}:{number}")


def _octets(line: _Line) -> bytes:
    def meant(found: re.Match[bytes]) -> bytes:
        return _PLAIN.get(found[1]) or bytes.fromhex(found[1][1:].decode())

    return _ESCAPE.sub(meant, line.text.encode()) + (b"\r\n" if line.mark == "C:" else b"")


def _replies(lines: list[_Line]) -> Iterator[ExpectedReply]:
    patterns: list[str] = []
    for line in lines:
        patterns.append(line.text)
        if line.text[3:4] != "-":
            yield ExpectedReply(tuple(patterns), line.place)
            patterns = []
    if patterns:
        message = f"{lines[-1].place}: expected the last line of a reply"
        raise DialogueError(message)


def _matches(pattern: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line) is not None


def take_replies(octets: bytes) -> list[list[str]]:
    """Split what a server has sent into replies, each a list of lines; raise if it is not made of whole replies."""
    replies: list[list[str]] = [[]]
    *lines, rest = octets.decode("ascii").split("\r\n")
    assert not rest, f"a line without an end: {rest!r}"
    for line in lines:
        replies[-1].append(line)
        if line[3:4] != "-":
            replies.append([])
    assert not replies.pop(), "a reply without an end"
    return replies
