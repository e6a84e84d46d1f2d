"""The log of the server, as far as the judge reads it.

8bb2c1a500000001 smtp connected address=127.1.0.7 …      all lines of this session belong to that address
5f1e02aa9c31d407 mda delivery evpid=5f1e02aa… result=Ok  what became of an envelope of message 5f1e02aa
warn: fault: KeyError …                                  a mistake of ours
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.vectors.replies import shown

_EVENT = re.compile(rb"(?P<subject>[0-9a-f]{16}) (?P<name>[a-z]+ (?:event=)?[a-z-]+)(?: |$)")
_SENTENCE = re.compile(rb"[a-z]+: ")
_ADDRESS = re.compile(rb" address=(\S+)")
_ENVELOPE = re.compile(rb" evpid=(?P<message>[0-9a-f]{8})[0-9a-f]{8}(?: |$)")
_RESULT = re.compile(rb" result=\"?([A-Za-z]+)")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]")
_FAULTS = (b"Traceback", b"warn: fault:")


class Attempt(NamedTuple):
    """A delivery that was tried, and its result: Ok, TempFail, PermFail."""

    message: str
    route: str
    result: str


def lines_by_source(lines: Sequence[bytes]) -> dict[str, list[bytes]]:
    """Return the lines of all sessions, by the address that they came from."""
    sources: dict[bytes, str] = {}
    found: dict[str, list[bytes]] = {}
    for line in lines:
        event = _EVENT.match(line)
        if event and event["name"] == b"smtp connected" and (address := _ADDRESS.search(line)):
            sources[event["subject"]] = address[1].strip(b'"').decode("latin-1")
        if line[:16] in sources:
            found.setdefault(sources[line[:16]], []).append(line)
    return found


def attempts(lines: Iterable[bytes]) -> Iterator[Attempt]:
    """Yield the attempts to deliver."""
    for line in lines:
        event = _EVENT.match(line)
        if event and event["name"] in (b"mda delivery", b"mta delivery"):
            envelope, result = _ENVELOPE.search(line), _RESULT.search(line)
            if envelope and result:
                yield Attempt(envelope["message"].decode(), event["name"][:3].decode(), result[1].decode())


def envelopes(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the message of each envelope that was accepted."""
    for line in lines:
        event = _EVENT.match(line)
        if event and event["name"] == b"smtp envelope" and (envelope := _ENVELOPE.search(line)):
            yield envelope["message"].decode()


def faults(lines: Iterable[bytes]) -> list[str]:
    """Return the lines that tell of a mistake of ours."""
    return [f"the log has {shown(line, 300)}" for line in lines if any(mark in line for mark in _FAULTS)]


def broken_lines(lines: Iterable[bytes]) -> list[str]:
    """Return what is wrong with *lines* as lines of a log: each is one printable event."""
    problems = []
    for line in lines:
        if _CONTROL.search(line):
            problems.append(f"a line of the log with a control character: {shown(line, 300)}")
        elif not _EVENT.match(line) and not _SENTENCE.match(line):
            problems.append(f"a line of the log that is no event: {shown(line, 300)}")
    return problems


def leaks(lines: Sequence[bytes], secrets: Iterable[bytes]) -> list[str]:
    """Return which of the *secrets* stand in *lines*; they are not repeated."""
    return ["the log has a secret of the client" for secret in secrets if any(secret in line for line in lines)]
