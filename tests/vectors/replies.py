r"""What a server has answered: octets to replies, and what is wrong with them (RFC 5321 §4.2).

b"250-mx.test\r\n250 SIZE 1000\r\n25"      Reply(250, ("mx.test", "SIZE 1000")), and "25" waits for more
"""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 5321 §4.5.3.1.5: with the code and CRLF.
MAX_LINE_OCTETS = 512
_LINE = re.compile(rb"[0-9]{3}[ -]")
# C0, DEL, and C1 as UTF-8 writes it.
# A record of TLS (RFC 8446 §5.1): an alert, where the client has asked for TLS and then does not speak it.
_TLS_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]")


class Reply(NamedTuple):
    """A reply, without its line ends; *over_tls* says how it came."""

    code: str
    lines: tuple[str, ...]
    over_tls: bool = False

    @property
    def text(self) -> str:
        """All of its lines."""
        return " / ".join(self.lines)


class ReplyReader:
    """Takes octets as they come; `replies` and `problems` grow."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.replies: list[Reply] = []
        self.problems: list[str] = []
        self._rest = b""
        self._lines: list[bytes] = []
        self._is_tls_refused = False

    def receive(self, octets: bytes, *, over_tls: bool) -> None:
        """Take some *octets*."""
        if not over_tls and not self._rest and not self._lines and _TLS_RECORD.match(octets):
            self._is_tls_refused = True
        if self._is_tls_refused:
            return
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            self._take(line + b"\n", over_tls=over_tls)

    def finish(self) -> None:
        """Nothing more comes."""
        if self._rest or self._lines:
            self.problems.append(f"the last reply has no end: {shown(b''.join([*self._lines, self._rest]))}")
            self._rest, self._lines = b"", []

    def _take(self, line: bytes, *, over_tls: bool) -> None:
        self._look_at(line)
        text = line.rstrip(b"\r\n")
        self._lines.append(text)
        if text[3:4] == b"-":
            return
        codes = {each[:3] for each in self._lines}
        if len(codes) > 1:
            self.problems.append(f"a reply has several codes: {shown(b' '.join(sorted(codes)))}")
        texts = tuple(each[4:].decode("latin-1") for each in self._lines)
        self.replies.append(Reply(text[:3].decode("latin-1"), texts, over_tls))
        self._lines = []

    def _look_at(self, line: bytes) -> None:
        if len(line) > MAX_LINE_OCTETS:
            self.problems.append(f"a reply line of {len(line)} octets: {shown(line)}")
        if not line.endswith(b"\r\n"):
            self.problems.append(f"a reply line that does not end in CRLF: {shown(line)}")
        if not _LINE.match(line):
            self.problems.append(f"a reply line without a code: {shown(line)}")
        if _CONTROL.search(line.removesuffix(b"\n").removesuffix(b"\r")):
            self.problems.append(f"a reply line with a control character: {shown(line)}")


def shown(octets: bytes, limit: int = 120) -> str:
    """Return *octets* as one printable line that is not too long."""
    text = octets if len(octets) <= limit else octets[: limit - 3] + b"..."
    return repr(text)[1:]
