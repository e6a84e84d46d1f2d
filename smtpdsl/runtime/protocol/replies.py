r"""SMTP replies as a client receives them: strict in their frame, forgiving in their text.

    250-mx.example\r\n             ReceivedReply(code=250, lines=("mx.example", "SIZE 36700160"))
    250 SIZE 36700160\r\n

    Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    Reply-code = %x32-35 %x30-35 %x30-39                                    RFC 5321 §4.2

The text is for people, and servers write all kinds of octets into it: what is not
printable ASCII becomes a question mark here, so nothing of it ever ends a line of a log,
of a bounce or of the queue.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 5321 §4.5.3.1.5 gives a line 512 octets and a reply no bound.  Within these are all that were ever seen.
MAX_LINE_OCTETS = 4096
MAX_REPLY_OCTETS = 64 * 1024
MAX_REPLY_LINES = 100

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?\r\n", re.DOTALL)
# status-code = class "." subject "." detail, the last two 1*3DIGIT         RFC 3463 §2
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)")
_PRINTABLE = bytes(octet if 32 <= octet < 127 else ord(" " if octet == 9 else "?") for octet in range(256))  # noqa: PLR2004 - ASCII
_EXCERPT_OCTETS = 60
# RFC 5321 §4.2.1
_FIRST_NEGATIVE = 400
_FIRST_PERMANENT = 500


class ReplyError(Exception):
    """Octets that are no SMTP reply; the text says what was expected and what was found."""


class ReceivedReply(NamedTuple):
    """What a server answered; `lines` are printable ASCII, without the code."""

    code: int
    lines: tuple[str, ...]

    @property
    def is_positive(self) -> bool:
        """Whether it says yes, or yes so far."""
        return self.code < _FIRST_NEGATIVE

    @property
    def is_permanent(self) -> bool:
        """Whether it says no for good."""
        return self.code >= _FIRST_PERMANENT

    @property
    def enhanced_status(self) -> str:
        """The enhanced status in front of the text (RFC 2034 §4), or nothing; its class is that of the code."""
        return _status(self.lines[0], self.code)

    @property
    def one_line(self) -> str:
        """Code and text; of several lines the texts are joined, and what repeats the enhanced status is dropped."""
        first, *others = self.lines
        if not others:
            return f"{self.code} {first.strip()}".rstrip()
        status = self.enhanced_status
        repeated = [line[len(status) :] if status and _status(line, self.code) == status else line for line in others]
        return " ".join(filter(None, (str(self.code), *map(str.strip, (first, *repeated)))))


def _status(line: str, code: int) -> str:
    found = _STATUS.match(line)
    return found[1] if found and int(found[1][0]) == code // 100 else ""


def printable(octets: bytes) -> str:
    """Return *octets* as text for people: what is not printable ASCII is a question mark, a tab is a blank."""
    return octets.translate(_PRINTABLE).decode("ascii")


class ReplyParser:
    """Takes octets as they come, and gives replies; after a `ReplyError` it is of no use any more."""

    def __init__(self) -> None:
        """Begin at the start of a reply."""
        self._rest = b""
        self._searched = 0
        self._code = b""
        self._lines: list[str] = []
        self._octets = 0

    @property
    def is_empty(self) -> bool:
        """Whether no octet waits, not even of a reply that has only begun."""
        return not self._rest and not self._lines

    def receive_data(self, octets: bytes) -> None:
        """Take what the server has sent."""
        self._rest += octets

    def next_reply(self) -> ReceivedReply | None:
        """Return the next complete reply, if there is one.

        Raises:
            ReplyError: What the server sends is no reply, or has no end.
        """
        while (end := self._rest.find(b"\n", self._searched) + 1) > 0:
            line, self._rest = self._rest[:end], self._rest[end:]
            self._searched = 0
            if self._take_line(line):
                reply = ReceivedReply(int(self._code), tuple(self._lines))
                self._code, self._lines, self._octets = b"", [], 0
                return reply
        self._searched = len(self._rest)
        if self._searched > MAX_LINE_OCTETS:
            raise _too_long_line()
        return None

    def _take_line(self, line: bytes) -> bool:
        """Add *line* to the reply, and say whether it was the last one."""
        self._octets += len(line)
        if len(line) > MAX_LINE_OCTETS:
            raise _too_long_line()
        if self._octets > MAX_REPLY_OCTETS:
            message = f"expected a reply of at most {MAX_REPLY_OCTETS} octets"
            raise ReplyError(message)
        found = _LINE.fullmatch(line)
        if found is None:
            raise _no_reply_line(line)
        # RFC 5321 §4.2.1: all lines of a reply have the same code.
        if self._lines and found[1] != self._code:
            message = f'expected {printable(self._code)} in each line of the reply, found "{_excerpt(line)}"'
            raise ReplyError(message)
        self._code = found[1]
        self._lines.append(printable(found[3] or b""))
        if len(self._lines) > MAX_REPLY_LINES:
            message = f"expected a reply of at most {MAX_REPLY_LINES} lines"
            raise ReplyError(message)
        return found[2] != b"-"


def _too_long_line() -> ReplyError:
    return ReplyError(f"expected lines of at most {MAX_LINE_OCTETS} octets")


def _no_reply_line(line: bytes) -> ReplyError:
    # RFC 5321 §2.3.8: a bare LF does not end a line.  A server that means it so would be waited for until time is out,
    # and one that does not could make us take its text for a reply; so the session ends here, and says why.
    if not line.endswith(b"\r\n"):
        return ReplyError(f'expected CR LF at the end of a line, found LF alone after "{_excerpt(line)}"')
    return ReplyError(f'expected a code from 200 to 599 and a blank or a hyphen, found "{_excerpt(line)}"')


def _excerpt(line: bytes) -> str:
    text = printable(line.rstrip(b"\r\n"))
    return text if len(text) <= _EXCERPT_OCTETS else text[:_EXCERPT_OCTETS] + "..."
