r"""What a client has said, read again beside the replies it got: the transactions that were accepted.

    MAIL FROM:<a@b>     250
    RCPT TO:<joe@c>     250      Transaction("a@b", ("joe@c",), b"Subject: x\n\n…", identifier "5f1e02aa")
    DATA                354
    Subject: x …  .     250

It is a second reading by other code than the server's.  It only has to be right where a message was
accepted; what hostile octets before it mean, the number of replies tells.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.vectors.replies import Reply

_PATH = re.compile(rb"(?:MAIL FROM|RCPT TO): *<([^\r\n]*?)>(?: |$)", re.IGNORECASE)
# PROXY protocol, version 2: the signature, two octets, and how many more there are.
_PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_BDAT = re.compile(rb"BDAT +0*([0-9]+)(?: +(LAST))? *", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?:2\.0\.0 )?([0-9a-f]{8}) Message accepted")
_STUFFED = re.compile(rb"^\.", re.MULTILINE)


class Transaction(NamedTuple):
    """A message that was accepted; lines of *content* end in LF."""

    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes
    identifier: str


def accepted_identifier(reply: Reply) -> str:
    """Return the identifier of the message that *reply* accepts, or nothing."""
    found = _IDENTIFIER.match(reply.text) if reply.code == "250" else None
    return found[1] if found else ""


def transactions(sent: Sequence[bytes], replies: Sequence[Reply]) -> list[Transaction]:
    """Return what was accepted of what was *sent*; a new item of it begins with each TLS handshake."""
    return list(_Reading(sent, replies).read())


def _proxy_octets(layer: bytes) -> int:
    """Return how long the header of a proxy is, to which nobody replies."""
    if not layer.startswith(_PROXY_SIGNATURE):
        return 0
    return len(_PROXY_SIGNATURE) + 4 + int.from_bytes(layer[14:16], "big")


class _Reading:
    """Goes through both sides of a session."""

    def __init__(self, sent: Sequence[bytes], replies: Sequence[Reply]) -> None:
        self._layers = list(sent)
        # The greeting answers nothing.
        self._replies = deque(replies[1:])
        self._layer, self._at = b"", 0
        self._forget()

    def _line(self) -> bytes:
        """Return the next line, and go on behind it."""
        return self._up_to(b"\r\n")

    def _up_to(self, end: bytes) -> bytes:
        start, found = self._at, self._layer.find(end, self._at)
        stop = len(self._layer) if found < 0 else found
        self._at = min(len(self._layer), stop + len(end))
        return self._layer[start:stop]

    def _forget(self) -> None:
        self._reverse_path = b""
        self._recipients: list[bytes] = []
        self._chunks = b""

    def read(self) -> Iterator[Transaction]:
        """Yield the transactions."""
        for layer in self._layers:
            self._layer, self._at = layer, _proxy_octets(layer)
            while self._at < len(layer) and self._replies:
                line = self._line()
                verb = line[:4].upper()
                if verb == b"BDAT":
                    yield from self._chunk(line)
                    continue
                reply = self._replies.popleft()
                if verb == b"STAR" and reply.code == "220":
                    # What was said after it in the same layer, nobody heard.
                    break
                if verb == b"DATA" and reply.code == "354":
                    yield from self._data()
                else:
                    self._command(verb, line, reply)

    def _command(self, verb: bytes, line: bytes, reply: Reply) -> None:
        path = _PATH.match(line)
        if verb == b"AUTH":
            while reply.code == "334" and self._replies:
                self._line()
                reply = self._replies.popleft()
        elif verb in (b"MAIL", b"EHLO", b"HELO", b"RSET") and reply.code == "250":
            self._forget()
            self._reverse_path = path[1] if path else b""
        elif verb == b"RCPT" and reply.code == "250" and path:
            self._recipients.append(path[1])

    def _data(self) -> Iterator[Transaction]:
        # The line end before the dot belongs to the message; without a message it is that of DATA.
        self._at -= 2
        content = self._up_to(b"\r\n.\r\n")[2:]
        yield from self._end(_STUFFED.sub(b"", content + b"\r\n" if content else b""))

    def _chunk(self, line: bytes) -> Iterator[Transaction]:
        found = _BDAT.fullmatch(line)
        count = int(found[1]) if found and len(found[1]) <= 9 else 0
        self._chunks += self._layer[self._at : self._at + count]
        self._at += count
        if found and found[2]:
            yield from self._end(self._chunks)
        else:
            self._replies.popleft()

    def _end(self, content: bytes) -> Iterator[Transaction]:
        identifier = accepted_identifier(self._replies.popleft()) if self._replies else ""
        if identifier:
            recipients = tuple(each.decode("latin-1") for each in self._recipients)
            text = content.replace(b"\r\n", b"\n")
            # Only chunks can end inside of a line; it gets an end, as it would have had after DATA.
            text += b"\n" if text and not text.endswith(b"\n") else b""
            yield Transaction(self._reverse_path.decode("latin-1"), recipients, text, identifier)
        self._forget()
