"""SMTP replies (RFC 5321 §4.2) and their enhanced status codes (RFC 3463).

550 5.7.1 no reverse DNS         Reply(code=550, enhanced_status="5.7.1", lines=("no reverse DNS",))

250-mx.example                   Reply(code=250, lines=("mx.example", "SIZE 36700160"))
250 SIZE 36700160
"""

from __future__ import annotations

import re
from functools import cache

from smtpdsl.record import Record
from smtpdsl.text_error import TextError


class ReplyTextError(TextError):
    """A text that cannot be sent as a reply."""


class Reply(Record):
    """What an SMTP server answers: a code from 200 to 599 and one line or more of text.

    `enhanced_status` is sent in front of each line (RFC 2034 §4); its class is the
    first digit of the code.
    """

    code: int
    enhanced_status: str | None = None
    lines: tuple[str, ...]

    def __str__(self) -> str:
        """Return the reply as it is sent, without the final CRLF."""
        *others, last = [f"{self.enhanced_status} {line}" if self.enhanced_status else line for line in self.lines]
        return "".join(f"{self.code}-{line}\r\n" for line in others) + f"{self.code} {last}".rstrip(" ")

    @property
    def is_temporary(self) -> bool:
        """Whether the client may try again: 4yz (RFC 5321 §4.2.1)."""
        return self.code // 100 == _TRANSIENT

    @property
    def is_permanent(self) -> bool:
        """Whether the client must not try the same again: 5yz."""
        return self.code // 100 == _PERMANENT


_TRANSIENT = 4
_PERMANENT = 5


@cache
def _refusal() -> re.Pattern[str]:
    # Reply-line = Reply-code [ SP textstring ]                            RFC 5321 §4.2
    # status-code = class "." subject "." detail, the last two 1*3DIGIT    RFC 3463 §2
    return re.compile(r"([45])\d\d +(?:(\1\.\d{1,3}\.\d{1,3})(?: +|$))?(.*)", re.ASCII | re.DOTALL)


def parse_reply_text(text: str) -> Reply:
    """Read the one-line refusal that a configuration or an alias spells out, such as ``550 no rDNS``.

    Blanks around the text are dropped.  An enhanced status of another class than the
    code is no status but part of the text.

    Raises:
        ReplyTextError: *text* is not a code from 400 to 599, a blank and printable ASCII.
    """
    # textstring = 1*(%d09 / %d32-126)          RFC 5321 §4.2
    stranger = next((place for place, character in enumerate(text) if not _is_text(character)), None)
    if stranger is not None:
        raise _not_printable(text, stranger)
    found = _refusal().match(text.rstrip())
    if found is None or not (found[2] or found[3]):
        raise _not_a_refusal(text)
    return Reply(code=int(text[:3]), enhanced_status=found[2], lines=(found[3],))


def _is_text(character: str) -> bool:
    return character == "\t" or " " <= character <= "~"


def _not_printable(text: str, place: int) -> ReplyTextError:
    if text[place] in "\r\n":
        return ReplyTextError("expected one line, found the end of a line", place, place + 1)
    found = f'"{text[place]}"' if text[place].isprintable() else f"the character U+{ord(text[place]):04X}"
    return ReplyTextError(f"expected printable ASCII in a reply, found {found}", place, place + 1)


def _not_a_refusal(text: str) -> ReplyTextError:
    code, rest = text[:3], text[3:]
    if not (code.isdigit() and len(code) == len("550")) or rest[:1].isdigit():
        word = text.partition(" ")[0]
        message = f'expected a reply code of three digits, found "{word}"'
        advice = "" if word.isdigit() else f'write "550 {text.strip() or "REASON"}"'
        return ReplyTextError(message, 0, len(word), advice)
    if code[0] not in "45":
        message = f'expected a code from 400 to 599, found "{code}"'
        return ReplyTextError(message, 0, 3, "4xx asks the client to try again later, 5xx refuses for good")
    if rest.startswith("-"):
        message = f'expected a blank after "{code}", found "-"'
        return ReplyTextError(message, 3, 4, "a hyphen begins a reply of several lines; there can be only one")
    if rest.strip():
        message = f'expected a blank after "{code}", found "{rest[0]}"'
        return ReplyTextError(message, 3, 4, f'write "{code} {rest.strip()}"')
    return ReplyTextError(f'expected a text after "{code}"', 0, len(text), f'write "{code} REASON"')
