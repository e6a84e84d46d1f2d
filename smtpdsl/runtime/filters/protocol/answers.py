r"""What a filter program says.

filter-result|7641df9771b4ed00|1ef1c203cc576e5d|reject|550 5.7.1 no     Result(session, token, "reject", …)
filter-dataline|7641df9771b4ed00|1ef1c203cc576e5d|Subject: hello        DataLine(session, token, b"Subject: hello")
report|1576146008.006099|smtp-in|7641df9771b4ed00|seen before           Told(session, "seen before")
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from smtpdsl.runtime.filters.protocol.handshake import ProtocolError, shown
from smtpdsl.runtime.filters.protocol.versions import Version

_IS_IDENTIFIER = re.compile(rb"[0-9a-f]{16}").fullmatch
_ALONE = frozenset({"proceed", "junk"})
_WITH_TEXT = frozenset({"reject", "disconnect", "rewrite", "report"})
# Of a report, when what the program writes has no text.
_TEXT_OF_REPORT = 4


class Result(NamedTuple):
    """What is to be done in a phase; *text* belongs to the *decision*."""

    session: str
    token: str
    decision: str
    text: str = ""


class DataLine(NamedTuple):
    """A line of the message that takes the place of the one that was sent."""

    session: str
    token: str
    line: bytes


class Told(NamedTuple):
    """Something that is for others to hear, and no answer."""

    session: str
    text: str


Said: TypeAlias = Result | DataLine | Told


def read_answer(line: bytes, version: Version) -> Said:
    """Read a *line* of a program that has been spoken to in *version*.

    Raises:
        ProtocolError: No such line can be an answer.
    """
    kind, _, rest = line.partition(b"|")
    if kind == b"filter-dataline":
        return DataLine(*_addressed(line, rest, version))
    if kind == b"filter-result":
        session, token, answer = _addressed(line, rest, version)
        return _result(line, session, token, answer.decode("utf-8", "surrogateescape"))
    if kind == b"report":
        return _told(line, rest)
    raise _nonsense(line)


def _addressed(line: bytes, rest: bytes, version: Version) -> tuple[str, str, bytes]:
    """Return the session, the token, and what is said."""
    fields = rest.split(b"|", 2)
    if len(fields) != len(("session", "token", "answer")) or not all(map(_IS_IDENTIFIER, fields[:2])):
        raise _nonsense(line)
    first, second, answer = fields
    session, token = (first, second) if version.has_session_first else (second, first)
    return session.decode(), token.decode(), answer


def _result(line: bytes, session: str, token: str, answer: str) -> Result:
    decision, bar, text = answer.partition("|")
    if (decision in _ALONE and not bar) or (decision in _WITH_TEXT and text):
        return Result(session, token, decision, text)
    raise _nonsense(line)


def _told(line: bytes, rest: bytes) -> Told:
    fields = rest.decode("utf-8", "backslashreplace").split("|", _TEXT_OF_REPORT - 1)
    if len(fields) != _TEXT_OF_REPORT or fields[1] != "smtp-in" or not _IS_IDENTIFIER(fields[2].encode()):
        raise _nonsense(line)
    return Told(fields[2], fields[3])


def _nonsense(line: bytes) -> ProtocolError:
    message = f"it said what is no answer: {shown(line)}"
    return ProtocolError(message)
