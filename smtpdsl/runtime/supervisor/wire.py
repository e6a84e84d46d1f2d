"""What the server and a process that delivers say to each other, over a socket of their own.

    ──▶  three lengths │ work as JSON │ prefix │ content, unless it is in a file
    ◀──  outcome as JSON │ LF

Neither side believes what has not the right form.
"""

from __future__ import annotations

import json
import socket
import struct

from smtpdsl.runtime.delivery.outcomes import one_line
from smtpdsl.runtime.interfaces import (
    CommandWork,
    Identity,
    InlineContent,
    LocalWork,
    MaildirWork,
    Outcome,
    Result,
    SpooledContent,
)

_LENGTHS = struct.Struct("!III")
# Work, prefix, content: command lines and header lines are far smaller, and larger content is in a file.
_MAX_LENGTHS = (256 * 1024, 64 * 1024, 1024 * 1024)
MAX_OUTCOME_OCTETS = 64 * 1024


class WireError(Exception):
    """The other side has not said what it should."""

    def __init__(self, expected: str) -> None:
        """Tell that *expected* did not come."""
        super().__init__(f"expected {expected}, found something else")


# ---------------------------------------------------------------- work


def encode_work(work: LocalWork) -> bytes:
    """Return *work* as it is sent; the descriptor of content in a file goes another way."""
    content = work.content.octets if isinstance(work.content, InlineContent) else b""
    text = json.dumps(
        {
            "identity": work.identity,
            type(work.method).__name__: work.method,
            "time_limit": work.time_limit,
            "size": work.content.size,
        }
    ).encode()
    return b"".join((_LENGTHS.pack(len(text), len(work.prefix), len(content)), text, work.prefix, content))


def receive_work(connection: socket.socket, *, is_spooled: bool) -> LocalWork:
    """Read the work that comes over *connection*; content that *is_spooled* loses its path.

    Raises:
        WireError: Something else comes, or too little.
        OSError: The connection broke.
    """
    lengths = _LENGTHS.unpack(_receive(connection, _LENGTHS.size))
    if any(length > most for length, most in zip(lengths, _MAX_LENGTHS, strict=True)):
        expected = f"at most {_MAX_LENGTHS} octets"
        raise WireError(expected)
    text, prefix, content = (_receive(connection, length) for length in lengths)
    match _parse(text):
        case {
            "identity": [str(name), int(uid), int(gid), str(home)],
            "time_limit": int(time_limit) | float(time_limit),
            "size": int(size),
            **others,
        } if is_spooled or size == len(content):
            return LocalWork(
                identity=Identity(name, uid, gid, home),
                method=_method(others),
                prefix=prefix,
                content=SpooledContent("", size) if is_spooled else InlineContent(content),
                time_limit=time_limit,
            )
    expected = "work"
    raise WireError(expected)


def _method(value: object) -> MaildirWork | CommandWork:
    match value:
        case {"MaildirWork": [str(folder), str(name), str(sub_folder), bool(sorts_junk), bool(may_exist)]}:
            return MaildirWork(folder, name, sub_folder, sorts_junk, may_exist)
        case {"CommandWork": [str(command), [*variables]]}:
            return CommandWork(command, tuple(map(_variable, variables)))
    expected = "a method"
    raise WireError(expected)


def _variable(value: object) -> tuple[str, str]:
    match value:
        case [str(name), str(text)]:
            return name, text
    expected = "a variable"
    raise WireError(expected)


def _receive(connection: socket.socket, count: int) -> bytes:
    """Read exactly *count* octets."""
    octets = bytearray()
    while len(octets) < count:
        chunk = connection.recv(count - len(octets))
        if not chunk:
            expected = "more octets"
            raise WireError(expected)
        octets += chunk
    return bytes(octets)


# ---------------------------------------------------------------- outcomes


def encode_outcome(outcome: Outcome) -> bytes:
    """Return *outcome* as it is sent."""
    return json.dumps([outcome.result.value, outcome.text, outcome.status]).encode() + b"\n"


def decode_outcome(line: bytes) -> Outcome:
    """Return the outcome that *line* says; its text is one line of printable characters, whatever was sent.

    Raises:
        WireError: It says none.
    """
    match _parse(line):
        case ["Ok" | "TempFail" | "PermFail" as result, str(text), str(status)]:
            return Outcome(Result(result), one_line(text), one_line(status))
    expected = "an outcome"
    raise WireError(expected)


def _parse(text: bytes) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        expected = "JSON"
        raise WireError(expected) from None
    return value
